"""PURE: who asks for which requests, what answers them, who wins, and what is reported to whom.

    options, claim   values
    annotations      what a Service asks for
    backend          where the requests for one port of a Service go
    services         the part of Services and their EndpointSlices
    graph            all parts together: the oldest wins

Each kind whose objects claim requests has a part, which is a file here.
"""

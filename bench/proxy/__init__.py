"""The proxy wing's figures: real nginx, real requests, a real API server where there is one.

session.py     the scenarios one after another, and what is said where one cannot be measured
tables.py      PURE: percentiles, promises, Markdown
network.py     a network of their own: every ClusterIP is an address of this machine, and only here
sid.py         Debian sid's nginx beside the machine's own
backend.py     the upstream: says at which address it was asked
asking.py      one request after another until the new route answers
load.py        clients at a constant rate that count every way to fail
commands.py    wherry's proxy commands in the background
memory.py      what processes hold
manifests.py   Services by the thousand
apiserver.py   an API server that is written to
scenarios/     one file a subject; each has a section of the page
"""

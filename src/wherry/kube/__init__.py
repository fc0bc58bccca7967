"""A Kubernetes API server: list and watch, kept up to date whatever happens, and writes.

    fields, resource                                 PURE: objects to small values, and where they are
    faults, selector, lines, reflector, kubeconfig   PURE: bytes and events in, changes out
    access, credentials, connection, client          configuration, who we are, TLS and proxies, HTTP
    watcher                                          the loop that joins them
    writer                                           single objects: create, patch, apply, delete, status

Why not the client library's own watch or informer: they ask for no bookmarks, have no inactivity timeout,
or forget deletions after a 410, and build models of 39 KiB where a tuple of 1.6 KiB does.
"""

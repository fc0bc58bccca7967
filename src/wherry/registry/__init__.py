"""Images come from registries and go to them (OCI distribution-spec 1.1).

headers       PURE: challenges, links, ranges and times to wait, as registries write them
settings      files and variables of the user that say where registries are and how to reach them
credentials   who we are to a registry: files and helpers, as docker and podman keep them
endpoints     a name to the places that may have it: mirrors, other locations, what is blocked
transport     one place over HTTP: TLS, proxies, redirects, tries
session       requests of one repository, let in by tokens or passwords
repository    what is asked of a repository: manifests, blobs, uploads, tags
fetch         a blob to the store, from where the last try ended
pull, push    whole images
"""

"""Images from one place to another as they are.

image            what is copied: a manifest with all that it names
places           what people type: ``docker://NAME``, ``oci:DIR[:TAG]``, …
at_registry      a repository of a registry
layout           an OCI layout in a folder
docker_archive   the archives of ``docker save``
in_store         the store
"""

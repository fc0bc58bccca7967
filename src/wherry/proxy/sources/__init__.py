"""Where routes come from on one machine: a folder of manifests, local containers."""

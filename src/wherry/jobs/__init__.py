"""Builds that run as Jobs of a Kubernetes cluster, and are told here as if they ran here.

    options, manifest, status   PURE: what is asked for, the objects that are made of it, what objects say
    stages, words               PURE: which stages of a Dockerfile are worth a pod, the pods' command lines
    credentials                 what of this machine's logins a pod is given
    cluster                     the objects in the cluster, and the lines of a pod
    run                         one Job, from its creation to its end
    builds                      all of one command

The pod runs the command ``wherry build`` of an image that has it, on a context that lies at a registry.
"""

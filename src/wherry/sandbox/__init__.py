"""One process in a container: isolation, user namespace, users, network."""

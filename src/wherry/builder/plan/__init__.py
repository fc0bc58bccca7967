"""PURE: what a build is going to do: stages, their graph, keys, configuration, platforms, the epoch."""

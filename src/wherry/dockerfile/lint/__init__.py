"""PURE: what a Dockerfile would do better: BuildKit's build checks, by their names and in their words."""

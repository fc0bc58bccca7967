"""Containers: create, start, copy, read logs, stop, remove."""

"""Dockerfiles to images."""

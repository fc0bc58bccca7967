"""Whole images: save, load, import, export, list, remove, bootstrap."""

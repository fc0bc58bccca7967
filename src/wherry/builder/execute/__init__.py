"""Doing it: the order of stages, the step cache, processes, logs, the record."""

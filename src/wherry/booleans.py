"""PURE: the words for true and false.  Source: the documentation of Go's strconv.ParseBool."""

from __future__ import annotations

TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})

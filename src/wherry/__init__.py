"""wherry: from a Dockerfile to served traffic, with one small tool.

What Python programs may use stands in docs/python.md; it is loaded when it is asked for.
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WHERE = {
    "BuildOptions": "wherry.builder.options",
    "CreateOptions": "wherry.containers.create",
    "NeedsNamespace": "wherry.errors",
    "Runtime": "wherry.runtime",
    "Store": "wherry.store",
    "WherryError": "wherry.errors",
    "build": "wherry.app.build",
}


def __getattr__(name: str) -> "Any":
    if name not in _WHERE:
        raise AttributeError(f"module 'wherry' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])

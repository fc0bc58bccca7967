"""Where the store lies."""

from __future__ import annotations

import os


def default_root() -> str:
    """``WHERRY_ROOT``; else /var/lib/wherry for root; else ``$XDG_DATA_HOME/wherry``.

    Inside wherry's own user namespace the caller is root by number only: `WHERRY_USERNS` tells.
    """
    chosen = os.environ.get("WHERRY_ROOT")
    if chosen:
        return os.path.abspath(chosen)
    if os.geteuid() == 0 and "WHERRY_USERNS" not in os.environ:
        return "/var/lib/wherry"
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local/share")
    return os.path.join(data, "wherry")

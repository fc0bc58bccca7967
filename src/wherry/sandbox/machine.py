"""What this machine runs."""

from __future__ import annotations

import os

from wherry.oci.platform import of_machine
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.oci.platform import Platform


def machine() -> Platform:
    return of_machine(os.uname().machine)

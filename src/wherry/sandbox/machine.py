"""What this machine runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from wherry.oci.platform import of_machine

if TYPE_CHECKING:
    from wherry.oci.platform import Platform


def machine() -> Platform:
    return of_machine(os.uname().machine)

"""PURE: the platforms of a build, and the arguments that tell a Dockerfile of them.

Source: the Dockerfile reference, "Automatic platform ARGs in the global scope".
"""

from __future__ import annotations

from wherry.oci.platform import Platform
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("PLATFORM", "OS", "ARCH", "VARIANT", "OSVERSION")


def platform_args(build: Platform, target: Platform, stage: str | None) -> Mapping[str, str]:
    """BUILD… is the machine, TARGET… what the image is for; known where an ARG asks for them."""
    args = {"TARGETSTAGE": stage or "default"}
    for prefix, platform in (("BUILD", build), ("TARGET", target)):
        values = (str(platform), *platform, "")
        args |= {prefix + name: value for name, value in zip(NAMES, values, strict=True)}
    return args

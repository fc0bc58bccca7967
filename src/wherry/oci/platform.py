"""PURE: platforms by their OCI names (image-index.md, "platform")."""

from __future__ import annotations

from wherry.errors import InvalidReferenceError
from wherry.typed import NamedTuple

# What uname(2) says, in GOARCH's words and variants.
MACHINES = {
    "x86_64": ("amd64", ""),
    "amd64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "386": ("386", ""),
    "aarch64": ("arm64", ""),
    "arm64": ("arm64", ""),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "arm": ("arm", "v7"),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "ppc64le": ("ppc64le", ""),
    "riscv64": ("riscv64", ""),
    "s390x": ("s390x", ""),
    "loongarch64": ("loong64", ""),
}

# What a machine runs besides its own, without an emulator.
ALSO_RUNS = {"amd64": ("386",), "arm64": ("arm",), "ppc64le": ()}


class Platform(NamedTuple):
    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


def of_machine(machine: str) -> Platform:
    """The platform of a Linux machine, by what ``uname -m`` says."""
    return Platform("linux", *MACHINES.get(machine, (machine, "")))


def parse(text: str) -> Platform:
    """``linux/arm64/v8``, ``amd64``, ``linux/x86_64`` -> the normal form.  Raises InvalidReferenceError."""
    parts = text.lower().split("/")
    if parts[0] in MACHINES and len(parts) < 3:
        parts = ["linux", *parts]
    if len(parts) not in (2, 3) or not all(
        part.replace("_", "").replace("-", "").isalnum() for part in parts
    ):
        raise InvalidReferenceError(
            f'"{text}" is not a platform', hint="write it as os/arch or os/arch/variant: linux/amd64"
        )
    architecture, variant = MACHINES.get(parts[1], (parts[1], ""))
    if len(parts) == 3:
        variant = parts[2]
    if (architecture, variant) == ("arm64", "v8"):
        variant = ""
    return Platform(parts[0], architecture, variant)


def runs_natively(machine: Platform, platform: Platform) -> bool:
    """Whether a machine runs a platform's programs by itself."""
    if machine.os != platform.os:
        return False
    also = ALSO_RUNS.get(machine.architecture, ())
    return platform.architecture in (machine.architecture, *also)

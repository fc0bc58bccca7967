"""Programs for another processor: whether the kernel hands them to an emulator (binfmt_misc).

An emulator that was registered with the flag F is held open by the kernel and works inside any root; one
without it would have to lie in the image.
"""

from __future__ import annotations

import os

REGISTERED = "/proc/sys/fs/binfmt_misc"
# GOARCH -> what qemu-user-static registers itself as.
QEMU = {
    "amd64": "x86_64",
    "386": "i386",
    "arm64": "aarch64",
    "arm": "arm",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
    "loong64": "loongarch64",
    "mips64le": "mips64el",
}


def why_not(architecture: str, folder: str = REGISTERED) -> str:
    """Why programs for an architecture do not run here; "" where they do."""
    name = QEMU.get(architecture)
    if name is None:
        return f"no emulator for {architecture} is known"
    try:
        with open(os.path.join(folder, f"qemu-{name}"), encoding="ascii") as file:
            lines = file.read().split("\n")
    except OSError:
        return f"no emulator for {architecture} is registered"
    if "enabled" not in lines:
        return f"the emulator for {architecture} is disabled"
    flags = next((line.removeprefix("flags:").strip() for line in lines if line.startswith("flags:")), "")
    return "" if "F" in flags else f"the emulator for {architecture} is registered without the flag F"

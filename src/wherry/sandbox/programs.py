"""Finding the program of a process inside its root, so that errors are ours and the same everywhere."""

from __future__ import annotations

import os
import stat

from wherry.errors import CommandNotExecutable, CommandNotFound
from wherry.layers.rootpath import resolve
from wherry.oci.config import DEFAULT_PATH
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.sandbox.process import Process


def find_program(root: str, process: Process) -> str:
    """The absolute path, inside the root, of what the process starts; what is mounted is looked into.

    Raises CommandNotFound (127) and CommandNotExecutable (126) with Docker's words.
    """
    args = process.args
    if not args or not args[0]:
        raise CommandNotFound(
            "no command specified", hint="give one after the image, or CMD in its Dockerfile"
        )
    name = args[0]
    if "/" in name:
        candidates = [name if name.startswith("/") else f"{process.cwd}/{name}"]
    else:
        path = next((e[5:] for e in reversed(process.env) if e.startswith("PATH=")), DEFAULT_PATH)
        candidates = [f"{folder or process.cwd}/{name}" for folder in path.split(":")]
    refused = None
    for candidate in candidates:
        mounted = _mounted(process, candidate)
        host = mounted or resolve(root, candidate)
        try:
            status = os.stat(host, follow_symlinks=False)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_mode & 0o111:
            reason = None if mounted else explain_failure(root, candidate)
            if reason:
                raise CommandNotFound(
                    f'exec: "{name}": no such file or directory: {reason}',
                    hint="link it statically, or start from a base image that has it",
                )
            return candidate
        refused = candidate
    if refused is not None:
        raise CommandNotExecutable(
            f'exec: "{name}": permission denied', hint=f"{refused} is there but is not an executable file"
        )
    where = "no such file or directory" if "/" in name else "executable file not found in $PATH"
    raise CommandNotFound(f'exec: "{name}": {where}')


def _mounted(process: Process, path: str) -> str | None:
    """The file on the host that a path means below a mount."""
    for mount in reversed(process.mounts):
        if mount.kind == "bind" and path.startswith(mount.target + "/"):
            return resolve(mount.source, path[len(mount.target) :])
    return None


def explain_failure(root: str, program: str) -> str | None:
    """Why the kernel would not start a program that is there: its loader or interpreter is missing.

    The kernel says "no such file or directory" of the program; what is absent is what it names inside.
    """
    try:
        with open(resolve(root, program), "rb") as file:
            start = file.read(4096)
    except OSError:
        return None
    interpreter = _interpreter(start)
    if interpreter and not os.path.exists(resolve(root, interpreter)):
        kind = "interpreter" if start.startswith(b"#!") else "loader (it is dynamically linked)"
        return f"{program} needs its {kind} {interpreter}, which the image does not have"
    return None


def _interpreter(start: bytes) -> str | None:
    """The program after ``#!``, or the ELF loader (the PT_INTERP segment, where it lies in the start)."""
    if start.startswith(b"#!"):
        words = start[2:].split(b"\n", 1)[0].split()
        return os.fsdecode(words[0]) if words else None
    if not start.startswith(b"\x7fELF") or len(start) < 64 or start[4] != 2:
        return None
    offset = int.from_bytes(start[32:40], "little")
    size = int.from_bytes(start[54:56], "little")
    for index in range(int.from_bytes(start[56:58], "little")):
        segment = start[offset + index * size : offset + (index + 1) * size]
        if segment[:4] == b"\x03\0\0\0" and len(segment) >= 40:
            at = int.from_bytes(segment[8:16], "little")
            length = int.from_bytes(segment[32:40], "little")
            return os.fsdecode(start[at : at + length].rstrip(b"\0")) or None
    return None

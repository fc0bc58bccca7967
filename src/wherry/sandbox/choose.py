"""Which isolation and which snapshots work here, tried out rather than guessed."""

from __future__ import annotations

import os

from wherry.errors import SandboxError, UsageError
from wherry.sandbox.mounts import enter_private_mounts
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wherry.layers.snapshots import Snapshots
    from wherry.runtime import Runtime
    from wherry.sandbox.process import Isolation

KINDS = ("auto", "oci", "chroot")


class Choice(NamedTuple):
    """`reason` is one sentence for people."""

    isolation: Isolation
    snapshots: Snapshots
    reason: str


def choose(runtime: Runtime) -> Choice:
    """Decide, and enter what the decision needs: a private mount namespace.

    Raises NeedsNamespace for a plain user, and SandboxError with what is missing where the request cannot
    be met.
    """
    kind = runtime.isolation
    if kind not in KINDS:
        raise UsageError(f"unknown isolation {kind!r}", hint=f"one of {', '.join(KINDS)}")
    runtime.need_layers()
    refused = _mounts_refused()
    if refused:
        return _without_mounts(kind, refused)
    return _with_mounts(runtime)


def _mounts_refused() -> str:
    """Enter a private mount namespace; why that was refused, or ""."""
    try:
        enter_private_mounts()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _with_mounts(who: Runtime) -> Choice:
    from wherry.layers.snapshots import Overlay
    from wherry.sandbox.chroot import Chroot
    from wherry.sandbox.oci import Oci, find_runtime, require_runtime

    find = require_runtime if who.isolation == "oci" else find_runtime
    program = None if who.isolation == "chroot" else find(who)
    shown = "a plain user in a user namespace" if who.in_namespace else "root"
    if program is not None:
        reason = f"{shown} with {os.path.basename(program)} and overlay mounts"
        return Choice(Oci(program, rootless=who.in_namespace, path=who.path), Overlay(), reason)
    is_chroot = who.isolation == "chroot"
    why = "as asked for" if is_chroot else "no OCI runtime is installed (apt-get install crun)"
    return Choice(Chroot(mounts=True), Overlay(), f"{shown}, chroot with overlay mounts: {why}")


def _without_mounts(kind: str, refused: str) -> Choice:
    from wherry.layers.copied import Copied
    from wherry.sandbox.chroot import Chroot

    if kind == "oci":
        raise SandboxError(
            f"an OCI runtime cannot be used here: mounting is refused ({refused})",
            hint="leave --isolation out, or start the outer container with --privileged",
        )
    reason = f"mounting is refused here ({refused}): chroot, and layers are copied"
    return Choice(Chroot(mounts=False), Copied(), reason)

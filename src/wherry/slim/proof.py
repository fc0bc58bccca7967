"""The proof, by running both: that the fat image works, and that the slim one does what that does."""

from __future__ import annotations

from wherry.errors import SandboxError, WherryError
from wherry.images.view import Image
from wherry.layers.view import Seen, View
from wherry.oci.platform import runs_natively
from wherry.pattern import pattern
from wherry.sandbox.emulate import why_not
from wherry.sandbox.machine import machine
from wherry.slim import experiment, verify
from wherry.slim.files import Files
from wherry.slim.static import Wish, dropping
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.oci.platform import Platform
    from wherry.slim.experiment import Outcome, Plan
    from wherry.store import Store

SYSTEM = ("dev", "proc", "sys")
"""What a container is given, whatever the image has there."""
MOST_SHOWN = 5
TERMINAL = pattern(r"(?i)\b(?:tty|terminal)\b")


def check(outcome: Outcome, plan: Plan, platform: Platform) -> None:
    """Raises WherryError where the fat image does not work: then there is nothing to compare with."""
    first, *others = outcome.answers
    silent = next((each for each in others if each.status == experiment.NO_ANSWER), None)
    if silent is not None and first.status == experiment.RUNS:
        how = f"does not answer {silent.what} within {plan.ready:g} s"
    elif silent is not None:
        how = f"ended with {first.status} before it answered {silent.what}"
    elif not others and first.status not in (experiment.RUNS, experiment.SUCCESS):
        how = f"ended with {first.status}, which proves nothing"
    else:
        return
    foreign = "" if runs_natively(machine(), platform) else why_not(platform.architecture)
    if foreign:
        how = f"is for {platform}, and {foreign}; it {how}"
        hint = "as root: apt-get install qemu-user-static; or make it slim on such a machine"
    elif any(TERMINAL.search(line) for line in outcome.said):
        hint = "it wants a terminal, and has none here: --exec COMMAND runs what needs none"
    elif silent is not None:
        hint = "does it need --env, --volume, --network or -p?"
    else:
        hint = "does it need --env, --volume or --network? --exec COMMAND runs what works"
    lines = "".join(f"\n  {line}" for line in outcome.said)
    raise WherryError(f"the image itself {how}{lines}", hint=hint)


def prove(store: Store, small: Image, plan: Plan, before: Outcome, files: Files, wish: Wish) -> None:
    """Raises WherryError where the slim image does not do what the fat one did."""
    mine = Files(View(small.layer_paths(), seen=Seen()))
    dropped = dropping(wish.drop)
    try:
        after = experiment.run(store, small, plan, before)
    except SandboxError as error:
        raise WherryError(f"the slim image does not start: {error.message}", hint=error.hint) from None
    found = verify.differences(before, after)
    if not found:
        return

    def in_fat(path: str) -> bool:
        node = files.find(path)
        return node is not None and path.split("/")[1] not in SYSTEM

    lines = [f"  {each.what}: {each.fat!r} before, {each.slim!r} after" for each in found[:MOST_SHOWN]]
    missed = verify.missing(after.used, in_fat, lambda path: mine.find(path) is not None)[:MOST_SHOWN]
    lines += [f"  missed: {path}{' (--drop)' if dropped(path.lstrip('/')) else ''}" for path in missed]
    lines += [f"  it said: {line}" for line in after.said]
    hint = " ".join(f"--keep {path}" for path in missed) if missed else _no_hint(after)
    what = "the slim image does not do what the image does; nothing was tagged"
    raise WherryError("\n".join([what, *lines]), hint=hint)


def _no_hint(after: Outcome) -> str:
    if after.watched:
        return "it missed no file of the image: is what it says the same each time?"
    return (
        "processes cannot be watched here (no seccomp notifications, no ptrace): no missing file is known"
    )

"""What wherry takes from its caller's surroundings is fixed before anything else is done.

What images and containers contain must not depend on who called: their umask, closed descriptors, blocked
or ignored signals, group or locale.  What a container begins with is `sandbox.beginning`'s to set.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal itself costs an enum of them all
import os
import sys

from wherry import umask
from wherry.runtime import AUTO, NAMESPACE, PLAIN, ROOT, Runtime
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

INSIDE = "WHERRY_USERNS"
"""The variable that tells the second start that it is root of a user namespace, by number only."""


def fix_surroundings() -> None:
    """To be called once, first.  Starts the program again where its names of files are not UTF-8."""
    _speak_utf8()
    umask.fix()
    _open_streams()
    # With children that vanish unseen none can be waited for; a blocked signal would end nothing.
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
    if os.geteuid() == 0 and os.getresgid() != (0, 0, 0):
        os.setresgid(0, 0, 0)  # or what root makes belongs to another group


def runtime(root: str | None, isolation: str | None) -> Runtime:
    """Who calls, and what they want: by the global options, else the environment, else what fits them."""
    env = dict(os.environ)
    identity = NAMESPACE if env.get(INSIDE) else ROOT if os.geteuid() == 0 else PLAIN
    return Runtime(
        os.path.abspath(root or env.get("WHERRY_ROOT") or _default_root(identity, env)),
        identity,
        isolation or env.get("WHERRY_ISOLATION") or AUTO,
        env.get("WHERRY_RUNTIME", ""),
        env,
        umask.callers(),
    )


def _default_root(identity: str, env: Mapping[str, str]) -> str:
    """/var/lib/wherry for root; else ``$XDG_DATA_HOME/wherry``."""
    if identity == ROOT:
        return "/var/lib/wherry"
    data = env.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local/share")
    return os.path.join(data, "wherry")


def _speak_utf8() -> None:
    """Names in images are bytes, in memory UTF-8 with surrogates, whatever LC_ALL says (PEP 540)."""
    if sys.getfilesystemencoding() == "utf-8" or os.environ.get("PYTHONUTF8") == "1":
        return
    os.environ["PYTHONUTF8"] = "1"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606


def _open_streams() -> None:
    """A descriptor that the caller closed would be the next file's, and messages would go into that.

    A standard output that was closed takes nothing: an error for who has something to say.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if number == 1 else os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115

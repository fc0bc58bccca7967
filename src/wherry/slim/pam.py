"""What programs that ask PAM read: the rules of their service, and the modules that these name.

Source: pam.conf(5), and the manual page of each module.
"""

from __future__ import annotations

import os
import posixpath

from wherry.slim.reason import LIKELY
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.layers.view import Node
    from wherry.slim.closure import Closure

LIBRARY = b"libpam.so."
RULES = ("/etc/pam.d", "/usr/lib/pam.d")
MODULES = (
    "/usr/lib/*/security",
    "/usr/lib/security",
    "/usr/lib64/security",
    "/lib/security",
    "/lib64/security",
)
OTHER = "other"
"""The service of programs that have no rules of their own."""
MOST_RULES = 200
SETTINGS = {
    "pam_env.so": ("/etc/environment", "/etc/security/pam_env.conf"),
    "pam_limits.so": ("/etc/security/limits.conf", "/etc/security/limits.d"),
    "pam_access.so": ("/etc/security/access.conf", "/etc/security/access.d"),
    "pam_group.so": ("/etc/security/group.conf",),
    "pam_time.so": ("/etc/security/time.conf",),
    "pam_namespace.so": (
        "/etc/security/namespace.conf",
        "/etc/security/namespace.d",
        "/etc/security/namespace.init",
    ),
    "pam_unix.so": (
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/login.defs",
        "/usr/sbin/unix_chkpwd",
        "/sbin/unix_chkpwd",
    ),
    "pam_shells.so": ("/etc/shells",),
    "pam_securetty.so": ("/etc/securetty",),
    "pam_motd.so": ("/etc/motd", "/etc/update-motd.d"),
    "pam_umask.so": ("/etc/login.defs",),
}
"""What modules read beside their arguments."""


def read(closure: Closure, node: Node, head: bytes) -> None:
    if not head.startswith(b"\x7fELF") or posixpath.basename(node.name).startswith("libpam"):
        return
    data = closure.files.data(node)
    if LIBRARY not in data:
        return
    for folder in RULES:
        for name in closure.files.names(folder):
            # Linkers let short texts be the ends of longer ones: of ``/usr/bin/sudo`` that of ``sudo``.
            texts = (before + os.fsencode(name) + b"\0" for before in (b"\0", b"/"))
            if name in (OTHER, posixpath.basename(node.name)) or any(text in data for text in texts):
                _service(closure, name, node.name)


def _service(closure: Closure, first: str, by: str) -> None:
    waiting = [(first, by)]
    seen: set[str] = set()
    while waiting and len(seen) < MOST_RULES:
        service, by = waiting.pop()
        path = next((path for folder in RULES if closure.files.is_file(path := f"{folder}/{service}")), "")
        if not path or service in seen or "/" in service:
            continue
        seen.add(service)
        closure.keep(path, f"PAM's rules for {service}", by, LIKELY)
        for line in closure.files.text(path).splitlines():
            word, is_rules = _named(line)
            if is_rules:
                waiting.append((word, path[1:]))
            elif word:
                _module(closure, word, path[1:])


def _named(line: str) -> tuple[str, bool]:
    """What a line names: other rules (True), or a module."""
    words = line.partition("#")[0].split()
    if words[:1] == ["@include"]:
        return words[1] if len(words) > 1 else "", True
    if len(words) > 1 and words[1].startswith("["):
        end = next((number for number, word in enumerate(words) if word.endswith("]")), len(words))
        words = [words[0], *words[end:]]
    if len(words) < 3:
        return "", False
    return words[2], words[1] in ("include", "substack")


def _module(closure: Closure, name: str, by: str) -> None:
    places = [name] if name.startswith("/") else [f"{folder}/{name}" for folder in MODULES]
    for path in (each for place in places for each in closure.files.glob(place)):
        closure.keep(path, f"its module {name}", by, LIKELY)
        for pattern in SETTINGS.get(posixpath.basename(name), ()):
            for each in closure.files.glob(pattern):
                closure.keep(each, f"settings of {name}", by, LIKELY, deep=True)

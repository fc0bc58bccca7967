"""Who owns what a step makes, by the names that the image has for users and groups."""

from __future__ import annotations

import stat

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.layers.view import View


def owner_of(text: str, view: View) -> tuple[int, int]:
    """uid and gid of ``USER[:GROUP]``, root's for "".  Raises SandboxError for names that nobody knows."""
    if not text:
        return 0, 0
    from wherry.sandbox.users import resolve_owner

    return resolve_owner(text, lambda path: read_text(view, path))


def read_text(view: View, path: str) -> str:
    """A small text file of an image (/etc/passwd); "" where there is none."""
    node = view.find(path)
    if node is None or not stat.S_ISREG(node.status.st_mode):
        return ""
    with open(node.path, encoding="utf-8", errors="replace") as file:
        return file.read(1 << 22)

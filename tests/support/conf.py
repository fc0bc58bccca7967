"""A rendered configuration as crossplane reads it, and as nginx itself does."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from wherry.proxy.nginx.config import Directive
from wherry.proxy.nginx.main import MainOptions, main
from wherry.proxy.nginx.quote import Code
from wherry.proxy.reload.binary import Nginx

Tree = list[tuple[str, tuple[str, ...], Any]]


def parsed(text: str) -> Tree:
    """(name, parameters, block) of each directive; fails the test where crossplane cannot read it."""
    import crossplane

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "default.conf")
        path.write_text(text)
        payload = crossplane.parse(str(path), single=True, check_ctx=False, check_args=False, comments=True)
    assert payload["status"] == "ok", payload["errors"]
    return _tree(payload["config"][0]["parsed"])


def _tree(directives: list[dict[str, Any]]) -> Tree:
    return [
        (d["directive"], tuple(d["args"]), _tree(d["block"]) if "block" in d else None) for d in directives
    ]


def intended(directives: tuple[Directive, ...] | list[Directive]) -> Tree:
    """The same of what was to be written: crossplane keeps a backslash of a quoted word, nginx drops it."""
    return [
        (_kept(d.name), _arguments(d), intended(d.block) if d.block is not None else None)
        for d in directives
    ]


def _arguments(directive: Directive) -> tuple[str, ...]:
    """crossplane takes the brackets of an ``if`` away."""
    words = tuple(map(_kept, directive.args))
    return (words[0][1:], *words[1:-1]) if directive.name == "if" else words


def _kept(word: str) -> str:
    kept = word.replace("\\", "\\\\")
    return kept.replace("\n", "\\n") if isinstance(word, Code) else kept


def complaint(text: str) -> str | None:
    """What ``nginx -t`` has against `text` as a default.conf, or None."""
    nginx = Nginx.find("nginx", os.environ)
    folder = tempfile.mkdtemp()
    try:
        Path(folder, "temp").mkdir()
        conf = Path(folder, "default.conf")
        conf.write_text(text)
        Path(folder, "nginx.conf").write_text(main(MainOptions(folder), nginx.binary, str(conf), 1))
        return nginx.complaint(str(Path(folder, "nginx.conf")), folder)
    finally:
        shutil.rmtree(folder)

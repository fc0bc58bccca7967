"""What a JVM reads: its own folder, as a whole but for what compilers and people read, and the classes.

Which of its modules a program needs, jlink can tell where it is in the image; nobody else can.
"""

from __future__ import annotations

import posixpath

from wherry.slim.reason import LIKELY
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.layers.view import Node
    from wherry.slim.closure import Closure

LEFT_OUT = frozenset(("jmods", "demo", "sample", "man", "include", "docs", "legal", "src.zip", "ct.sym"))
SETTINGS = ("/etc/java-*-openjdk", "/etc/ssl/certs/java")
CLASS_PATH = ("-cp", "-classpath", "--class-path", "-p", "--module-path")


def read(closure: Closure, node: Node, head: bytes) -> None:
    if posixpath.basename(node.name) != "java" or not head.startswith(b"\x7fELF"):
        return
    home = posixpath.dirname(posixpath.dirname(f"/{node.name}"))
    for folder in ("lib", "conf", "bin", "jre"):  # that: until Java 8
        for name in closure.files.names(f"{home}/{folder}"):
            if name not in LEFT_OUT and (folder != "bin" or name in ("java", "keytool")):
                closure.keep(
                    f"{home}/{folder}/{name}", "the JVM reads its own folder", node.name, deep=True
                )
    closure.keep(f"{home}/release", "the JVM reads its own folder", node.name, LIKELY)
    for pattern in SETTINGS:
        for path in closure.files.glob(pattern):
            closure.keep(path, "settings of the JVM", node.name, LIKELY, deep=True)
    _classes(closure, node)


def _classes(closure: Closure, node: Node) -> None:
    words = list(closure.start.argv)
    given = [closure.start.env.get("CLASSPATH", "")]
    given += [words[number + 1] for number, word in enumerate(words[:-1]) if word in CLASS_PATH]
    for path in ":".join(given).split(":"):
        if path:
            place = posixpath.join("/", closure.start.workdir, path.removesuffix("*"))
            closure.keep(place, "classes", node.name, LIKELY, deep=True)

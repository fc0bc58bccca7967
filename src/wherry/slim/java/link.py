"""The jlink command that makes a JVM of what a program needs, for an image that has the tool."""

from __future__ import annotations

import posixpath
import stat

from wherry.counted import counted
from wherry.slim.java.needed import needed, provided
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wherry.layers.view import Node, View

RUNTIME = "lib/modules"
FLAGS = "--strip-java-debug-attributes --no-header-files --no-man-pages"
CLASSES = (".jar", ".class")


def linking(view: View, nodes: Mapping[str, Node]) -> Iterator[str]:
    """Lines about the JVM among the kept `nodes` of an image; none where jlink would leave out nothing."""
    for name, node in nodes.items():
        if not name.endswith(f"/{RUNTIME}") or not _is_file(node):
            continue
        home = posixpath.dirname(posixpath.dirname(name))
        tool = view.find(f"/{home}/bin/jlink")
        own = (each for each in nodes if each.endswith(CLASSES) and not each.startswith(f"{home}/"))
        if tool is None:
            continue
        found = needed(node.path, [nodes[each].path for each in own if _is_file(nodes[each])])
        if len(found) >= len(set(provided(node.path).values())):
            continue
        many = counted(len(found), "module")
        yield f"A JVM of the {many} that its classes name is smaller.  In the image, before this:"
        yield f"RUN /{home}/bin/jlink --add-modules {','.join(found)} {FLAGS} --output /runtime"
        yield "and start /runtime/bin/java; add modules of which classes are loaded by name alone."


def _is_file(node: Node) -> bool:
    return stat.S_ISREG(node.status.st_mode)

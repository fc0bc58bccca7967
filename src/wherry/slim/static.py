"""The static closure of an image: roots, readers, and what the user adds."""

from __future__ import annotations

from wherry.slim import elf, entry, nginx, scripts, system
from wherry.slim.closure import Closure
from wherry.slim.files import Files
from wherry.slim.origin import Origin
from wherry.slim.python.reader import Reader as Python
from wherry.slim.reason import CERTAIN, LIKELY
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.layers.view import View
    from wherry.oci.config import ImageConfig
    from wherry.slim.closure import Kept


class Wish(NamedTuple):
    """What the user says beside the image: patterns of paths to keep and to drop, commands that are run in
    it, paths that were seen used (with how)."""

    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    seen: tuple[tuple[str, str], ...] = ()
    trust: int = LIKELY


def static_closure(view: View, config: ImageConfig, wish: Wish) -> Kept:
    """Raises SandboxError for a USER that the image does not have."""
    files = Files(view)
    closure = Closure(
        view,
        entry.start_of(config, view),
        (elf.read, scripts.read, system.read, nginx.read, Python()),
        dropped=dropping(wish.drop),
        same=Origin(files).same,
        trust=wish.trust,
    )
    system.roots(closure)
    entry.roots(closure, config.config, wish.commands)
    for pattern in wish.keep:
        for path in closure.files.glob(pattern):
            closure.keep(path, "--keep", deep=True)
    for path, how in wish.seen:
        closure.keep(path, how, "", CERTAIN)
    return closure.run()


def dropping(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a name is one of those, or below one."""
    from wherry.dockerfile.glob import match

    split = [[part for part in pattern.split("/") if part] for pattern in patterns]

    def dropped(name: str) -> bool:
        parts = name.split("/")
        return any(len(each) <= len(parts) and all(map(match, each, parts)) for each in split if each)

    return dropped

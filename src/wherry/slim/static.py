"""The static closure of an image: roots, readers, and what the user adds."""

from __future__ import annotations

from wherry.slim import elf, entry, jvm, nginx, node, pam, perl, ruby, scripts, system
from wherry.slim.closure import Closure
from wherry.slim.files import Files
from wherry.slim.origin import Origin
from wherry.slim.python.reader import Reader as Python
from wherry.slim.reason import LIKELY
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.layers.view import View
    from wherry.oci.config import ImageConfig
    from wherry.slim.closure import Kept


class Wish(NamedTuple):
    """What the user says beside the image: patterns of paths to keep and to drop, commands that are run in
    it, the least confidence that counts."""

    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    trust: int = LIKELY


def static_closure(view: View, config: ImageConfig, wish: Wish) -> Kept:
    """What reading the image finds.  Raises SandboxError for a USER that the image does not have."""
    return begun(view, config, wish).run()


def begun(view: View, config: ImageConfig, wish: Wish, origin: Origin | None = None) -> Closure:
    """The closure, for whoever has more to ask for after its run().  Raises as static_closure()."""
    files = Files(view)
    closure = Closure(
        view,
        entry.start_of(config, view),
        (
            *(elf.read, scripts.read, system.read, pam.read, nginx.read, jvm.read),
            *(Python(), node.Reader(), perl.Reader(), ruby.Reader()),
        ),
        dropped=dropping(wish.drop),
        same=(origin or Origin(files)).same,
        trust=wish.trust,
    )
    system.roots(closure)
    entry.roots(closure, config.config, wish.commands)
    for pattern in wish.keep:
        for path in closure.files.glob(pattern):
            closure.keep(path, "--keep", deep=True)
    return closure


def dropping(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Whether a name is one of those, or below one, or of what containers are given."""
    from wherry.dockerfile.glob import match

    split = [[part for part in pattern.split("/") if part] for pattern in patterns]

    def dropped(name: str) -> bool:
        parts = name.split("/")
        return (f"{name}/".startswith(system.GIVEN) and name not in ("dev", "proc", "sys")) or any(
            len(each) <= len(parts) and all(map(match, each, parts)) for each in split if each
        )

    return dropped

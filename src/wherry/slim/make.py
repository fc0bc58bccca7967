"""From a fat image to a slim one: closure, observation, layer, proof."""

from __future__ import annotations

import os
import posixpath
import stat
import time

from wherry.counted import counted
from wherry.images.view import Image
from wherry.images.write import create_image
from wherry.layers.view import Seen, View
from wherry.oci.config import History
from wherry.oci.times import rfc3339
from wherry.slim import experiment, proof, verify
from wherry.slim.base import Above, Base, above
from wherry.slim.files import Files
from wherry.slim.layer import write
from wherry.slim.origin import Origin
from wherry.slim.proof import SYSTEM
from wherry.slim.records import Records, recorded, records
from wherry.slim.static import Wish, begun, dropping
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.layers.view import Node
    from wherry.oci.config import ImageConfig
    from wherry.slim.closure import Kept
    from wherry.slim.experiment import Plan
    from wherry.store import ImageRecord, Store

NO_BASE = Base()


class Slimmed(NamedTuple):
    """`static` and `observed` are how many files each of them found, `only_observed` those that reading the
    image did not find.  `layer` is what lies above the base, `records` of that what the image had not,
    `watched` as experiment.Outcome's, `uncompared` and `failing` as the functions of verify."""

    image: ImageRecord
    kept: Kept
    layer: Above
    records: dict[str, bytes]
    size: int
    static: int
    observed: int
    only_observed: tuple[str, ...]
    uncompared: tuple[str, ...]
    failing: tuple[str, ...]
    watched: str


def slim(
    store: Store,
    fat: Image,
    wish: Wish,
    plan: Plan,
    *,
    base: Base = NO_BASE,
    packages: bool = True,
    reproducible: bool = False,
    told: Callable[[str], object] = lambda line: None,
) -> Slimmed:
    """Make the slim image of `fat`, on the layers of `base`; it has no name yet, and is one of the store's.
    With `packages` it says of which packages its files are.

    Raises WherryError, and makes nothing, where the slim image does not do what the fat one does: the
    message says what differed, the hint which files were missed.
    """
    view = View(fat.layer_paths(), seen=Seen())
    files = Files(view)
    wish = wish._replace(commands=(*wish.commands, *plan.commands))
    told("reading the image")
    origin = Origin(files)
    closure = begun(view, fat.config, wish, origin)
    static = closure.run()
    told(f"found {counted(_count(static), 'file')}; running the image as it is")
    before = experiment.run(store, fat, plan)
    proof.check(before, plan, fat.config.platform)
    seen = _seen(files, before.used)
    for path, how in seen:
        closure.keep(path, how)
    kept = closure.run()
    below = View(fat.layer_paths()[: base.layers], seen=Seen()) if base.layers else None
    said = records(files, kept, origin.package, below) if packages else Records()
    said = said.without(dropping(wish.drop))
    with store.temp() as extra:
        kept = recorded(view, kept, said, extra)
        layer = above(below, view, kept.nodes) if below is not None else Above(kept.nodes)
        line = f"{counted(_count(kept), 'file')} of {fat.id}"
        image = _write(store, fat.config, view, layer, base.layers, line, reproducible=reproducible)
    told(f"keeping {counted(_count(kept), 'file')}; running the slim image")
    small = Image(store, image)
    proof.prove(store, small, plan, before, files, wish)
    store.images.add(image)
    observed = {node.name for path, _ in seen if (node := files.find(path)) is not None and _is_file(node)}
    return Slimmed(
        image,
        kept,
        layer,
        said.written,
        small.size(),
        _count(static),
        len(observed),
        tuple(sorted(name for name in observed if name not in static.reasons)),
        tuple(verify.uncompared(before)),
        tuple(verify.failing(before)),
        before.watched,
    )


def _seen(files: Files, used: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """What of the paths that were looked for the image has; of others the folder, where it has that."""
    found: dict[str, str] = {}
    for path, call in used.items():
        if path.split("/")[1] in SYSTEM:
            continue
        node = files.find(path)
        if node is None:
            path = posixpath.dirname(path)
            call = f"{call} of a file in it"
            node = files.find(path)
        if node is not None and node.name:
            found.setdefault(path, f"seen: {call}")
    return tuple(found.items())


def _write(
    store: Store, config: ImageConfig, view: View, top: Above, base: int, said: str, *, reproducible: bool
) -> ImageRecord:
    """The layer, on the lowest of the image's, and the slim image, which is not recorded yet."""
    with store.temp() as temporary:
        tree = os.path.join(temporary, "tree")
        os.mkdir(tree)
        write(view, top.nodes, tree, top.gone)
        layer = store.layers.commit(tree)
    created = config.created if reproducible else rfc3339(time.time())
    slim = config._replace(
        diff_ids=(*config.diff_ids[:base], layer),
        history=(*_of_layers(config.history, base), History(created, "wherry slim", said)),
        created=created,
    )
    return create_image(store, slim, keep=False)


def _of_layers(history: Sequence[History], layers: int) -> list[History]:
    """The lines up to that of the last of so many layers; none where there is no line for each."""
    places = [place for place, line in enumerate(history) if not line.empty_layer][:layers]
    if len(places) < layers or not layers:
        return [History()] * layers
    return list(history[: places[-1] + 1])


def _count(kept: Kept) -> int:
    return sum(1 for node in kept.nodes.values() if _is_file(node))


def _is_file(node: Node) -> bool:
    return stat.S_ISREG(node.status.st_mode)

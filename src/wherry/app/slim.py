"""From a fat image to what its program needs: made, proved, named; and why a file is in it."""

from __future__ import annotations

import json
import os

from wherry.errors import NotFoundError, UsageError, WherryError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wherry.containers.create import CreateOptions
    from wherry.images.view import Image
    from wherry.layers.view import Node, View
    from wherry.slim.base import Base
    from wherry.slim.make import Slimmed
    from wherry.slim.static import Wish
    from wherry.slim.wishes import Wishes
    from wherry.store import Store


class SlimRequest(NamedTuple):
    """`options` say which image and how its containers are made, as of `wherry create`; `tag` is the new
    name; `confidence` one of reason.CONFIDENCES; `seconds` how long the image runs at least."""

    options: CreateOptions
    wishes: Wishes
    tag: str = ""
    confidence: str = "likely"
    seconds: float = 0.0
    reproducible: bool = False
    keep_base: bool = False
    packages: bool = True


class SlimResult(NamedTuple):
    """Sizes are in bytes, as `wherry images` counts.  `log` is the audit log, None where it was not asked
    for; `dockerfile` the one that gives the same files."""

    slimmed: Slimmed
    before: int
    log: dict[str, Any] | None
    dockerfile: str


def slim(
    store: Store,
    request: SlimRequest,
    *,
    audit: bool = False,
    suggest: bool = False,
    told: Callable[[str], object] = lambda line: None,
) -> SlimResult:
    """Make the slim image and give it its name, if it does what the image does.

    Raises NotFoundError for the image and for a --keep that it lacks, UsageError, and WherryError where the
    slim image failed its proof: then nothing has a new name.
    """
    from wherry.app.bases import base_below
    from wherry.oci.reference import parse
    from wherry.slim.base import Base
    from wherry.slim.experiment import Plan
    from wherry.slim.make import slim as make
    from wherry.slim.probe import check

    if not request.tag:
        raise UsageError("the slim image needs a name", hint="-t NAME[:TAG]")
    name = parse(request.tag).canonical()
    check(request.wishes.probe)
    image, view, wish = _begin(store, request)
    options = request.options._replace(env=(*request.wishes.env, *request.options.env))
    plan = Plan(options, request.wishes.probe, request.wishes.commands(), request.seconds)
    base = base_below(store, image) if request.keep_base else Base()
    if suggest and request.keep_base:
        _check_base(store, base)
    with store.using():
        made = make(
            store,
            image,
            wish,
            plan,
            base=base,
            packages=request.packages,
            reproducible=request.reproducible,
            told=told,
        )
        store.name(name, made.image)
    log = _audit(view, made, image, base) if audit else None
    dockerfile = _dockerfile(request.options.image, view, made, image, base) if suggest else ""
    return SlimResult(made, image.size(), log, dockerfile)


def _check_base(store: Store, base: Base) -> None:
    """Raises UsageError where a Dockerfile cannot begin with the base as it is."""
    from wherry.images.lookup import lookup

    if not base.name:
        raise UsageError("a Dockerfile needs a name for the base", hint="wherry tag IMAGE NAME gives one")
    if lookup(store, base.name).config.config.get("OnBuild"):
        raise UsageError(
            f"{base.name} has ONBUILD, which a Dockerfile that begins with it would run again",
            hint="leave out --keep-base, or --suggest",
        )


def why(store: Store, request: SlimRequest, path: str) -> tuple[list[dict[str, str]], str]:
    """(the chain of reasons by which a file is kept, "") as reading the image finds it; of one that is not
    kept (nothing, the package that brought it).  Raises NotFoundError for a file that the image lacks."""
    from wherry.slim.audit import reasons
    from wherry.slim.files import Files
    from wherry.slim.origin import Origin
    from wherry.slim.static import static_closure

    image, view, wish = _begin(store, request)
    files = Files(view)
    last = view.find(path, follow_last=False)
    if last is None:
        raise NotFoundError(f"{request.options.image} has no {path}")
    commands = request.wishes.commands()
    kept = static_closure(view, image.config, wish._replace(commands=commands))
    if last.name in kept.reasons:
        return reasons(kept, last.name), ""
    package = Origin(files).package(last.name)
    return [], f"{package.name} {package.version}" if package is not None else ""


def read_wishes(path: str, *, must_exist: bool) -> Wishes:
    """Of a file like .wherryslim.  Raises UsageError for its mistakes, NotFoundError."""
    from wherry.slim.wishes import Wishes, parse

    if not os.path.exists(path) and not must_exist:
        return Wishes()
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return parse(file.read(), path)
    except FileNotFoundError:
        raise NotFoundError(f"there is no {path}") from None


def _begin(store: Store, request: SlimRequest) -> tuple[Image, View, Wish]:
    from wherry.images.lookup import lookup
    from wherry.layers.view import Seen, View
    from wherry.slim.files import Files
    from wherry.slim.reason import CONFIDENCES
    from wherry.slim.static import Wish

    wishes = request.wishes.checked()
    store.runtime.need_layers()
    image = lookup(store, request.options.image)
    view = View(image.layer_paths(), seen=Seen())
    files = Files(view)
    for path in wishes.keep:
        if not files.glob(path):
            raise NotFoundError(f"--keep {path}: {request.options.image} has no such file")
    keep = (*wishes.keep, *wishes.presets())
    return image, view, Wish(keep, wishes.drop, trust=CONFIDENCES.index(request.confidence))


def _audit(view: View, made: Slimmed, image: Image, base: Base) -> dict[str, Any]:
    from wherry.layers.view import Seen, View
    from wherry.packages.find import find_packages
    from wherry.packages.owners import Owners
    from wherry.slim.audit import audit
    from wherry.slim.base import shows

    owners = Owners(view, find_packages(view).packages)
    below = View(image.layer_paths()[: base.layers], seen=Seen())
    in_base: Callable[[Node], bool] = lambda node: shows(below, node)  # noqa: E731
    return audit(view, made.kept, owners.of, image.id, made.image.id, in_base)


def _dockerfile(name: str, view: View, made: Slimmed, image: Image, base: Base) -> str:
    from stat import S_IMODE

    from wherry.slim.java.link import linking
    from wherry.slim.layer import folders_of
    from wherry.slim.proof import SYSTEM
    from wherry.slim.suggest import Content, dockerfile

    top = made.layer
    own = [each for each in top.nodes if view.find(each, follow_last=False) is None]
    folders = folders_of(view, top.nodes)
    content = Content(
        {*top.nodes, *folders} - {"", *own, *made.records},
        base.name or "scratch",
        top.gone,
        made.records,
        {each: S_IMODE(folders[each].status.st_mode) for each in SYSTEM if each in folders},
        tuple(linking(view, made.kept.nodes)),
    )
    try:
        return dockerfile(name, image.config.config, content)
    except ValueError as error:
        raise WherryError(f"no Dockerfile can {error}") from None


def as_text(log: dict[str, Any]) -> str:
    """The audit log as the text of its file."""
    return json.dumps(log, indent=1, ensure_ascii=True) + "\n"

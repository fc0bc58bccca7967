"""``wherry explore``."""

from __future__ import annotations

import gc
import json
import sys

from wherry.cli.core.flags import FORMAT, Command, Flag, Options
from wherry.cli.registry.client import TLS, wanted_platform
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.explore.explore import Explored
    from wherry.explore.limits import Limits, Verdict

COMMAND = Command(
    "explore",
    "[OPTIONS] IMAGE|ARCHIVE|DIR",
    (
        Flag("ci", "bool", "Check the rules: exit with 1 where the image breaks one"),
        Flag("html", "string", "Write a page that needs nothing else", metavar="FILE"),
        Flag("interactive", "bool", "Explore on the terminal (needs wherry[terminal])", short="i"),
        FORMAT._replace(help="Output; json has the lists of files (docs/explore.md)"),
        Flag("layer", "int", "List what one layer adds, changes and removes", metavar="N"),
        Flag("lowest-efficiency", "string", "Rule: the part that is not wasted, from 0 to 1", metavar="F"),
        Flag(
            "highest-wasted-bytes", "string", "Rule: bytes that no file of the image shows", metavar="SIZE"
        ),
        Flag(
            "highest-wasted-percent", "string", "Rule: the same, of the layers above the base", metavar="P"
        ),
        Flag(
            "platform", "string", "Of an image for several, the one for this", metavar="OS/ARCH[/VARIANT]"
        ),
        Flag("png", "string", "Write a picture of the layers and a map of what is in them", metavar="FILE"),
        Flag("svg", "string", "The same as SVG", metavar="FILE"),
        Flag("rules", "string", "Rules from a file of TOML (with --ci)", metavar="FILE"),
        TLS,
    ),
    min_args=1,
    max_args=1,
    description="IMAGE is one of the store, or docker://NAME at a registry; ARCHIVE a file of docker save\n"
    "or of an OCI layout; DIR an OCI layout, or any folder.  dir:PATH, oci:DIR[:TAG],\n"
    "oci-archive:FILE[:TAG], docker-archive:FILE[:NAME] and wherry:NAME say which.",
)
RULES = ("lowest-efficiency", "highest-wasted-bytes", "highest-wasted-percent")


def run(options: Options) -> int:
    from wherry.app.explore import Asked, explored
    from wherry.cli.registry.client import registries
    from wherry.cli.registry.transfers import make_transfers
    from wherry.store import Store

    limits = _limits(options) if options.flag("ci") else None
    store = Store.open(options.runtime)
    transfers = make_transfers(stream=sys.stderr)
    asked = Asked(lambda: registries(options), transfers, wanted_platform(options))
    gc.disable()  # many small values, of which none forms a circle
    with explored(store, options.args[0], asked) as found:
        gc.enable()
        return _show(found, limits, options)


def _show(found: Explored, limits: Limits | None, options: Options) -> int:
    from wherry.explore.limits import check

    verdicts = check(found, limits) if limits is not None else None
    written = _write(found, options)
    if options.string("format") == "json":
        from wherry.explore.document import document

        print(json.dumps(document(found, verdicts)))
    elif options.integer("layer") is not None:
        print(_layer(found, options.integer("layer") or 0))
    elif verdicts is not None:
        print(_verdicts(verdicts))
    elif options.flag("interactive"):
        _explore(found)
    elif not written:
        from wherry.cli.image.explored import page

        print(page(found, _columns()))
    return int(any(not verdict.passed for verdict in verdicts or ()))


def _explore(found: Explored) -> None:
    """Raises UsageError where there is no terminal, or not what it takes."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--interactive needs a terminal", hint="--html FILE writes a page")
    try:
        from wherry.cli.explorer.app import Explorer
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("textual", "rich"):
            raise
        raise UsageError(
            "the terminal explorer needs the Python package textual",
            hint="pip install 'wherry[terminal]', or --html FILE writes a page",
        ) from None
    Explorer(found, _dockerfiles(found)).run()


def _dockerfiles(found: Explored) -> dict[str, str]:
    """The Dockerfiles of the layers that are still where they were."""
    from wherry.store.regular import read_regular

    texts = {}
    for path in {layer.made.dockerfile for layer in found.layers if layer.made.line}:
        try:
            texts[path] = read_regular(path).decode("utf-8", "replace")
        except OSError:
            pass
    return texts


def _write(found: Explored, options: Options) -> bool:
    """The files that were asked for, each there when it is whole; whether there was one."""
    from wherry.layers.newfile import new_file

    asked = {form: file for form in WRITERS if (file := options.string(form)) is not None}
    if len(set(asked.values())) < len(asked):
        raise UsageError("--html, --png and --svg write a file each", hint="give each a name of its own")
    for form, file in asked.items():
        data = WRITERS[form](found)
        with new_file(file) as out:
            out.write(data)
    return bool(asked)


def _html(found: Explored) -> bytes:
    from wherry.explore.page.write import page

    return page(found).encode()


def _svg(found: Explored) -> bytes:
    from wherry.explore.figure import figure
    from wherry.picture.svg import svg

    return svg(figure(found)).encode()


def _png(found: Explored) -> bytes:
    from wherry.explore.figure import figure
    from wherry.picture.png import png

    return png(figure(found))


WRITERS = {"html": _html, "png": _png, "svg": _svg}


def _layer(found: Explored, number: int) -> str:
    from wherry.cli.image.explored import layer_page

    if not 1 <= number <= len(found.layers):
        raise UsageError(f"there is no layer {number}", hint=f"{found.name} has 1 to {len(found.layers)}")
    return layer_page(found.layers[number - 1])


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    from wherry.cli.image.explored import verdict_page

    return verdict_page(verdicts)


def _limits(options: Options) -> Limits:
    """What a file says, and the command line instead of it.  Raises UsageError."""
    from wherry.cli.core.files import read
    from wherry.explore.limits import DEFAULT, Limits, parse, with_values
    from wherry.sizes import size

    file = options.string("rules")
    limits = DEFAULT
    if file is not None:
        with read(file) as stream:
            limits = parse(stream.read().decode("utf-8", "replace"), file)
    given: dict[str, object] = {}
    for name in RULES:
        text = options.string(name)
        if text is None:
            continue
        try:
            given[name] = size(text) if name.endswith("bytes") else float(text)
        except ValueError:
            given[name] = text
    if file is None and given:
        limits = Limits({})
    return with_values(limits, given)


def _columns() -> int:
    """Of the terminal; 80 where there is none, as in a pipe."""
    import os

    try:
        return max(80, os.get_terminal_size(sys.stdout.fileno()).columns)
    except OSError:
        return 80

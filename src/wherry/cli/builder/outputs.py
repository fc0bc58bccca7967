"""``--output``, ``--load``, ``--push``, ``--iidfile`` and ``--metadata-file``: what they ask for, and the
files that say what a build made."""

from __future__ import annotations

import os
import sys

from wherry.builder.output.options import STDOUT, TO_STORE, Output, parse, parse_annotation
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.app.build import Built
    from wherry.app.request import BuildRequest
    from wherry.cli.core.flags import Options


def outputs(options: Options) -> tuple[Output, ...]:
    """What the command line asks for.  Raises UsageError for what is wrong with its words."""
    names = tuple(options.strings("tag"))
    requested = [parse(text) for text in options.strings("output")]
    if options.flag("load"):
        requested.append(Output("docker"))
    if options.flag("push"):
        requested.append(TO_STORE._replace(push=True))
    requested = requested or [TO_STORE]
    notes = tuple(parse_annotation(text) for text in options.strings("annotation"))
    requested = [o if o.is_files else o._replace(annotations=(*o.annotations, *notes)) for o in requested]
    if options.string("iidfile") and any(output.is_files for output in requested):
        raise UsageError("local and tar exporters are incompatible with image ID file")
    _refuse_terminal(requested)
    # A name that is typed goes to every image, whatever the output says.
    return tuple(o if o.is_files or not names else o._replace(names=names) for o in requested)


def _refuse_terminal(requested: Sequence[Output]) -> None:
    to_stdout = [output for output in requested if output.dest == STDOUT]
    if len(to_stdout) == 1 and sys.stdout.isatty():
        raise UsageError(
            f"dest file is required for {to_stdout[0].type} exporter. refusing to write to console",
            hint=f"say type={to_stdout[0].type},dest=FILE, or redirect",
        )


def remove_answers(options: Options) -> None:
    """Before the build: files of an earlier build must not pass for this one's."""
    for path in (options.string("iidfile"), options.string("metadata-file")):
        if path and os.path.isfile(path):
            os.unlink(path)


def write_answers(options: Options, request: BuildRequest, built: Built) -> None:
    iidfile, described = options.string("iidfile"), options.string("metadata-file")
    if iidfile:
        _write_text(iidfile, built.image)
    if described:
        import json

        _write_text(described, json.dumps(metadata(request, built), indent=2, sort_keys=True))


def metadata(request: BuildRequest, built: Built) -> dict[str, Any]:
    """As buildx writes it; files come from no image that anyone could ask for."""
    if built.descriptor is None:
        return {}
    value = built.descriptor.to_json()
    image = built.images[0].id if len(built.images) == 1 else ""
    if image:
        value["annotations"] = {**built.descriptor.annotations, "config.digest": image}
    names = dict.fromkeys(name for output in request.outputs for name in output.names)
    return {
        **({"containerimage.config.digest": image} if image else {}),
        "containerimage.descriptor": value,
        "containerimage.digest": built.descriptor.digest,
        **({"image.name": ",".join(_canonical(name) for name in names)} if names else {}),
    }


def _canonical(name: str) -> str:
    from wherry.oci.reference import parse as parse_reference

    return parse_reference(name).canonical()


def _write_text(path: str, text: str) -> None:
    from wherry.layers.newfile import new_file

    with new_file(path) as file:
        file.write(text.encode())

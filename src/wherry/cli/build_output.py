"""``--output``, ``--load``, ``--iidfile`` and ``--metadata-file``: what a build leaves, and where."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from wherry.build.output import STDOUT, Output, parse
from wherry.errors import ContextError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.build.progress import Progress
    from wherry.cli.flags import Options
    from wherry.oci.manifest import Descriptor
    from wherry.store import ImageRecord, Store


class Wanted:
    """What the command line asks for.  Raises UsageError for what is wrong with its words."""

    def __init__(self, options: Options) -> None:
        names = tuple(options.strings("tag"))
        asked = [parse(text) for text in options.strings("output")]
        if options.flag("load"):
            asked.append(Output("docker"))
        asked = asked or [Output("image")]
        # A name that is typed goes to every image, whatever the output says.
        self.outputs = [o if o.is_files or not names else o._replace(names=names) for o in asked]
        self.iidfile = options.string("iidfile")
        self.metadata = options.string("metadata-file")
        if self.iidfile and any(output.is_files for output in asked):
            raise UsageError("local and tar exporters are incompatible with image ID file")
        if len({output.rewrite for output in self.outputs if output.rewrite is not None}) > 1:
            raise UsageError("one build cannot have outputs with and without rewrite-timestamp")
        _check_stdout(self.outputs)
        for output in self.outputs:
            _check_dest(output)

    @property
    def keeps_image(self) -> bool:
        """Whether the image is to be one of the store's."""
        return any(output.to_store for output in self.outputs)

    @property
    def rewrites(self) -> bool:
        """Whether files are to show SOURCE_DATE_EPOCH, if there is one: so unless an output says no."""
        return all(output.rewrite is not False for output in self.outputs)

    @property
    def gives_image(self) -> bool:
        return any(not output.is_files for output in self.outputs)

    @property
    def stdout_is_free(self) -> bool:
        return all(output.dest != STDOUT for output in self.outputs)

    def prepare(self) -> None:
        """Before the build: files of an earlier build must not pass for this one's."""
        for path in (self.iidfile, self.metadata):
            if path and os.path.isfile(path):
                os.unlink(path)
        if any(not output.to_store or output.says_how for output in self.outputs):
            from wherry.sandbox.userns import enter_if_needed

            enter_if_needed()  # the files of layers belong to a plain user's subordinate ids

    def deliver(self, store: Store, record: ImageRecord, progress: Progress) -> list[str]:
        """Write all outputs; the names that the image got in the store (familiar forms)."""
        if self._is_plain():
            self._write_id(record.id)
            return [name for output in self.outputs for name in _tag(store, output.names, record)]
        from wherry.build.export import Built, export
        from wherry.images.view import Image
        from wherry.oci.platform import Platform

        image = Image(store, record)
        config = image.config
        built = [Built(Platform(config.os, config.architecture, config.variant), image)]
        tagged: list[str] = []
        found: Descriptor | None = None
        for output in self.outputs:
            descriptor = export(store, built, output, progress)
            if not output.is_files:
                found = found or descriptor
            if output.to_store:
                tagged += _tag(store, output.names, record)
        self._write_id(record.id)
        if self.metadata:
            _write_text(
                self.metadata, json.dumps(self._metadata(image.id, found), indent=2, sort_keys=True)
            )
        return tagged

    def _is_plain(self) -> bool:
        """Whether it is only the image in the store, as it is: nothing more needs to be loaded."""
        return self.metadata is None and all(o.to_store and not o.says_how for o in self.outputs)

    def _write_id(self, image: str) -> None:
        if self.iidfile:
            _write_text(self.iidfile, image)

    def _metadata(self, image: str, descriptor: Descriptor | None) -> dict[str, Any]:
        """As buildx writes it; files come from no image that anyone could ask for."""
        if descriptor is None:
            return {}
        value = descriptor.to_json()
        value["annotations"] = {**descriptor.annotations, "config.digest": image}
        names = dict.fromkeys(name for output in self.outputs for name in output.names)
        return {
            "containerimage.config.digest": image,
            "containerimage.descriptor": value,
            "containerimage.digest": descriptor.digest,
            **({"image.name": ",".join(_canonical(name) for name in names)} if names else {}),
        }


def _check_stdout(outputs: Sequence[Output]) -> None:
    to_stdout = [output for output in outputs if output.dest == STDOUT]
    if len(to_stdout) > 1:
        raise UsageError("multiple outputs configured to write to stdout")
    if to_stdout and sys.stdout.isatty():
        raise UsageError(
            f"dest file is required for {to_stdout[0].type} exporter. refusing to write to console",
            hint=f"say type={to_stdout[0].type},dest=FILE, or redirect",
        )


def _check_dest(output: Output) -> None:
    if output.dest in ("", STDOUT):
        return
    if output.folder:
        if os.path.exists(output.dest) and not os.path.isdir(output.dest):
            raise ContextError(f"destination directory {output.dest} is a file")
    elif os.path.isdir(output.dest):
        raise ContextError(f"destination file {output.dest} is a directory")


def _tag(store: Store, names: Sequence[str], record: ImageRecord) -> list[str]:
    from wherry.build.image import tag

    return tag(store, names, record)


def _canonical(name: str) -> str:
    from wherry.oci.reference import parse as parse_reference

    return parse_reference(name).canonical()


def _write_text(path: str, text: str) -> None:
    from wherry.layers.newfile import new_file

    with new_file(path) as file:
        file.write(text.encode())

"""``--output``, ``--load``, ``--iidfile`` and ``--metadata-file``: what a build leaves, and where."""

from __future__ import annotations

import json
import os
import sys

from wherry.builder.output.options import STDOUT, Output, parse, parse_annotation
from wherry.errors import ContextError, UsageError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.builder.execute.progress import Progress
    from wherry.cli.core.flags import Options
    from wherry.oci.manifest import Descriptor
    from wherry.runtime import Runtime
    from wherry.store import ImageRecord, Store


class Delivered(NamedTuple):
    """`image` is an image's id, or the digest of an index; `tagged` its names in the store, familiar."""

    image: str
    tagged: list[str]


class Wanted:
    """What the command line asks for.  Raises UsageError for what is wrong with its words."""

    def __init__(self, options: Options) -> None:
        names = tuple(options.strings("tag"))
        asked = [parse(text) for text in options.strings("output")]
        if options.flag("load"):
            asked.append(Output("docker"))
        if options.flag("push"):
            asked.append(Output("image", push=True))
        asked = asked or [Output("image")]
        notes = tuple(parse_annotation(text) for text in options.strings("annotation"))
        asked = [o if o.is_files else o._replace(annotations=(*o.annotations, *notes)) for o in asked]
        # A name that is typed goes to every image, whatever the output says.
        self.outputs = [o if o.is_files or not names else o._replace(names=names) for o in asked]
        self.iidfile = options.string("iidfile")
        self.metadata = options.string("metadata-file")
        if self.iidfile and any(output.is_files for output in asked):
            raise UsageError("local and tar exporters are incompatible with image ID file")
        if any(output.push and not output.names for output in self.outputs):
            raise UsageError("tag is needed when pushing to registry", hint="-t REGISTRY/NAME:TAG")
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

    def prepare(self, runtime: Runtime) -> None:
        """Before the build: files of an earlier build must not pass for this one's."""
        for path in (self.iidfile, self.metadata):
            if path and os.path.isfile(path):
                os.unlink(path)
        if any(not output.to_store or output.says_how or output.push for output in self.outputs):
            runtime.need_layers()  # the files of layers belong to a plain user's subordinate ids

    def deliver(self, store: Store, records: Sequence[ImageRecord], progress: Progress) -> Delivered:
        """Write all outputs of a build for one platform or several."""
        if len(records) == 1 and self._is_plain():
            return self._delivered(records[0].id, store, records[0].id, records)
        from wherry.builder.output.export import Built, export
        from wherry.images.view import Image

        images = [Image(store, record) for record in records]
        built = [Built(image.config.platform, image) for image in images]
        found: Descriptor | None = None
        target = ""
        for output in self.outputs:
            descriptor = export(store, built, output, progress)
            if output.to_store:
                target = descriptor.digest if len(built) > 1 else images[0].id
            if not output.is_files:
                found = found or descriptor
        image = images[0].id if len(built) == 1 else found.digest if found else ""
        delivered = self._delivered(image, store, target, records)
        found = self._pushed(store, progress) or found
        if self.metadata:
            config = images[0].id if len(built) == 1 else ""
            text = json.dumps(self._metadata(config, found), indent=2, sort_keys=True)
            _write_text(self.metadata, text)
        return delivered

    def _delivered(self, image: str, store: Store, target: str, images: Sequence[ImageRecord]) -> Delivered:
        from wherry.builder.output.image import tag

        names = [name for output in self.outputs if output.to_store for name in output.names]
        tagged = tag(store, names, target, images)
        if self.iidfile:
            _write_text(self.iidfile, image)
        return Delivered(image, tagged)

    def _pushed(self, store: Store, progress: Progress) -> Descriptor | None:
        """Push the names that are to be pushed.  What the last one stands for at its registry."""
        found: Descriptor | None = None
        for output in self.outputs:
            if output.push:
                from wherry.cli.builder.pushes import push_names

                found = push_names(store, output, progress)
        return found

    def _is_plain(self) -> bool:
        """Whether it is only the image in the store, as it is: nothing more needs to be loaded."""
        return self.metadata is None and all(
            o.to_store and not o.says_how and not o.push for o in self.outputs
        )

    def _metadata(self, image: str, descriptor: Descriptor | None) -> dict[str, Any]:
        """As buildx writes it; files come from no image that anyone could ask for."""
        if descriptor is None:
            return {}
        value = descriptor.to_json()
        if image:
            value["annotations"] = {**descriptor.annotations, "config.digest": image}
        names = dict.fromkeys(name for output in self.outputs for name in output.names)
        return {
            **({"containerimage.config.digest": image} if image else {}),
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


def _canonical(name: str) -> str:
    from wherry.oci.reference import parse as parse_reference

    return parse_reference(name).canonical()


def _write_text(path: str, text: str) -> None:
    from wherry.layers.newfile import new_file

    with new_file(path) as file:
        file.write(text.encode())

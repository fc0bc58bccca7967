"""What a build gives, where ``--output`` wants it: files, archives, or an image in the store."""

from __future__ import annotations

import contextlib
import os
import sys

from wherry.builder.output.options import check_index
from wherry.errors import ContextError
from wherry.images.attestations import keep
from wherry.images.packing import Packing, manifest_of, pack_layers
from wherry.images.view import Image
from wherry.layers.newfile import new_file
from wherry.layers.view import View
from wherry.oci.manifest import INDEX, Descriptor
from wherry.oci.reference import parse as parse_reference
from wherry.runtime import ROOT
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import IO

    from wherry.builder.output.options import Output
    from wherry.builder.progress import Progress
    from wherry.images.layout import Layout, Notes
    from wherry.oci.attestation import Attached, Attestation
    from wherry.oci.platform import Platform
    from wherry.store import Store


class Built(NamedTuple):
    """The image of one platform, and what is attested of it."""

    platform: Platform
    image: Image
    attestations: Sequence[Attestation] = ()


LABELS = {
    "local": "exporting to client directory",
    "tar": "exporting to client tarball",
    "oci": "exporting to oci image format",
    "docker": "exporting to docker image format",
    "image": "exporting to image",
}


def export(store: Store, built: Sequence[Built], output: Output, progress: Progress) -> Descriptor:
    """Write one output.  What leads to the image that it is (for files, that they are from).

    A file is there whole or not at all, whatever happens meanwhile.
    """
    if output.to_store and not output.says_how and len(built) == 1 and not built[0].attestations:
        return described(store, built[0].image)
    step = progress.begin(LABELS[output.type])
    try:
        descriptor = _write(store, built, output, progress.note)
    except BaseException:
        step.fail()
        raise
    step.end(cached=False)
    return descriptor


def _write(store: Store, built: Sequence[Built], output: Output, note: Callable[[str], None]) -> Descriptor:
    if output.type == "local":
        _local(built, output, note, owners=store.runtime.identity == ROOT)
    elif output.type == "tar":
        _tar(built, output)
    elif output.to_store:
        return _store(store, built, output)
    else:
        return _archive(store, built, output)
    return described(store, built[0].image)


def described(store: Store, image: Image) -> Descriptor:
    """An image's manifest in the store."""
    digest = image.record.manifest
    return Descriptor(image.manifest().media_type, digest, store.blobs.size(digest))


# -- files -----------------------------------------------------------------------------------------


def _split(built: Sequence[Built], output: Output) -> Iterator[tuple[str, View, dict[str, bytes]]]:
    """Each file system, the folder that it goes to ("" where there is only one), and what is attested."""
    split = len(built) > 1 if output.split is None else output.split
    seen: dict[str, str] = {}
    for one in built:
        view = View(one.image.layer_paths())
        if not split and len(built) > 1:
            _check_apart(view, str(one.platform), seen)
        yield (str(one.platform).replace("/", "_") if split else ""), view, _statements(one, view)


def _statements(one: Built, view: View) -> dict[str, bytes]:
    """What is attested of an image, as files beside its own: BuildKit's names."""
    from wherry.oci.attestation import FILE_NAMES, attach

    found = {}
    image = described(one.image.store, one.image)
    for each in one.attestations:
        ((_, data),) = attach([each], (), image).statements()
        found[FILE_NAMES[each.predicate_type]] = data
    for name in found:
        if view.find(name, follow_last=False) is not None:
            raise ContextError(f"the image has a file /{name}, which an attestation would replace")
    return found


def _check_apart(view: View, platform: str, seen: dict[str, str]) -> None:
    top = view.root()
    for node in view.walk(top) if top is not None else ():
        other = seen.setdefault(node.name, platform)
        if other != platform and not node.is_folder:
            raise ContextError(
                f"cannot overwrite {node.name} from {other} with {platform} when split option is disabled",
                hint="leave platform-split=false out",
            )


def _local(built: Sequence[Built], output: Output, note: Callable[[str], None], *, owners: bool) -> None:
    from wherry.layers.extract import OPEN_FOLDER, extract
    from wherry.layers.newfile import NewFile

    os.makedirs(output.dest, mode=0o700, exist_ok=True)
    for name, view, statements in _split(built, output):
        folder = os.open(output.dest, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if name:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=folder)
                folder, above = os.open(name, OPEN_FOLDER, dir_fd=folder), folder
                os.close(above)
            left_out = extract(view, folder, owners=owners)
            for each, data in statements.items():
                with NewFile(folder, 0o600) as file, open(file.number, "wb", closefd=False) as out:
                    out.write(data)
                    out.flush()
                    file.commit(each)
        finally:
            os.close(folder)
        if left_out:
            note(f"devices left out, which only root may make: {', '.join(left_out)}")


def _tar(built: Sequence[Built], output: Output) -> None:
    from wherry.layers.entry import FILE, FOLDER, Entry
    from wherry.layers.tarwrite import END, header, padding
    from wherry.layers.viewtar import write_members

    with _file(output.dest) as out:
        for name, view, statements in _split(built, output):
            if name:
                out.write(header(Entry(name.encode(), FOLDER, 0o755)))
            top = view.root()
            if top is not None:
                write_members(view, top, name, out, itself=False)
            for each, data in statements.items():
                out.write(header(Entry(os.path.join(name, each).encode(), FILE, 0o600, size=len(data))))
                out.write(data + padding(len(data)))
        out.write(END)


@contextlib.contextmanager
def _file(dest: str) -> Iterator[IO[bytes]]:
    if dest == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with new_file(dest) as file:
        yield file


# -- images ----------------------------------------------------------------------------------------


def is_index(built: Sequence[Built]) -> bool:
    """Whether an image index is needed: for several platforms, or for what is attested."""
    return len(built) > 1 or any(one.attestations for one in built)


def _archive(store: Store, built: Sequence[Built], output: Output) -> Descriptor:
    from wherry.images.layout import Folder, Layout, Tar

    check_index(output, is_index=is_index(built))
    names = [parse_reference(name).canonical() for name in output.names]
    with contextlib.ExitStack() as stack:
        sink = Folder(output.dest) if output.folder else Tar(stack.enter_context(_file(output.dest)))
        layout = Layout(store, sink, packing_of(output))
        if not is_index(built):
            descriptor = layout.add(built[0].image, names, _notes(output, built[0].platform))
        else:
            descriptor = _add_index(layout, built, names, output)
        layout.close(docker=output.type == "docker")
    return descriptor


def _add_index(layout: Layout, built: Sequence[Built], names: Sequence[str], output: Output) -> Descriptor:
    parts = [layout.add(one.image, (), _notes(output, one.platform), listed=False) for one in built]
    attached = _attached(built, parts, names)
    for one in attached.values():
        layout.attach(one)
    return layout.add_index(
        _index(built, parts, attached, _annotations(output, "index")),
        names,
        _annotations(output, "index-descriptor"),
        max(one.image.config.created for one in built),
    )


def _store(store: Store, built: Sequence[Built], output: Output) -> Descriptor:
    """The image, or an index of the images, in the store."""
    check_index(output, is_index=is_index(built))
    if not is_index(built):
        return _as_asked(store, built[0], output)
    # What is attested is attested of the manifest that leaves the machine.
    final = output.says_how or any(one.attestations for one in built)
    parts = [_as_asked(store, one, output) if final else described(store, one.image) for one in built]
    attached = _attached(built, parts, output.names)
    for one in attached.values():
        keep(store, one)
    data = _index(built, parts, attached, _annotations(output, "index"))
    return Descriptor(INDEX, store.blobs.put(data), len(data), _annotations(output, "index-descriptor"))


def _index(
    built: Sequence[Built],
    parts: Sequence[Descriptor],
    attached: Mapping[str, Attached],
    annotations: Mapping[str, str],
) -> bytes:
    """Attestations come after the images that they are about."""
    from wherry.images.index import index_json, platform_json

    entries = [
        {**part.to_json(), "platform": platform_json(one.platform)}
        for one, part in zip(built, parts, strict=True)
    ]
    entries += [each.entry(image) for image, each in attached.items()]
    return index_json(entries, annotations)


def _attached(
    built: Sequence[Built], parts: Sequence[Descriptor], names: Sequence[str]
) -> dict[str, Attached]:
    """What is attested of each image, by the digest of its manifest."""
    from wherry.oci.attestation import attach
    from wherry.oci.purl import image_uri

    found = {}
    for one, part in zip(built, parts, strict=True):
        if one.attestations:
            subjects = [image_uri(parse_reference(name), one.platform) for name in names]
            found[part.digest] = attach(one.attestations, subjects, part)
    return found


def _as_asked(store: Store, one: Built, output: Output) -> Descriptor:
    """Another manifest for an image in the store, with its layers' blobs as asked for."""
    platform, image = one.platform, one.image
    packing = packing_of(output)
    parts = pack_layers(store, image, packing)
    manifest = manifest_of(store, image, parts, packing, _notes(output, platform).manifest)
    image = Image(store, image.record._replace(manifest=store.blobs.put(manifest.to_json())))
    store.images.add(image.record)
    store.names.show()
    return described(store, image)


def packing_of(output: Output) -> Packing:
    """How the layers of an output leave."""
    compression = output.compression or "gzip"
    oci = output.oci_types if output.oci_types is not None else output.type != "docker"
    # What only OCI's formats have: a media type for zstd, annotations of anything but a manifest.
    oci = oci or compression == "zstd" or any(note.kind != "manifest" for note in output.annotations)
    return Packing(
        "none" if compression == "uncompressed" else compression, output.level, output.force, oci
    )


def _notes(output: Output, platform: Platform) -> Notes:
    from wherry.images.layout import Notes

    kinds = ("manifest", "manifest-descriptor")
    return Notes(*(_annotations(output, kind, str(platform)) for kind in kinds))


def _annotations(output: Output, kind: str, platform: str = "") -> dict[str, str]:
    found = [note for note in output.annotations if note.kind == kind]
    return {note.key: note.value for note in found if note.platform in ("", platform)}

"""Containers, images and volumes in the JSON shapes of ``docker inspect``."""

from __future__ import annotations

from wherry.errors import NotFoundError, nearest
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wherry.app.volumes import Volume
    from wherry.oci.platform import Platform
    from wherry.registry.client import Registries
    from wherry.store import Store

KINDS = ("container", "image", "volume")
"""In the order in which a name is looked up, as docker does it."""
PLACES = ("docker", "oci", "oci-archive", "docker-archive")
"""Beginnings of what is inspected where it is."""


def inspect(
    store: Store,
    name: str,
    kind: str = "",
    *,
    platform: Platform | None = None,
    registries: Callable[[], Registries] | None = None,
    sizes: bool = False,
    attestations: bool = False,
) -> dict[str, Any]:
    """What a name stands for: of one of KINDS, or of the first that has it.

    With `sizes` a container says how many bytes its files take, with `attestations` an image what is
    attested of it (``SBOM``, ``Provenance``).

    Of an image for several platforms it is the one for `platform`.  With `registries` an image may also be
    ``docker://NAME``, ``oci:DIR[:TAG]``, ``oci-archive:FILE[:TAG]`` or ``docker-archive:FILE[:NAME]``.
    Raises NotFoundError in Docker's words, RegistryError, CorruptError.
    """
    ambiguous: NotFoundError | None = None
    for each in (kind,) if kind else KINDS:
        try:
            found = _lookup(store, name, each, platform, attestations)
        except NotFoundError as error:
            # What may be the beginning of several containers' IDs, as ``bb`` may, can be an image's name.
            ambiguous, found = ambiguous or error, None
        if found is None and each == "image" and registries and name.partition(":")[0] in PLACES:
            found = _at(store, name, platform, registries, attestations)
        if found is not None:
            return _with_sizes(store, found) if sizes and each == "container" else found
    raise ambiguous or _absent(store, name, kind)


def _lookup(
    store: Store, name: str, kind: str, platform: Platform | None, attestations: bool
) -> dict[str, Any] | None:
    if kind == "image":
        return _image(store, name, platform, attestations)
    return _container(store, name) if kind == "container" else _volume(store, name)


def _container(store: Store, name: str) -> dict[str, Any] | None:
    from wherry.containers.state import find
    from wherry.containers.view import container_json

    record = find(store, name)
    return container_json(store, record) if record is not None else None


def _with_sizes(store: Store, found: dict[str, Any]) -> dict[str, Any]:
    from wherry.containers.sizes import container_sizes

    record = store.containers.get(found["Id"])
    if record is None:
        return found
    sizes = container_sizes(store, record)
    return {**found, "SizeRw": sizes.written, "SizeRootFs": sizes.total}


def _image(store: Store, name: str, platform: Platform | None, attestations: bool) -> dict[str, Any] | None:
    from wherry.images.attestations import of_image
    from wherry.images.inspect import image_json
    from wherry.images.lookup import find
    from wherry.oci.attestation import shown

    image = find(store, name, platform)
    if image is None:
        return None
    return {**image_json(image), **shown(of_image(store, image.record.manifest), predicates=attestations)}


def _volume(store: Store, name: str) -> dict[str, Any] | None:
    from wherry.app.volumes import volumes

    return next((volume_json(each) for each in volumes(store) if each.record.name == name), None)


def volume_json(volume: Volume) -> dict[str, Any]:
    """As Docker shows one; `CreatedBy` is wherry's own: a container's ID, or a command."""
    from wherry.oci.times import rfc3339_seconds

    record = volume.record
    return {
        "CreatedAt": rfc3339_seconds(record.created),
        "CreatedBy": record.maker,
        "Driver": "local",
        "Labels": dict(record.labels) or None,
        "Mountpoint": volume.path,
        "Name": record.name,
        "Options": None,
        "Scope": "local",
    }


def _absent(store: Store, name: str, kind: str) -> NotFoundError:
    if kind == "volume":
        near = nearest(name, [record.name for record in store.volumes.all()])
        hint = f"did you mean {near}?" if near else "see wherry volume ls"
        return NotFoundError(f"get {name}: no such volume", hint=hint)
    hint = "see wherry images and wherry ps -a; docker://NAME asks a registry"
    hints = {"container": "see wherry ps -a", "image": "see wherry images; docker://NAME asks a registry"}
    return NotFoundError(f"No such {kind or 'object'}: {name}", hint=hints.get(kind, hint))


def _at(
    store: Store,
    text: str,
    platform: Platform | None,
    registries: Callable[[], Registries],
    attestations: bool,
) -> dict[str, Any]:
    """An image somewhere else."""
    from wherry.copying.inspect import inspect as describe
    from wherry.copying.places import Opened, parse_place, source
    from wherry.oci.reference import parse

    place = parse_place(text)
    name = parse(place.where) if place.kind == "docker" else None
    client = registries()
    try:
        with store.temp() as temporary:
            opened = Opened(client, store, temporary)
            with source(place, opened, compress=False) as (here, reference):
                return describe(here, reference, name, platform, attestations=attestations)
    finally:
        client.close()

"""What ``-v`` and VOLUME mount."""

from __future__ import annotations

import os
import posixpath
import time

from wherry.errors import SandboxError, UsageError
from wherry.layers.rootpath import resolve
from wherry.sandbox.process import Mount
from wherry.store.containerconfig import VolumeMount
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wherry.layers.view import View
    from wherry.store import Store
    from wherry.store.containerconfig import ContainerConfig

LONGEST = 200  # bytes of a folder's name


def clean(target: str) -> str:
    """The one way to write a place in a container: absolute, without ``.``, ``..`` and doubled slashes."""
    return "/" + posixpath.normpath(f"/{target}").lstrip("/")


class PlannedMount(NamedTuple):
    """What a container has mounted, or will have: `target` clean, `source` a path of the host, `name` that
    of a named volume or ""; `bound` where the source is the user's own.  `volume` is what was asked for."""

    target: str
    source: str
    name: str
    bound: bool
    volume: VolumeMount


def planned_mounts(store: Store, container: str, config: ContainerConfig) -> list[PlannedMount]:
    """The mounts of a container, what lies above another one first.  Nothing is made."""
    image = [VolumeMount("", target) for target in config.image_volumes]
    # -v has what VOLUME names, too.
    mounted = {clean(volume.target): volume for volume in (*image, *config.volumes)}
    found = []
    for target, volume in sorted(mounted.items(), key=lambda item: item[0].count("/")):
        source = volume.source or _anonymous(store, container, volume.target, set(mounted))
        bound = volume.source.startswith("/")
        name = "" if source.startswith("/") else source
        found.append(PlannedMount(target, _named(store, name) if name else source, name, bound, volume))
    return found


def view_with_mounts(store: Store, container: str, config: ContainerConfig, view: View) -> View:
    """The files of a container that does not run, with what is mounted in it.  Nothing is made: a volume
    that is not there yet will begin as what the image has in its place."""
    for mount in planned_mounts(store, container, config):
        if os.path.exists(mount.source):
            view = view.mounted(view.resolve(mount.target), os.path.realpath(mount.source))
    return view


def container_mounts(store: Store, container: str, config: ContainerConfig, root: str) -> tuple[Mount, ...]:
    """The mounts of a container; volumes that are new get what the image has in their place.

    What lies above another one comes first.  Raises SandboxError for a place that is the root, or a file.
    """
    mounts = []
    for target, source, name, bound, volume in planned_mounts(store, container, config):
        place = resolve(root, target)
        if place == root.rstrip("/"):
            raise SandboxError(f"no volume can be mounted on {target}: it is the root")
        if bound and not os.path.exists(source):
            # As docker -v: a folder that is not there is made.
            os.makedirs(source)
        made = not os.path.exists(source) and _fill(store, source, place, target)
        if name:
            _record(store, name, container if made else "")
        mounts.append(Mount("bind", source, target, volume.readonly))
    return tuple(mounts)


def _named(store: Store, name: str) -> str:
    from wherry.store.volumes import NAME

    if not NAME.match(name):
        raise UsageError(f"{name!r} is not a volume name", hint="start a host path with / or ./")
    return store.volumes.path(name)


def _record(store: Store, name: str, maker: str) -> None:
    """Record a volume that the container has just made, or one that has no record."""
    from wherry.store.volumes import VolumeRecord

    if maker:
        store.volumes.add(VolumeRecord(name, time.time(), maker))
    else:
        store.volumes.adopt(name)


def _anonymous(store: Store, container: str, written: str, places: set[str]) -> str:
    """The folder of a volume without a name."""
    parent = os.path.join(store.containers.dir(container), "volumes")
    place = clean(written)
    folder = os.path.join(parent, folder_name(place))
    # Containers of older versions have folders by names that several places shared.
    older = written.strip("/").replace("/", "-")
    if not os.path.exists(folder) and older not in map(folder_name, places):
        before = os.path.join(parent, older)
        return before if os.path.isdir(before) else folder
    return folder


def folder_name(place: str) -> str:
    """No two places have the same."""
    name = place[1:].replace("%", "%25").replace("-", "%2D").replace("/", "-")
    if len(os.fsencode(name)) <= LONGEST:
        return name
    import hashlib

    return "%%" + hashlib.sha256(os.fsencode(place)).hexdigest()


def _fill(store: Store, folder: str, image_folder: str, target: str) -> bool:
    """A new volume begins as a copy of the image's folder, as with Docker.  Whether it is this one.

    Is atomic: of several that make it at once the first one's is kept.
    """
    from wherry import linux
    from wherry.layers.copied import copy_view
    from wherry.layers.copying import finish
    from wherry.layers.tree import ROOT_MODE, entry_of
    from wherry.layers.view import View

    if os.path.lexists(image_folder) and not os.path.isdir(image_folder):
        raise SandboxError(f"cannot mount volume over existing file, file exists {target}")
    os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
    with store.temp() as temporary:
        fresh = os.path.join(temporary, "volume")
        os.mkdir(fresh)
        os.chmod(fresh, ROOT_MODE)
        if os.path.isdir(image_folder):
            copy_view(View([image_folder]), fresh)
            entry = entry_of(b"", os.fsencode(image_folder), os.stat(image_folder), {})
            assert entry is not None  # noqa: S101
            finish(fresh, entry, image_folder)
        try:
            linux.rename_new(fresh, folder)
        except FileExistsError:
            return False
    return True

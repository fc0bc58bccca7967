"""An image in the JSON shape of ``docker inspect``."""

from __future__ import annotations

import datetime

from wherry.oci.reference import from_canonical
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.images.view import Image
    from wherry.oci.config import ImageConfig
    from wherry.oci.reference import Reference


def image_json(image: Image) -> dict[str, Any]:
    names = [from_canonical(name) for name in image.store.names.of(image.id)]
    digests = [from_canonical(name) for name in image.store.names.digests_of(image.id)]
    size = image.size()
    layers = [image.store.layers.path(diff_id) for diff_id in reversed(image.config.diff_ids)]
    tags = [name.familiar() for name in names if name.tag]
    return {
        **described(
            image.id, image.config, tags, repo_digests(names, digests, image.record.manifest), size
        ),
        "GraphDriver": {
            "Name": "overlay2",
            "Data": {"LowerDir": ":".join(layers[1:]), "UpperDir": layers[0] if layers else ""},
        },
        "Metadata": {
            "LastTagTime": datetime.datetime.fromtimestamp(image.record.added, datetime.UTC).isoformat()
        },
    }


def described(
    image: str, config: ImageConfig, tags: Sequence[str], digests: Sequence[str], size: int
) -> dict[str, Any]:
    """What its configuration says of an image, wherever it is; `size` in bytes."""
    return {
        "Id": image,
        "RepoTags": list(tags),
        "RepoDigests": list(digests),
        "Parent": "",
        "Comment": config.history[-1].comment if config.history else "",
        "Created": config.created,
        "DockerVersion": "",
        "Author": config.author,
        "Config": _config(config.config),
        "Architecture": config.architecture,
        "Variant": config.variant,
        "Os": config.os,
        "Size": size,
        "VirtualSize": size,
        "RootFS": {"Type": "layers", "Layers": list(config.diff_ids)},
    }


def repo_digests(names: Sequence[Reference], digests: Sequence[Reference], manifest: str) -> list[str]:
    """What registries have an image as; of a repository where it never was, the manifest that is here."""
    at_registries = {name[:2] for name in digests}
    only_here = dict.fromkeys(name.familiar_name() for name in names if name[:2] not in at_registries)
    return [name.familiar() for name in digests] + [f"{name}@{manifest}" for name in only_here]


def _config(config: dict[str, Any]) -> dict[str, Any]:
    """Docker prints these members whether they are set or not."""
    shown: dict[str, Any] = {
        "Hostname": "",
        "Domainname": "",
        "User": "",
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "Tty": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "Env": None,
        "Cmd": None,
        "Image": "",
        "Volumes": None,
        "WorkingDir": "",
        "Entrypoint": None,
        "OnBuild": None,
        "Labels": None,
    }
    return {**shown, **config}

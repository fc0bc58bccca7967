"""The image that a build ends with: the last stage's layers and configuration, and its names."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from wherry.build import keys
from wherry.build.stage import rfc3339
from wherry.images.write import create_image
from wherry.oci.config import ImageConfig
from wherry.oci.config import parse as parse_config
from wherry.oci.reference import parse as parse_reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.build.result import BuildOptions, StageResult
    from wherry.store import ImageRecord, Store


def write_image(store: Store, result: StageResult, options: BuildOptions) -> ImageRecord:
    """The image; the same one as before if all but the time is the same."""
    config = dict(result.config)
    if options.labels:
        config["Labels"] = {**(config.get("Labels") or {}), **options.labels}
    os_name, architecture, variant = options.platform
    timeless = ImageConfig(
        architecture,
        os_name,
        config,
        result.diff_ids,
        result.history,
        author=result.author,
        variant=variant,
        extra=result.extra,
    )
    key = keys.image_key(timeless.to_json())
    known = store.cache.get(key.digest)
    if known is not None and store.blobs.has(known.value):
        return store.images.get(known.value) or _again(store, known.value, options)
    now = rfc3339(time.time())
    history = tuple(h if h.created else h._replace(created=now) for h in result.history)
    record = create_image(store, timeless._replace(created=now, history=history), keep=options.keep)
    store.cache.put(key.digest, record.id, key.components)
    return record


def _again(store: Store, image: str, options: BuildOptions) -> ImageRecord:
    """An image that was made before and is none of the store's."""
    data = store.blobs.read(image)
    return create_image(store, parse_config(data), data, keep=options.keep)


def host_platform() -> tuple[str, str, str]:
    from wherry.oci.platform import of_machine

    platform = of_machine(os.uname().machine)
    return platform.os, platform.architecture, platform.variant


def tag(store: Store, names: Sequence[str], record: ImageRecord) -> list[str]:
    """Give an image its names (as typed); the familiar forms."""
    shown = []
    for name in names:
        reference = parse_reference(name)
        store.names.set(reference.canonical(), record.id)
        shown.append(reference.familiar())
    return shown

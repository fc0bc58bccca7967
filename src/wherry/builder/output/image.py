"""The image that a build ends with: the last stage's layers and configuration, and its names."""

from __future__ import annotations

import time

from wherry.builder.cache.shared import INLINE
from wherry.builder.plan import keys
from wherry.images.view import Image
from wherry.oci.config import ImageConfig
from wherry.oci.config import parse as parse_config
from wherry.oci.reference import parse as parse_reference
from wherry.oci.times import rfc3339, rfc3339_seconds
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.builder.cache.shared import SharedCaches
    from wherry.builder.options import BuildOptions
    from wherry.builder.plan.values import StageResult
    from wherry.oci.config import History
    from wherry.oci.manifest import Descriptor
    from wherry.store import ImageRecord, Store


def write_image(
    store: Store, result: StageResult, options: BuildOptions, shared: SharedCaches
) -> ImageRecord:
    """The image; the same one as before if all but the time is the same.

    What it says of its layers' keys, with an inline cache, is what is known here and in `shared` when it is
    first made.
    """
    if options.squash:
        from wherry.builder.output.squash import squashed

        result = squashed(store, result)
    config = dict(result.config)
    if options.labels:
        config["Labels"] = {**(config.get("Labels") or {}), **options.labels}
    os_name, architecture, variant = result.platform
    without_times = ImageConfig(
        architecture,
        os_name,
        config,
        result.diff_ids,
        result.history,
        author=result.author,
        variant=variant,
        extra={**result.extra, INLINE: {}} if options.inline else result.extra,
    )
    if options.epoch is not None:
        inlined = _with_inline(store, without_times, result, shared)
        return _write_at_epoch(store, inlined, result, options, options.epoch)
    key = keys.image_key(without_times.to_json())
    known = store.cache.get(key.digest)
    if known is not None and store.blobs.is_whole(known.value):
        image = store.images.get(known.value)
        if image is not None and store.blobs.is_whole(image.manifest):
            return image
        return _again(store, known.value, result, options)
    # Where its bytes are lost: made at the time at which it was made, it is the same image.
    made = known.created if known is not None else time.time()
    history = with_times(result.history)
    created = history[-1].created if history else ""
    if not created:
        created = rfc3339(made)
        history = tuple(h._replace(created=created) for h in history)
    full = without_times._replace(created=created, history=history)
    full = _with_inline(store, full, result, shared)
    record = _create(store, full, base=_base_layers(store, result), keep=options.keep)
    store.cache.put(key.digest, record.id, key.components, made)
    return record


def with_times(history: Sequence[History]) -> tuple[History, ...]:
    """Give lines without a time the one of the layer before, or of the next where none was made before.

    So an image whose steps all come from a cache is the same image, whoever builds it.  As BuildKit does.
    """
    empty = next((number for number, line in enumerate(history) if not line.created), len(history))
    following = [line.created for line in history[empty:] if line.created]
    before = [line.created for line in history[:empty]]
    created = next(iter((*following, *reversed(before))), "")
    found = []
    for number, line in enumerate(history):
        if line.created and number > empty:
            created = line.created
        found.append(line if line.created else line._replace(created=created))
    return tuple(found)


def _with_inline(
    store: Store, config: ImageConfig, result: StageResult, shared: SharedCaches
) -> ImageConfig:
    """With the inline cache that it is to have."""
    if INLINE not in config.extra:
        return config
    from wherry.builder.cache.exports import inline

    value = inline(store, config.diff_ids, len(_base_layers(store, result)), shared)
    return config._replace(extra={**config.extra, INLINE: value})


def _again(store: Store, image: str, result: StageResult, options: BuildOptions) -> ImageRecord:
    """An image that was made before and is no longer recorded, or has lost its manifest."""
    data = store.blobs.read(image)
    base = _base_layers(store, result)
    return _create(store, parse_config(data), data, base=base, keep=options.keep)


def _create(store: Store, config: ImageConfig, data: bytes | None = None, **given: Any) -> ImageRecord:
    """create_image(), of which a build that comes from the cache needs nothing."""
    from wherry.images.write import create_image

    return create_image(store, config, data, **given)


def _write_at_epoch(
    store: Store, config: ImageConfig, result: StageResult, options: BuildOptions, epoch: int
) -> ImageRecord:
    """The image as it is whenever it is built: all that the build added shows the epoch."""
    shown = rfc3339_seconds(epoch)
    base = _base(store, result)
    kept, lines = (base.config.diff_ids, len(base.config.history)) if base else ((), 0)
    own = config.diff_ids[len(kept) :]
    if options.reproducible:
        from wherry.builder.output.timestamps import dated_layer

        own = tuple(dated_layer(store, diff_id, epoch) for diff_id in own)
    history = (*config.history[:lines], *(h._replace(created=shown) for h in config.history[lines:]))
    config = config._replace(created=shown, diff_ids=(*kept, *own), history=history)
    return _create(store, config, base=_base_layers(store, result), keep=options.keep)


def _base(store: Store, result: StageResult) -> Image | None:
    record = store.images.get(result.origin) if result.origin else None
    return Image(store, record) if record is not None else None


def _base_layers(store: Store, result: StageResult) -> tuple[Descriptor, ...]:
    base = _base(store, result)
    return base.manifest().layers if base is not None else ()


def tag(store: Store, names: Sequence[str], target: str, images: Sequence[ImageRecord]) -> list[str]:
    """Let names (as typed) stand for the one of `images`, or their index's digest; the familiar forms."""
    references = [parse_reference(name) for name in names]
    made = next((image for image in images if image.id == target), None)
    with store.database.transaction():
        for reference in references:
            if made is not None:
                store.name(reference.canonical(), made)
            else:
                store.names.set(reference.canonical(), target)
    return [reference.familiar() for reference in references]

"""A cache in an image's configuration: what is written is read again, and nothing else is believed."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.builder.cache import inline
from wherry.builder.cache.document import CachedLayer, Record
from wherry.errors import CorruptError
from wherry.oci.config import ImageConfig

DIFF_IDS = tuple(f"sha256:{digit * 64}" for digit in "123")
KEYS = ["a" * 64, "b" * 64]
LAYERS = [CachedLayer(DIFF_IDS[1], 10, 2048), CachedLayer(DIFF_IDS[2], 20, 4096)]
CREATED = "2026-01-02T03:04:05.5Z"


def image(value: Any, created: str = CREATED) -> ImageConfig:
    return ImageConfig("amd64", "linux", {}, DIFF_IDS, (), created=created, extra={inline.INLINE: value})


def test_what_is_written_is_read_again() -> None:
    records = [Record(key, DIFF_IDS[1], {"made": "of"}, 5.0) for key in reversed(KEYS)]
    found = inline.parse(image(inline.write(DIFF_IDS, LAYERS, records)), "it", 7.0)
    assert found is not None and found.layers == (LAYERS[0],)
    assert found.records == tuple(Record(key, DIFF_IDS[1], {}, 1767323045.5) for key in KEYS)


def test_an_image_without_one_has_none() -> None:
    assert inline.parse(ImageConfig("amd64", "linux", {}, DIFF_IDS, ()), "it", 7.0) is None


def test_an_image_without_a_time_is_as_old_as_now() -> None:
    value = inline.write(DIFF_IDS, LAYERS, [Record(KEYS[0], DIFF_IDS[1], {}, 5.0)])
    found = inline.parse(image(value, "yesterday"), "it", 7.0)
    assert found is not None and found.records[0].created == 7.0


def layer(**changes: object) -> dict[str, object]:
    return {"layers": [{"layer": 1, "size": 1, "tar_size": 1, "keys": KEYS} | changes]}


@pytest.mark.parametrize(
    "value",
    [
        1,
        [],
        {},
        {"layers": {}},
        {"layers": [1]},
        layer(layer=3),
        layer(layer=-1),
        layer(layer="1"),
        layer(size=-1),
        layer(tar_size=1 << 70),
        layer(keys="a"),
        layer(keys=["../x"]),
        layer(keys=[1]),
        layer(keys=[KEYS[0]] * 1001),
    ],
)
def test_what_is_no_cache_is_refused(value: object) -> None:
    with pytest.raises(CorruptError, match=r"it: wherry\.cache\.v1"):
        inline.parse(image(value), "it", 7.0)

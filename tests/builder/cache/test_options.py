"""What --cache-to and --cache-from ask for, and what a shared cache holds."""

from __future__ import annotations

import json

import pytest

from wherry.builder.cache.document import LARGEST, CachedLayer, Document, Record, parse, write
from wherry.builder.cache.options import SharedCache, parse_from, parse_to
from wherry.errors import CorruptError, UnsupportedError, UsageError

LAYER = CachedLayer("sha256:" + "a" * 64, 5, 2048)
RECORD = Record("b" * 64, LAYER.diff_id, {"kind": "run"}, 7.5)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("type=registry,ref=h/a", SharedCache("registry", "h/a:latest")),
        ("type=registry,ref=h.io/a:1,mode=max", SharedCache("registry", "h.io/a:1", all_stages=True)),
        ("ref=a,type=registry,mode=min", SharedCache("registry", "docker.io/library/a:latest")),
        ("type=local,dest=/c,ignore-error=true", SharedCache("local", "/c", ignore_error=True)),
        (
            "type=local,dest=c,compression=zstd,compression-level=9",
            SharedCache("local", "c", compression="zstd", level=9),
        ),
        ("type=registry,ref=a,image-manifest=true,oci-mediatypes=true", None),
    ],
)
def test_where_a_cache_goes(text: str, found: SharedCache | None) -> None:
    heard = parse_to(text)
    if found is None:
        assert heard.type == "registry"
    else:
        assert heard == (
            found._replace(place="docker.io/" + found.place) if found.place == "h/a:latest" else found
        )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("app", SharedCache("registry", "docker.io/library/app:latest")),
        ("h.io/app:1", SharedCache("registry", "h.io/app:1")),
        ("type=registry,ref=h.io/app", SharedCache("registry", "h.io/app:latest")),
        ("type=local,src=/c", SharedCache("local", "/c")),
    ],
)
def test_where_a_cache_comes_from(text: str, found: SharedCache) -> None:
    assert parse_from(text) == found


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("type=registry", "ref is required", None),
        ("type=local", "dest is required", None),
        ("mode=max", "a type is required", "type=registry or type=local"),
        ("type=regsitry,ref=a", "unknown cache type 'regsitry'", "did you mean type=registry?"),
        ("type=registry,ref=a,mod=max", "unknown attribute mod", "did you mean mode?"),
        ("type=registry,ref=a,mode=all", "invalid cache mode 'all'", "min or max"),
        ("type=registry,ref=A", "repository name must be lowercase", "did you mean a?"),
        ("type=registry,ref=a,compression=lz4", "unsupported compression type lz4", "gzip or zstd"),
        ("type=registry,ref=a,compression-level=x", "compression-level x", None),
        ("type=registry,ref=a,compression-level=²", "compression-level ²", None),
        ("max", "invalid value 'max'", "say type=registry,ref=NAME"),
    ],
)
def test_what_cannot_be_meant(text: str, says: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as raised:
        parse_to(text)
    assert says in raised.value.message and (hint is None or raised.value.hint == hint)


@pytest.mark.parametrize("kind", ["gha", "s3", "azblob"])
def test_other_types_of_buildx_are_refused_by_name(kind: str) -> None:
    for read in (parse_to, parse_from):
        with pytest.raises(UnsupportedError, match=f"caches of type {kind} are not supported"):
            read(f"type={kind},ref=a")


def test_what_is_written_is_read_again() -> None:
    data = write([LAYER], [RECORD])
    assert parse(data, "c") == Document((LAYER,), (RECORD,))
    assert parse(write([], []), "c") == Document((), ())


def test_what_does_not_fit_of_the_oldest_is_left_out() -> None:
    many = [Record(f"{n:064x}", LAYER.diff_id, {"x": "y" * (LARGEST // 8)}, float(n)) for n in range(20)]
    data = write([LAYER], many)
    assert len(data) <= LARGEST + 100
    assert [record.created for record in parse(data, "c").records] == [
        19.0,
        18.0,
        17.0,
        16.0,
        15.0,
        14.0,
        13.0,
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"layers": 5},
        {"layers": ["x"]},
        {"layers": [{"diff_id": "sha256:x", "size": 1, "tar_size": 1}]},
        {"layers": [{**LAYER._asdict(), "size": -1}]},
        {"layers": [{**LAYER._asdict(), "size": "1"}]},
        {"layers": [{**LAYER._asdict(), "tar_size": 1 << 70}]},
        {"records": None},
        {"records": [1]},
        {"records": [{**RECORD._asdict(), "key": "../../x"}]},
        {"records": [{**RECORD._asdict(), "value": "sha256:" + "c" * 64}]},
        {"records": [{**RECORD._asdict(), "components": []}]},
        {"records": [{**RECORD._asdict(), "created": "now"}]},
        {"records": [{**RECORD._asdict(), "created": 1e300}]},
    ],
)
def test_what_is_no_cache_is_refused(change: dict[str, object]) -> None:
    value = json.loads(write([LAYER], [RECORD]))
    with pytest.raises(CorruptError):
        parse(json.dumps(value | change).encode(), "c")
    with pytest.raises(CorruptError):
        parse(b"[" * 100_000, "c")


def test_a_later_wherrys_is_named() -> None:
    with pytest.raises(UnsupportedError, match="version 2"):
        parse(b'{"version": 2}', "c")

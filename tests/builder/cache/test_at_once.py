"""--cache-to: what other builds write to the same name meanwhile, and builds for several platforms."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.cache.test_shared import context, second, steps
from fakes.registry import FakeRegistry, Request
from support.registry import Registry
from support.wherry import Wherry
from wherry.builder.cache.document import CachedLayer, Document, Record
from wherry.builder.cache.others import MOST, Others
from wherry.oci.manifest import Descriptor

__all__ = ["second"]
TEXT = "FROM bb\nRUN echo {0} > /{0}; cat /proc/sys/kernel/random/uuid > /chance\n"


def one_layer(number: int, created: float = 1.0) -> tuple[Document, tuple[Descriptor, ...]]:
    diff_id = f"sha256:{number:064x}"
    layer, record = CachedLayer(diff_id, 1, 1), Record(f"{number:064x}", diff_id, {}, created)
    return Document((layer,), (record,)), (Descriptor("layer", diff_id, 1),)


def test_the_newest_of_others_are_kept_beside_ones_own() -> None:
    others = Others()
    for number in range(MOST + 2):
        others.add(*one_layer(number, created=float(number)))
    (own,), (record,) = one_layer(MOST + 1)[0]
    layers, records = others.beside([(own, Descriptor("layer", own.diff_id, 1))], [record])
    assert [layer.diff_id for layer, _ in layers] == [
        f"sha256:{number:064x}" for number in (MOST + 1, *range(MOST, 0, -1))
    ]
    assert {record.value for record in records} == {layer.diff_id for layer, _ in layers}
    assert len(records) == MOST + 1 and records[0] is record


class Meanwhile:
    """Another build writes to the same name as soon as one has looked at it for the `nth` time."""

    def __init__(self, write: Callable[[], object], tag: str, nth: int) -> None:
        self.write, self.tag, self.left = write, tag, nth

    def __call__(self, request: Request) -> bool:
        if request.command == "HEAD" and request.path.endswith(f"/manifests/{self.tag}"):
            self.left -= 1
            if self.left == 0:
                request.fake.hooks.remove(self)
                self.write()
        return False


@pytest.mark.parametrize("nth", [1, 2, 3], ids=["at-first", "before-it-writes", "after-it-wrote"])
@pytest.mark.parametrize("how", ["mode=max", "mode=max,checkpoint=true"])
@pytest.mark.root
@pytest.mark.runtime
def test_two_builds_that_write_one_cache_at_once_are_both_in_it(
    bb: Wherry, second: Wherry, fake: FakeRegistry, tmp_path: Path, how: str, nth: int
) -> None:
    cache = f"type=registry,ref={fake.host}/a:cache"
    one, two = (context(tmp_path / name, TEXT.format(name)) for name in ("one", "two"))
    before = context(tmp_path / "before", TEXT.format("before"))
    bb("build", "-q", "--cache-to", f"{cache},{how}", before)
    fake.hooks.append(
        Meanwhile(lambda: second("build", "-q", "--cache-to", f"{cache},{how}", two), "cache", nth)
    )
    bb("build", "-q", "--cache-to", f"{cache},{how}", one)
    assert len(fake.hooks) == 0
    for wherry in (bb, second):
        wherry("builder", "prune", "-af")
    for folder in (before, one, two):
        found = steps(second, "--cache-from", cache, folder)
        said = found.pop("said")
        assert set(found.values()) == {"CACHED"}, said


@pytest.mark.root
@pytest.mark.runtime
def test_something_else_of_that_name_is_replaced(bb: Wherry, fake: FakeRegistry, tmp_path: Path) -> None:
    """An image that somebody pushes there while a build runs is no cache to be kept."""
    cache = f"type=registry,ref={fake.host}/a:cache"
    folder = context(tmp_path / "c", TEXT.format("c"))
    bb("tag", "bb", f"{fake.host}/a:cache")
    fake.hooks.append(Meanwhile(lambda: bb("push", "-q", f"{fake.host}/a:cache"), "cache", 1))
    bb("build", "-q", "--cache-to", cache, folder)
    assert len(fake.hooks) == 0
    bb("builder", "prune", "-af")
    assert "CACHED" in steps(bb, "--cache-from", cache, folder).values()


@pytest.mark.root
@pytest.mark.runtime
def test_a_cache_whose_blobs_are_gone_at_the_registry_is_replaced(
    bb: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    cache = f"type=registry,ref={fake.host}/a:cache"
    one, two = (context(tmp_path / name, TEXT.format(name)) for name in ("one", "two"))
    bb("build", "-q", "--cache-to", cache, one)
    lost = {layer["digest"] for layer in json.loads(fake.manifests["a", "cache"][1])["layers"]}

    def misses(request: Request) -> bool:
        if request.command != "PUT" or "/manifests/" not in request.path:
            return False
        data = request.body()
        if any(digest.encode() in data for digest in lost):
            request.answer(404, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown"}]}')
        else:
            request.fake.put("a", "cache", request.headers["Content-Type"], data)
            request.answer(201)
        return True

    fake.hooks.append(misses)
    bb("build", "-q", "--cache-to", cache, two)
    (layer,) = json.loads(fake.manifests["a", "cache"][1])["layers"]
    assert layer["digest"] not in lost


@pytest.mark.root
@pytest.mark.runtime
def test_a_cache_that_may_be_written_and_not_read_is_written(
    bb: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    def hides(request: Request) -> bool:
        if request.command not in ("HEAD", "GET") or "/manifests/" not in request.path:
            return False
        request.answer(403)
        return True

    fake.hooks.append(hides)
    folder = context(tmp_path / "c", TEXT.format("c"))
    bb("build", "-q", "--cache-to", f"type=registry,ref={fake.host}/a:cache", folder)
    assert sum(asked.method == "PUT" and "/manifests/" in asked.path for asked in fake.asked) == 1


@pytest.mark.parametrize("kind", ["registry", "local"])
@pytest.mark.root
@pytest.mark.runtime
@pytest.mark.registry
def test_a_cache_holds_the_steps_of_all_platforms(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path, kind: str
) -> None:
    ref = f"ref={registry.host}/cache/platforms"
    there = ref if kind == "registry" else f"dest={tmp_path}/cache"
    here = ref if kind == "registry" else f"src={tmp_path}/cache"
    text = (
        "FROM scratch AS one\nARG TARGETARCH\nCOPY main /$TARGETARCH\nFROM scratch\nCOPY --from=one / /\n"
    )
    folder = context(tmp_path / "c", text)
    two = ("--platform", "linux/amd64,linux/arm64")
    bb("build", "-q", "--cache-to", f"type={kind},{there},mode=max", *two, folder)
    found = steps(second, *two, "--cache-from", f"type={kind},{here}", folder)
    said = found.pop("said")
    assert set(found.values()) == {"CACHED"}, said


@pytest.mark.root
@pytest.mark.runtime
@pytest.mark.registry
def test_a_platform_that_fails_leaves_the_steps_of_the_one_before(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path
) -> None:
    cache = f"type=registry,ref={registry.host}/cache/failing"
    text = "FROM bb\nCOPY main /\nARG TARGETARCH\nRUN echo $TARGETARCH > /a; [ $TARGETARCH = amd64 ]\n"
    folder = context(tmp_path / "c", text)
    two = ("--platform", "linux/amd64,linux/arm64")
    done = bb.run("build", "--cache-to", f"{cache},mode=max,checkpoint=true", *two, folder)
    assert done.returncode == 1, done.stderr
    found = steps(second, "--platform", "linux/amd64", "--cache-from", cache, folder)
    said = found.pop("said")
    assert set(found.values()) == {"CACHED"}, said

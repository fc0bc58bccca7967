"""Bad days: lines that are cut, registries that lie, forget or are slow, kills, damage, a full disk."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import random
import re
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.registry import BLOB, FakeRegistry, Request, cut, digest, fake_registry
from support.waiting import wait_until
from support.wherry import Wherry
from wherry.registry import ranges

pytestmark = [pytest.mark.root]
OCI = "application/vnd.oci.image"
PIECE = 1 << 16
SIZE = 10 * PIECE


def layer(seed: int = 1, size: int = SIZE) -> bytes:
    """A tar that cannot be compressed."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("data")
        info.size = size
        tar.addfile(info, io.BytesIO(random.Random(seed).randbytes(size)))
    return out.getvalue()


def put_image(
    fake: FakeRegistry, name: str, tars: list[bytes], *, tag: str = "latest", **changes: object
) -> str:
    """Let the registry have an image of these layers; the digest of its manifest."""
    blobs = [gzip.compress(tar, 1, mtime=0) for tar in tars]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]},
    }
    data = json.dumps(config | changes).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": {"mediaType": f"{OCI}.config.v1+json", "digest": fake.put_blob(data), "size": len(data)},
        "layers": [
            {"mediaType": f"{OCI}.layer.v1.tar+gzip", "digest": fake.put_blob(blob), "size": len(blob)}
            for blob in blobs
        ],
    }
    return fake.put(name, tag, str(manifest["mediaType"]), json.dumps(manifest).encode())


def blob_of(fake: FakeRegistry, name: str, place: int = 0, tag: str = "latest") -> str:
    return str(json.loads(fake.manifests[name, tag][1])["layers"][place]["digest"])


def contents(wherry: Wherry, name: str, folder: Path) -> str:
    """The digest of /data in an image, by an export of its files."""
    out = folder / f"out-{time.monotonic_ns()}"
    context = folder / "context"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(f"FROM {name}\n")
    wherry("build", "-q", "-o", str(out), str(context))
    return hashlib.sha256((out / "data").read_bytes()).hexdigest()


def expected(tar: bytes) -> str:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        member = archive.extractfile("data")
        assert member is not None
        return hashlib.sha256(member.read()).hexdigest()


def nothing_is_left(wherry: Wherry) -> bool:
    """No image, no layer, no half of either, and nothing in the way of the next try."""
    return (
        wherry("images", "-q") == ""
        and not os.listdir(wherry.root / "layers")
        and not [name for name in os.listdir(wherry.root / "tmp") if not name.endswith(".gone")]
    )


def test_a_line_that_is_cut_every_64_kib_goes_on_where_it_was(
    other: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    tar = layer()
    put_image(fake, "a", [tar])
    fake.hooks.append(cut("", PIECE, 1000))
    other("pull", "-q", f"{fake.host}/a")
    starts = [a.headers.get("Range", "") for a in fake.asked if blob_of(fake, "a") in a.path]
    assert len(starts) == SIZE // PIECE + 1 and starts[1:] == [
        f"bytes={PIECE * n}-" for n in range(1, len(starts))
    ]
    assert contents(other, f"{fake.host}/a", tmp_path) == expected(tar)


def test_also_where_the_registry_knows_no_ranges(other: Wherry, fake: FakeRegistry, tmp_path: Path) -> None:
    tar = layer()
    put_image(fake, "a", [tar])
    fake.ranges = False
    left = [2]

    def hook(request: Request) -> bool:
        if blob_of(fake, "a") in request.path and left[0]:
            left[0] -= 1
            del request.headers["Range"]
            return cut("", PIECE * 3, 1)(request)
        return False

    fake.hooks.append(hook)
    other("pull", "-q", f"{fake.host}/a")
    assert contents(other, f"{fake.host}/a", tmp_path) == expected(tar)


def test_a_line_that_never_gives_a_byte_ends_the_try_and_keeps_what_came(
    other: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    tar = layer()
    put_image(fake, "a", [tar])
    blob = blob_of(fake, "a")
    fake.hooks += [cut(blob, 5 * PIECE, 1), cut(blob, 0, 1000)]
    said = other.fails("pull", "-q", f"{fake.host}/a", code=1)
    assert "connection failed" in said or "ended after" in said
    assert nothing_is_left(other)
    fake.hooks.clear()
    fake.asked.clear()
    other("pull", "-q", f"{fake.host}/a")
    asked = [a for a in fake.asked if blob_of(fake, "a") in a.path]
    assert [a.headers.get("Range") for a in asked] == [f"bytes={5 * PIECE}-"]
    assert contents(other, f"{fake.host}/a", tmp_path) == expected(tar)


def slowly(pattern: str, first: int, go: threading.Event) -> Callable[[Request], bool]:
    """Give a blob's first bytes, and the rest when told to."""

    def hook(request: Request) -> bool:
        found = BLOB.match(request.path)
        if request.command != "GET" or not found or pattern not in request.path or request.headers["Range"]:
            return False
        data = request.fake.blobs[found[2]]
        request.send_response(200)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data[:first])
        request.wfile.flush()
        go.wait(30)
        request.wfile.write(data[first:])
        return True

    return hook


def wait_for_bytes(wherry: Wherry, count: int) -> None:
    wait_until(lambda: bytes_in(wherry.root / "downloads") >= count)


def bytes_in(folder: Path) -> int:
    """Of its files, as far as they do not go meanwhile."""
    total = 0
    with contextlib.suppress(FileNotFoundError):
        for file in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                total += file.stat().st_size
    return total


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_pull_that_is_ended_goes_on_the_next_time(
    other: Wherry, fake: FakeRegistry, tmp_path: Path, number: signal.Signals
) -> None:
    tar, go = layer(), threading.Event()
    put_image(fake, "a", [tar])
    fake.hooks.append(slowly(blob_of(fake, "a"), 4 * PIECE, go))
    process = other.start("pull", f"{fake.host}/a")
    wait_for_bytes(other, 4 * PIECE)
    process.send_signal(number)
    assert process.wait(20) != 0
    assert "Traceback" not in process.stderr.read()  # type: ignore[union-attr]
    go.set()
    assert nothing_is_left(other) or number == signal.SIGKILL
    other("pull", "-q", f"{fake.host}/a")
    asked = [a.headers.get("Range") for a in fake.asked if blob_of(fake, "a") in a.path]
    assert asked[-1] == f"bytes={4 * PIECE}-"
    assert contents(other, f"{fake.host}/a", tmp_path) == expected(tar)
    assert "nothing is wrong" in other("system", "check")


def test_two_that_pull_one_image_fetch_it_once(other: Wherry, fake: FakeRegistry, tmp_path: Path) -> None:
    tars, go = [layer(1), layer(2)], threading.Event()
    put_image(fake, "a", tars)
    fake.hooks.append(slowly(blob_of(fake, "a"), PIECE, go))
    both = [other.start("pull", f"{fake.host}/a") for _ in range(2)]
    wait_for_bytes(other, PIECE)
    time.sleep(0.5)
    go.set()
    assert [process.wait(30) for process in both] == [0, 0]
    for place in (0, 1):
        assert fake.count("GET", blob_of(fake, "a", place)) == 1
    assert contents(other, f"{fake.host}/a", tmp_path) == expected(tars[1])


def test_a_tag_that_moves_in_the_middle_of_a_pull(
    other: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    """It stands for one image or for the other, whole."""
    old, go = layer(1), threading.Event()
    first = put_image(fake, "a", [old])
    fake.hooks.append(slowly(blob_of(fake, "a"), PIECE, go))
    process = other.start("pull", f"{fake.host}/a")
    wait_for_bytes(other, PIECE)
    put_image(fake, "a", [layer(2), layer(3)])
    go.set()
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and f"Digest: {first}" in said
    assert contents(other, f"{fake.host}/a", tmp_path) == expected(old)
    other("pull", "-q", f"{fake.host}/a")
    assert contents(other, f"{fake.host}/a", tmp_path) == expected(layer(3))


def test_what_is_removed_in_the_middle_of_a_pull_is_nothing_of_it(
    other: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    """A layer that is here already for another image, whose last name goes meanwhile."""
    shared, own, go = layer(1), layer(2), threading.Event()
    put_image(fake, "before", [shared])
    put_image(fake, "a", [shared, own])
    other("pull", "-q", f"{fake.host}/before")
    fake.hooks.append(slowly(blob_of(fake, "a", 1), PIECE, go))
    process = other.start("pull", f"{fake.host}/a")
    wait_for_bytes(other, PIECE)
    by_name, by_prune = other.start("rmi", f"{fake.host}/before"), other.start("system", "prune", "-af")
    time.sleep(0.5)
    go.set()
    assert process.wait(60) == 0 and by_prune.wait(60) == 0
    _, said = by_name.communicate(timeout=60)
    assert by_name.returncode == 0 or "No such image" in said, said  # the other one may have been first
    if other("images", "-q"):  # a prune that came last may take what nothing uses
        assert contents(other, f"{fake.host}/a", tmp_path) == expected(own)
    assert "nothing is wrong" in other("system", "check")


def test_what_an_earlier_try_left_is_not_believed(
    other: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    tar = layer()
    put_image(fake, "a", [tar])
    name = blob_of(fake, "a").removeprefix("sha256:")
    other("images")
    for left in (b"nonsense" * 1000, fake.blobs[f"sha256:{name}"] + b"more", os.urandom(2 * SIZE)):
        (other.root / "downloads").mkdir(exist_ok=True)
        (other.root / "downloads" / name).write_bytes(left)
        other("pull", "-q", f"{fake.host}/a")
        assert contents(other, f"{fake.host}/a", tmp_path) == expected(tar)
        other("rmi", "-f", f"{fake.host}/a")
        other("prune", "-af")


def answers(pattern: str, status: int, data: bytes = b"", **headers: str) -> Callable[[Request], bool]:
    def hook(request: Request) -> bool:
        if not re.search(pattern, request.path):
            return False
        request.body()
        request.answer(status, data, **headers)
        return True

    return hook


def endless_headers(request: Request) -> bool:
    if "/manifests/" not in request.path:
        return False
    request.send_response(200)
    for number in range(200_000):
        request.send_header(f"X-{number}", "x" * 100)
        if number % 1000 == 0:
            try:
                request.flush_headers()
            except OSError:
                break
    request.close_connection = True
    return True


def gigabyte(request: Request) -> bool:
    if "/manifests/" not in request.path:
        return False
    request.send_response(200)
    request.send_header("Content-Length", str(1 << 30))
    request.end_headers()
    try:
        for _ in range(1 << 10):
            request.wfile.write(b" " * (1 << 20))
    except OSError:
        request.close_connection = True
    return True


def endless_error(request: Request) -> bool:
    """A page that never ends, with a status that is not looked into."""
    if "/blobs/" not in request.path:
        return False
    request.send_response(404 if request.command == "GET" else 500)
    request.end_headers()
    try:
        while True:
            request.wfile.write(b"x" * (1 << 16))
    except OSError:
        request.close_connection = True
    return True


def round_and_round(request: Request) -> bool:
    request.answer(307, Location=f"{request.path}x")
    return True


def lie(*hooks: Callable[[Request], bool]) -> Callable[[FakeRegistry, str], object]:
    return lambda fake, _blob: fake.hooks.extend(hooks)


def instead(change: Callable[[bytes], bytes]) -> Callable[[FakeRegistry, str], object]:
    return lambda fake, blob: fake.blobs.update({blob: change(fake.blobs[blob])})


def wrong_range(fake: FakeRegistry, blob: str) -> None:
    fake.hooks.append(cut(blob, PIECE, 1))
    fake.hooks.append(answers(blob, 206, Content_Range="bytes 999999-1000000/9"))


HTML = b"<html>" * 99
OTHER = "sha256:" + "0" * 64
LIES = [
    ("other bytes", instead(lambda data: os.urandom(len(data))), "came with bytes of"),
    ("one byte", instead(lambda data: data[:-1] + b"?"), "came with bytes of"),
    ("too short", instead(lambda data: data[:-9]), "were promised"),
    ("empty", instead(lambda data: b""), "were promised"),
    ("HTML", lie(answers("/blobs/", 200, HTML)), "came with bytes of"),
    ("a page", lie(answers("/manifests/", 200, HTML)), "is not JSON"),
    ("no manifest", lie(answers("/manifests/", 200, b"{}")), "layers is not a list"),
    ("a wrong range", wrong_range, "asked for bytes from"),
    ("no blob", lambda fake, blob: fake.blobs.pop(blob), "not found: blob unknown"),
    ("endless headers", lie(endless_headers), "connection failed"),
    ("a gigabyte", lie(gigabyte), "more than 4194304 bytes"),
    ("an endless error", lie(endless_error), "not found"),
    ("round and round", lie(round_and_round), "came to no end"),
    ("file:", lie(answers("/blobs/", 307, Location="file:///etc/passwd")), "which is no HTTP"),
    ("another digest", lie(answers("/", 200, b"{}", Docker_Content_Digest=OTHER)), "came with bytes of"),
    ("schema 1", lie(answers("/manifests/", 200, b'{"schemaVersion": 1}')), "schema 1"),
]


@pytest.mark.parametrize(("tell", "says"), [pytest.param(tell, says, id=kind) for kind, tell, says in LIES])
def test_a_registry_that_lies_is_not_believed(
    other: Wherry, fake: FakeRegistry, tell: Callable[[FakeRegistry, str], object], says: str
) -> None:
    put_image(fake, "a", [layer()])
    tell(fake, blob_of(fake, "a"))
    said = other.fails("pull", f"{fake.host}/a", code=1)
    assert says in said and fake.host in said, said
    assert len(said) < 2000
    assert nothing_is_left(other)


def test_a_config_that_promises_other_layers(other: Wherry, fake: FakeRegistry) -> None:
    for rootfs, says in (
        ({"type": "layers", "diff_ids": [digest(b"other")]}, "configuration promises"),
        ({"type": "layers", "diff_ids": []}, "the manifest has 1 layer, the config promises 0"),
        ({"type": "layers", "diff_ids": ["sha512:x"]}, "config"),
    ):
        put_image(fake, "a", [layer()], rootfs=rootfs)
        assert says in other.fails("pull", f"{fake.host}/a", code=1)
        assert nothing_is_left(other)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (f"{OCI}.layer.nondistributable.v1.tar+gzip", "is foreign"),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "is foreign"),
        (f"{OCI}.layer.v1.tar+gzip+encrypted", "is encrypted"),
    ],
)
def test_layers_that_cannot_be_had_are_named(
    other: Wherry, fake: FakeRegistry, kind: str, says: str
) -> None:
    put_image(fake, "a", [layer()])
    value = json.loads(fake.manifests["a", "latest"][1])
    value["layers"][0]["mediaType"] = kind
    fake.put("a", "latest", value["mediaType"], json.dumps(value).encode())
    del fake.blobs[value["layers"][0]["digest"]]
    assert says in other.fails("pull", f"{fake.host}/a", code=1)
    value["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
    fake.put("a", "latest", value["mediaType"], json.dumps(value).encode())
    said = other.fails("pull", f"{fake.host}/a", code=1)
    assert "is an artifact, not an image (application/vnd.cncf.helm.config.v1+json)" in said
    assert nothing_is_left(other)


def test_a_hostile_layer_is_refused_and_leaves_nothing(other: Wherry, fake: FakeRegistry) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("../../evil"))
    put_image(fake, "a", [out.getvalue()])
    assert "leads out of the archive" in other.fails("pull", f"{fake.host}/a", code=1)
    assert nothing_is_left(other) and not (other.root.parent / "evil").exists()


def test_what_passes_is_waited_for(other: Wherry, fake: FakeRegistry) -> None:
    put_image(fake, "a", [layer()])
    left = {"/manifests/": 2, "/blobs/": 3}

    def busy(request: Request) -> bool:
        for pattern, count in left.items():
            if pattern in request.path and count:
                left[pattern] -= 1
                request.answer((503, 429, 500)[count % 3], Retry_After="0")
                return True
        return False

    fake.hooks.append(busy)
    other("pull", "-q", f"{fake.host}/a")
    assert not any(left.values())


def test_a_limit_says_when_to_come_again(other: Wherry, fake: FakeRegistry) -> None:
    error = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit"}]}'
    fake.hooks.append(answers("/manifests/", 429, error, Retry_After="3600"))
    said = other.fails("pull", f"{fake.host}/a", code=1)
    assert "too many requests: You have reached your pull rate limit" in said
    assert re.search(r"try again in 3600 s \(at [0-9:]{8}\), or log in", said)


def test_another_host_is_not_told_who_we_are(other: Wherry, fake: FakeRegistry, home: Path) -> None:
    tar = layer()
    put_image(fake, "a", [tar])
    (home / ".docker").mkdir()
    auths = {"auths": {fake.host: {"auth": "dTpw"}}}
    (home / ".docker/config.json").write_text(json.dumps(auths))
    with fake_registry() as storage:
        storage.blobs |= fake.blobs

        def elsewhere(request: Request) -> bool:
            if request.headers.get("Authorization") != "Basic dTpw":
                request.answer(401, WWW_Authenticate='Basic realm="x"')
                return True
            if "/blobs/" in request.path:
                request.answer(307, Location=f"http://{storage.host}{request.path}?signed=yes")
                return True
            return False

        fake.hooks.append(elsewhere)
        other("pull", "-q", f"{fake.host}/a")
        assert storage.count("GET", "signed=yes") == 2
        assert not [a for a in storage.asked if "Authorization" in a.headers]


def test_a_token_that_is_refused_meanwhile_is_renewed(other: Wherry, fake: FakeRegistry) -> None:
    put_image(fake, "a", [layer(n) for n in range(6)])
    given: list[str] = []

    def guard(request: Request) -> bool:
        if request.path.startswith("/token"):
            given.append(f"t{len(given)}")
            request.answer(200, json.dumps({"token": given[-1], "expires_in": 3600}).encode())
            return True
        good = f"Bearer {given[-1]}" if given else ""
        if request.headers.get("Authorization") == good and good:
            if "/blobs/" in request.path and len(given) < 3:
                given.append("revoked")  # this one is served, the next one not
            return False
        request.answer(401, WWW_Authenticate=f'Bearer realm="http://{fake.host}/token",service="s"')
        return True

    fake.hooks.append(guard)
    other("pull", "-q", f"{fake.host}/a")
    assert len(given) >= 3


def test_a_mirror_that_fails_is_passed_over(
    other: Wherry, fake: FakeRegistry, home: Path, tmp_path: Path
) -> None:
    tar = layer()
    put_image(fake, "a", [tar])
    with fake_registry() as mirror:
        mirror.manifests |= fake.manifests
        mirror.hooks.append(answers("/blobs/", 404))
        (home / "registries.conf").write_text(
            f"[[registry]]\nlocation = '{fake.host}'\n"
            "[[registry.mirror]]\nlocation = '127.0.0.1:1'\n"
            f"[[registry.mirror]]\nlocation = '{mirror.host}'\n"
        )
        other("pull", "-q", f"{fake.host}/a")
        assert mirror.count("GET", "/manifests/") == 1 and fake.count("GET", "/manifests/") == 0
        assert fake.count("GET", "/blobs/") == 2
    assert contents(other, f"{fake.host}/a", tmp_path) == expected(tar)


def test_a_proxy_is_asked_for_what_is_not_here(other: Wherry, fake: FakeRegistry) -> None:
    """With its own password, which nobody sees; and for loopback never."""
    put_image(fake, "a", [layer(size=1000)])
    with fake_registry() as proxy:
        proxy.manifests, proxy.blobs = fake.manifests, fake.blobs

        def ask(request: Request) -> bool:
            if request.headers.get("Proxy-Authorization") != "Basic bWU6cHc=":
                request.answer(407)
                return True
            assert request.path.startswith("http://registry.invalid/")
            request.path = request.path.removeprefix("http://registry.invalid")
            return False

        proxy.hooks.append(ask)
        env = {"http_proxy": f"http://me:pw@{proxy.host}", "NO_PROXY": ""}
        other("pull", "-q", "--tls-verify=false", "registry.invalid/a", env=env)
        assert proxy.count("GET", "/manifests/") == 1
        proxy.asked.clear()
        other("pull", "-q", f"{fake.host}/a", env=env)
        assert proxy.asked == []
        proxy.hooks[0] = answers("/", 407)
        said = other.fails("pull", "--tls-verify=false", "registry.invalid/b", env=env, code=1)
        assert "pw" not in said


def test_a_full_disk_is_said_and_what_came_is_kept(
    other: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    tar = layer(size=6 << 20)
    put_image(fake, "a", [tar])
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=True)
    try:
        small = Wherry(folder / "store")
        said = small.fails("pull", f"{fake.host}/a", code=1)
        assert "no space left on device" in said
        assert small("images", "-q") == ""
        subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
        small("pull", "-q", f"{fake.host}/a")
        ranges = [a.headers.get("Range") for a in fake.asked if blob_of(fake, "a") in a.path]
        assert ranges[0] is None and ranges[-1] is not None
        assert contents(small, f"{fake.host}/a", tmp_path) == expected(tar)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_large_layer_comes_over_several_connections(
    other: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    tar = layer(size=40 << 20)
    put_image(fake, "a", [tar])
    blob, meet = blob_of(fake, "a"), threading.Barrier(4, timeout=20)

    def together(request: Request) -> bool:
        start = re.match(r"bytes=([0-9]+)-", request.headers.get("Range", ""))
        if blob in request.path and start and 0 < int(start[1]) < 5 * ranges.RANGE:
            meet.wait()
        return False

    fake.hooks.append(together)
    other("pull", "-q", f"{fake.host}/a")
    assert not meet.broken
    assert contents(other, f"{fake.host}/a", tmp_path) == expected(tar)


def test_connections_that_are_cut_are_made_again(other: Wherry, fake: FakeRegistry, tmp_path: Path) -> None:
    tar = layer(size=40 << 20)
    put_image(fake, "a", [tar])
    fake.hooks.append(cut(blob_of(fake, "a"), (1 << 20) + 7, 15))
    other("pull", "-q", f"{fake.host}/a")
    assert contents(other, f"{fake.host}/a", tmp_path) == expected(tar)


def test_a_large_pull_that_is_killed_goes_on_behind_what_was_written(
    other: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    tar, go = layer(size=40 << 20), threading.Event()
    put_image(fake, "a", [tar])
    blob, here = blob_of(fake, "a"), 3 * ranges.RANGE

    def held(request: Request) -> bool:
        """The fourth range waits while later ones come, which are not to be taken for it."""
        if blob in request.path and request.headers.get("Range", "").startswith(f"bytes={here}-"):
            go.wait(30)
        return False

    fake.hooks.append(held)
    process = other.start("pull", f"{fake.host}/a")
    wait_for_bytes(other, here)
    process.kill()
    process.wait(20)
    assert (other.root / "downloads" / blob[7:]).stat().st_size == here
    go.set()
    fake.hooks.clear()
    fake.asked.clear()
    other("pull", "-q", f"{fake.host}/a")
    starts = [int(a.headers["Range"][6:].partition("-")[0]) for a in fake.asked if blob in a.path]
    assert min(starts) == here
    assert contents(other, f"{fake.host}/a", tmp_path) == expected(tar)


def test_the_images_of_all_stages_are_asked_for_at_once(
    other: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    for name in "abcd":
        put_image(fake, name, [layer(ord(name))])
    meet = threading.Barrier(3, timeout=20)

    def together(request: Request) -> bool:
        if "/manifests/latest" in request.path:
            meet.wait()
        return False

    fake.hooks.append(together)
    stages = [f"FROM {fake.host}/{name} AS {name}" for name in "abcd"]
    # The last stage needs three of them.
    copies = [f"COPY --from={name} /data /{name}" for name in "abc"]
    (tmp_path / "Dockerfile").write_text("\n".join([*stages, "FROM scratch", *copies, ""]))
    other("build", "-q", "-t", "app", str(tmp_path))
    assert not meet.broken
    assert fake.count("GET", "/manifests/latest") == 3


def test_an_image_that_cannot_be_asked_for_is_said_once(
    other: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    put_image(fake, "a", [layer()])
    (tmp_path / "Dockerfile").write_text(
        f"FROM {fake.host}/a AS a\nFROM {fake.host}/absent\nCOPY --from=a /data /\n"
    )
    said = other.fails("build", "-t", "app", str(tmp_path), code=1)
    assert "Dockerfile:2" in said and "absent" in said and "not found" in said, said
    assert fake.count("GET", "/absent/manifests/latest") == 1


# -- what is sent ---------------------------------------------------------------------------------


def two_layers(bb: Wherry, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "push"
    folder.mkdir()
    (folder / "data").write_bytes(random.Random(5).randbytes(SIZE))
    bb.build(folder, "FROM scratch\nCOPY data /data\n", "-t", name)


def stops(after: int, times: int, *, forget: bool = False) -> Callable[[Request], bool]:
    """Take so many bytes of an upload and hang up."""
    left = [times]

    def hook(request: Request) -> bool:
        if request.command != "PATCH" or not left[0]:
            return False
        left[0] -= 1
        number = request.path.rpartition("/")[2]
        length = int(request.headers["Content-Length"])  # for more of a small blob it would wait
        request.fake.uploads[number] += request.rfile.read(min(after, length))
        if forget:
            del request.fake.uploads[number]
        request.hang_up()
        return True

    return hook


def late(request: Request) -> bool:
    """Hang up in the middle, and write on what had arrived after the client was told how far it came."""
    if request.command != "PATCH" or request.headers.get("Content-Range"):
        return False
    have = request.fake.uploads[request.path.rpartition("/")[2]]
    have += request.rfile.read(PIECE)
    more = request.rfile.read(10)

    def write(other: Request) -> bool:
        if other.command == "PATCH" and other.headers.get("Content-Range"):
            request.fake.hooks.remove(write)
            other.rfile.read(int(other.headers["Content-Length"]))
            have.extend(more)
            other.answer(202, Location=other.path)
            return True
        return False

    request.fake.hooks[:] = [write]
    request.hang_up()
    return True


def test_an_upload_that_two_lines_wrote_begins_anew(
    bb: Wherry, other: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    name = f"{fake.host}/b"
    fake.hooks.append(late)
    bb("tag", "bb", name)
    bb("push", "-q", name)
    assert not fake.hooks and fake.count("PUT", "/blobs/uploads/") > len(fake.blobs)
    other("pull", "-q", name)


@pytest.mark.parametrize("forget", [False, True])
def test_an_upload_that_is_cut_goes_on_where_it_was(
    bb: Wherry, other: Wherry, fake: FakeRegistry, tmp_path: Path, forget: bool
) -> None:
    """Or begins anew, where the registry has forgotten it."""
    name = f"{fake.host}/b"
    two_layers(bb, tmp_path, name)
    fake.hooks.append(stops(PIECE, 3 if forget else 9, forget=forget))
    bb("push", "-q", name)
    sent = [a.headers.get("Content-Range", "") for a in fake.asked if a.method == "PATCH"]
    if not forget:
        assert [s.partition("-")[0] for s in sent[1:10]] == [str(PIECE * n) for n in range(1, 10)]
    assert contents(other, name, tmp_path) == hashlib.sha256(random.Random(5).randbytes(SIZE)).hexdigest()


def test_an_upload_that_never_moves_is_given_up(bb: Wherry, fake: FakeRegistry, tmp_path: Path) -> None:
    name = f"{fake.host}/b"
    two_layers(bb, tmp_path, name)
    fake.hooks.append(stops(0, 1000))
    said = bb.fails("push", name, code=1)
    assert "connection failed" in said and fake.host in said
    assert fake.manifests == {}


def refuses(method: str, pattern: str, status: int) -> Callable[[Request], bool]:
    """Answer what this registry does not serve."""

    def hook(request: Request) -> bool:
        if request.command != method or not re.search(pattern, request.path):
            return False
        request.body()
        request.answer(status, b'{"errors":[{"code":"UNSUPPORTED"}]}')
        return True

    return hook


@pytest.mark.parametrize("status", [400, 404, 405, 415])
def test_a_registry_that_takes_no_parts_gets_a_blob_in_one(
    bb: Wherry, other: Wherry, fake: FakeRegistry, tmp_path: Path, status: int
) -> None:
    name = f"{fake.host}/b"
    two_layers(bb, tmp_path, name)
    fake.hooks.append(refuses("PATCH", "/uploads/", status))
    bb("push", "-q", name)
    assert contents(other, name, tmp_path) == hashlib.sha256(random.Random(5).randbytes(SIZE)).hexdigest()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_what_a_neighbour_may_not_lend_is_sent(
    bb: Wherry, other: Wherry, fake: FakeRegistry, tmp_path: Path, status: int
) -> None:
    """Nor may a token be had for both repositories."""
    first, second, third = (f"{fake.host}/lend/{name}" for name in "abc")
    two_layers(bb, tmp_path, first)
    bb("push", "-q", first)
    bb("tag", first, second)
    kept = dict(fake.blobs)
    for words in (("push", "-q", second), ("copy", "-q", f"docker://{first}", f"docker://{third}")):
        hidden = [refuses("POST", "mount=", status), refuses("HEAD", "/lend/[bc]/blobs/", 404)]
        fake.hooks[:] = hidden
        bb(*words)
        assert fake.count("POST", "mount=") and fake.blobs == kept
        assert fake.count("PUT", f"/lend/{words[-1][-1]}/blobs/uploads/") >= 2
    fake.hooks.clear()
    assert contents(other, second, tmp_path)


@pytest.mark.parametrize("status", [400, 405])
@pytest.mark.parametrize("what", ["/manifests/", "/blobs/"])
def test_a_registry_that_cannot_be_asked_whether_it_has_something(
    bb: Wherry, other: Wherry, fake: FakeRegistry, tmp_path: Path, what: str, status: int
) -> None:
    name = f"{fake.host}/b"
    two_layers(bb, tmp_path, name)
    fake.hooks.append(refuses("HEAD", what, status))
    bb("push", "-q", name)
    assert contents(other, name, tmp_path) == hashlib.sha256(random.Random(5).randbytes(SIZE)).hexdigest()
    with fake_registry() as there:
        there.hooks.append(refuses("HEAD", what, status))
        other("copy", "-q", f"docker://{name}", f"docker://{there.host}/c")
        assert there.blobs == fake.blobs


@pytest.mark.parametrize(
    ("pattern", "status", "says"),
    [
        ("uploads/$", 403, "beginning an upload: denied"),
        ("uploads/$", 404, "beginning an upload: not found"),
        ("uploads/$", 202, "without a Location"),
        (r"uploads/0\?digest", 400, "finishing blob"),
        ("/manifests/", 413, "the registry answered 413"),
        ("/blobs/sha256", 401, "not authorized"),
    ],
)
def test_what_a_registry_refuses_is_said(
    bb: Wherry, fake: FakeRegistry, tmp_path: Path, pattern: str, status: int, says: str
) -> None:
    name = f"{fake.host}/b"
    two_layers(bb, tmp_path, name)
    fake.hooks.append(answers(pattern, status))
    said = bb.fails("push", name, code=1)
    assert says in said and fake.host in said
    assert fake.manifests == {}


def test_a_registry_that_forgot_a_blob_gets_it_again(
    bb: Wherry, other: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    """Its storage lost it, or tells of it late."""
    name = f"{fake.host}/b"
    two_layers(bb, tmp_path, name)
    left = [2]

    def forget(request: Request) -> bool:
        if request.command != "PUT" or "/manifests/" not in request.path or not left[0]:
            return False
        left[0] -= 1
        value = json.loads(request.body())
        del request.fake.blobs[value["layers"][0]["digest"] if left[0] else value["config"]["digest"]]
        request.answer(400, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown"}]}')
        return True

    fake.hooks.append(forget)
    bb("push", "-q", name)
    assert contents(other, name, tmp_path) == hashlib.sha256(random.Random(5).randbytes(SIZE)).hexdigest()
    fake.hooks[0] = answers("/manifests/", 400, b"no")
    assert "the registry answered 400" in bb.fails("push", f"{name}", code=1)


def test_a_blob_that_was_damaged_here_is_not_pushed(bb: Wherry, fake: FakeRegistry, tmp_path: Path) -> None:
    """And made again for the next push."""
    name = f"{fake.host}/b"
    two_layers(bb, tmp_path, name)
    bb("push", "-q", name)
    blob = bb.root / "blobs/sha256" / blob_of(fake, "b").removeprefix("sha256:")
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    fake.blobs.clear()
    fake.manifests.clear()
    assert "was damaged on disk" in bb.fails("push", name, code=1)
    assert fake.manifests == {}
    bb("push", "-q", name)
    assert ("b", "latest") in fake.manifests


def test_killed_pushes_leave_nothing_that_stands_for_the_image(
    bb: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    name = f"{fake.host}/b"
    two_layers(bb, tmp_path, name)
    for delay in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3):
        process = bb.start("push", name)
        time.sleep(delay)
        process.kill()
        process.wait()
        for _, data in list(fake.manifests.values()):
            value = json.loads(data)
            assert all(part["digest"] in fake.blobs for part in (value["config"], *value["layers"]))
    bb("push", "-q", name)
    assert ("b", "latest") in fake.manifests and "nothing is wrong" in bb("system", "check")

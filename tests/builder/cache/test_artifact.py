"""A context at a registry: sent once, by what it holds, and built from there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.registry import FakeRegistry
from support.registry import Registry, running_registry
from support.wherry import Wherry
from wherry.builder.context import artifact
from wherry.builder.context.artifact import Recipe
from wherry.builder.context.folder import open_context
from wherry.errors import ChangedError, CorruptError
from wherry.oci.reference import parse
from wherry.registry.client import Registries
from wherry.registry.settings import Settings
from wherry.runtime import Runtime
from wherry.store import Store

pytestmark = [pytest.mark.root, pytest.mark.registry]
DOCKERFILE = "FROM bb\nCOPY . /all\nRUN cd /all && find . | sort && stat -c %a script && cat link\n"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(Runtime(str(tmp_path / "store")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "context"
    (found / "below").mkdir(parents=True)
    (found / "script").write_text("#!/bin/sh\n")
    (found / "script").chmod(0o755)
    (found / "below" / "näme").write_bytes(bytes(100_000))
    (found / "link").symlink_to("script")
    (found / "secret.pem").write_text("not for the build")
    (found / ".dockerignore").write_text("*.pem\n")
    return found


def send(store: Store, folder: Path, name: str, text: str = DOCKERFILE) -> tuple[str, str]:
    """The digest, and what was told."""
    said: list[str] = []
    context = open_context(str(folder), "", store.root)
    rules = "".join(f"{p.written}\n" for p in context.ignore.patterns)
    client = Registries(Settings())
    try:
        target = client.target(parse(name))
        digest = artifact.send(store, context, Recipe(text, "Dockerfile", rules), target, said.append)
    finally:
        client.close()
    context.save()
    return digest, "".join(said)


def test_it_is_built_as_the_folder_is(bb: Wherry, store: Store, folder: Path, registry: Registry) -> None:
    name = f"{registry.host}/app"
    digest, said = send(store, folder, name)
    assert "sent " in said
    done = bb.run("build", "--progress", "plain", f"oci://{name}@{digest}")
    assert done.returncode == 0, done.stderr
    assert "./below/näme" in done.stderr and "755" in done.stderr and "secret.pem" not in done.stderr
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / ".dockerignore").write_text("*.pem\nDockerfile\n")
    again = bb.run("build", "--progress", "plain", str(folder))
    assert "secret.pem" not in again.stderr


def test_what_is_there_is_not_sent_again_whatever_its_times_are(
    store: Store, folder: Path, registry: Registry
) -> None:
    name = f"{registry.host}/times"
    first, _ = send(store, folder, name)
    uploads = registry.log().count("PATCH")
    os.utime(folder / "script", (0, 0))
    again, said = send(store, folder, name)
    assert (again, said) == (first, f"{first} is there\n")
    assert registry.log().count("PATCH") == uploads > 0


def test_how_much_of_it_has_gone_is_told(store: Store, folder: Path, fake: FakeRegistry) -> None:
    (folder / "large").write_bytes(os.urandom(3 << 20))
    heard: list[tuple[int, int]] = []
    client = Registries(Settings())
    target = client.target(parse(f"{fake.host}/told"))
    context = open_context(str(folder), "", store.root)
    artifact.send(store, context, Recipe(DOCKERFILE), target, sent=lambda *told: heard.append(told))
    client.close()
    size = heard[-1][1]
    assert [done for done, _ in heard[-4:]] == [1 << 20, 2 << 20, 3 << 20, size] and size > 3 << 20


@pytest.mark.parametrize("change", ["content", "mode", "name", "dockerfile", "ignored"])
def test_another_context_has_another_name(
    store: Store, folder: Path, registry: Registry, change: str
) -> None:
    name = f"{registry.host}/other"
    first, _ = send(store, folder, name)
    text = DOCKERFILE
    if change == "content":
        (folder / "script").write_text("#!/bin/ash\n")
    elif change == "mode":
        (folder / "script").chmod(0o700)
    elif change == "name":
        (folder / "below" / "näme").rename(folder / "below" / "name")
    elif change == "dockerfile":
        text += "RUN true\n"
    else:
        (folder / "secret.pem").write_text("another")
    again, _ = send(store, folder, name, text)
    assert (again == first) == (change == "ignored")


def test_a_file_that_is_written_meanwhile_is_not_sent_as_what_it_was(
    store: Store, folder: Path, fake: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = artifact.tag_of

    def tagged(*words: object) -> str:
        tag = found(*words)  # type: ignore[arg-type]
        (folder / "script").write_text("#!/bin/ash\n")
        return tag

    monkeypatch.setattr(artifact, "tag_of", tagged)
    with pytest.raises(ChangedError, match="script changed while it was read"):
        send(store, folder, f"{fake.host}/app")


def test_an_image_is_no_context(bb: Wherry, tmp_path: Path, registry: Registry) -> None:
    bb.build(tmp_path / "c", "FROM bb\n", "-t", f"{registry.host}/image", "--push")
    assert "is no build context" in bb.fails("build", f"oci://{registry.host}/image")
    assert "not found" in bb.fails("build", f"oci://{registry.host}/nothing")
    assert "invalid reference" in bb.fails("build", "oci://A")


def test_a_configuration_of_another_kind_is_refused(store: Store, tmp_path: Path) -> None:
    for data in (b"", b"[]", b'{"dockerfile": 1, "name": "x", "ignore": ""}', b"{}"):
        with pytest.raises(CorruptError, match="configuration"):
            artifact._recipe(data, "it")


def times(folder: Path) -> None:
    for number, when in enumerate((-5_000_000_001, 1_700_000_000_123_456_789, 2**33 * 10**9)):
        (folder / f"f{number}").write_bytes(b"x")
        (folder / f"d{number}").mkdir()
        os.symlink("x", folder / f"l{number}")
        for kind in "fdl":
            os.utime(folder / f"{kind}{number}", ns=(when, when), follow_symlinks=False)


def modes(folder: Path) -> None:
    for mode in (0, 0o111, 0o4755, 0o2755, 0o1777, 0o6777):
        (folder / f"f{mode:o}").write_bytes(b"x")
        (folder / f"f{mode:o}").chmod(mode)
        (folder / f"d{mode:o}").mkdir()
        (folder / f"d{mode:o}").chmod(mode)


def attributes_and_owners(folder: Path) -> None:
    (folder / "f").write_bytes(b"x")
    os.chown(folder / "f", 1234, 4321)
    os.setxattr(folder / "f", "user.a", b"b")
    os.setxattr(folder / "f", "security.capability", bytes.fromhex("01000002" + "00040000" + "00" * 12))


def hard_links(folder: Path) -> None:
    (folder / "a").write_bytes(b"x")
    os.link(folder / "a", folder / "b")
    os.symlink("x", folder / "c")
    os.link(folder / "c", folder / "d", follow_symlinks=False)
    (folder / "one").write_bytes(b"x")
    os.link(folder / "one", folder.parent / "outside")


def special_files(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    os.link(folder / "pipe", folder / "pipe2")
    os.mknod(folder / "device", 0o20644, os.makedev(1, 3))
    os.mknod(folder / "socket", 0o140644)


def names(folder: Path) -> None:
    for name in (b"\xff\xfe", b"new\nline", b"back\\slash", b"n" * 255, b"a" * 200 + b"/" + b"b" * 200):
        os.makedirs(os.path.dirname(os.fsencode(folder) + b"/" + name), exist_ok=True)
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    os.symlink(b"\xff" * 300, folder / "link")


def holes(folder: Path) -> None:
    with (folder / "sparse").open("wb") as file:
        file.truncate(5 << 20)
        file.seek(1 << 20)
        file.write(b"x")


@pytest.mark.parametrize(
    "odd", [times, modes, attributes_and_owners, hard_links, special_files, names, holes]
)
def test_what_is_odd_gives_the_layer_that_it_gives_here(
    bb: Wherry, store: Store, tmp_path: Path, fake: FakeRegistry, odd: Callable[[Path], None]
) -> None:
    folder = tmp_path / "context"
    folder.mkdir()
    odd(folder)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    name = f"{fake.host}/odd"
    digest, _ = send(store, folder, name, "FROM scratch\nCOPY . /\n")
    layers = []
    for words in ([f"oci://{name}@{digest}"], ["-f", str(tmp_path / "Dockerfile"), str(folder)]):
        done = bb.run("build", "--no-cache", "-t", "odd", *words)
        assert done.returncode == 0, done.stderr
        layers.append(bb("inspect", "--format", "{{json .RootFS.Layers}}", "odd"))
    assert layers[0] == layers[1]


def test_what_became_a_hard_link_is_another_context(store: Store, folder: Path, fake: FakeRegistry) -> None:
    (folder / "a").write_bytes(b"x")
    (folder / "b").write_bytes(b"x")
    first, _ = send(store, folder, f"{fake.host}/links")
    (folder / "b").unlink()
    os.link(folder / "a", folder / "b")
    assert send(store, folder, f"{fake.host}/links")[0] != first


def test_contexts_are_removed_as_the_page_says_and_nothing_else_is(
    bb: Wherry, store: Store, folder: Path, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[3] / "docs/build-on-kubernetes.md").read_text()
    (script,) = [text for text in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "skopeo" in text]
    with running_registry(tmp_path / "registry") as registry:
        name = f"{registry.host}/team/app"
        bb.build(tmp_path / "c", "FROM bb\nRUN echo 1\n", "-t", f"{name}:1", "--push")
        send(store, folder, name)
        (folder / "script").write_text("another")
        send(store, folder, name)
        assert len(tags_of(registry, "team/app")) == 3
        for verb in ("list-tags", "delete"):
            script = script.replace(f"skopeo {verb}", f"skopeo {verb} --tls-verify=false")
        words = ["sh", "-ec", script.replace("registry.example/team/app", name)]
        subprocess.run(words, check=True, timeout=60)
        assert tags_of(registry, "team/app") == ["1"]
        bb("pull", f"{name}:1")
        (folder / "script").write_text("#!/bin/sh\n")
        assert "sent " in send(store, folder, name)[1], "it was there before"


def tags_of(registry: Registry, path: str) -> list[str]:
    with urllib.request.urlopen(f"http://{registry.host}/v2/{path}/tags/list", timeout=30) as answer:
        found: list[str] = json.load(answer)["tags"]
        return found

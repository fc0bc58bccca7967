"""Builds as a program asks for them: what they leave, what they are told to read, and what is said."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from wherry.app.build import build_images, default_options
from wherry.app.checks import check, outline, targets
from wherry.app.images import images
from wherry.app.request import BuildRequest
from wherry.builder.output.options import TO_STORE, Output
from wherry.builder.plan.epoch import EPOCH
from wherry.errors import (
    ContextError,
    DockerfileError,
    InvalidReferenceError,
    NeedsNamespace,
    UsageError,
    WherryError,
)
from wherry.images.view import Image
from wherry.oci.platform import parse as parse_platform
from wherry.runtime import PLAIN, Runtime
from wherry.store import Store

pytestmark = pytest.mark.root

DOCKERFILE = (
    b"FROM scratch AS first\n# who is greeted\nARG WHO=you\nFROM first\nCOPY given /\nLABEL who=$WHOM\n"
)


def folder(tmp_path: Path, text: bytes = DOCKERFILE) -> str:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_bytes(text)
    (context / "given").write_text("given\n")
    return str(context)


def given(data: bytes) -> Callable[[], IO[bytes]]:
    return lambda: io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]


def test_an_image_and_its_files_come_from_one_build_with_nothing_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = Store.open(Runtime(str(tmp_path / "s")))
    options = default_options()._replace(args={"UNHEARD": "x", EPOCH: "86400"})
    outputs = (
        TO_STORE._replace(names=("one", "two:2")),
        Output("oci", str(tmp_path / "one.tar"), names=("one",)),
        Output("local", str(tmp_path / "files"), folder=True),
    )
    request = BuildRequest(folder(tmp_path), options, outputs=outputs, lint=True, describe=True)
    built = build_images(store, request)
    (record,) = built.images
    assert (built.image, built.names, built.unused_args) == (
        record.id,
        ("one:latest", "two:2"),
        ("UNHEARD",),
    )
    assert Image(store, record).config.created == "1970-01-02T00:00:00Z"
    assert built.descriptor is not None and built.descriptor.size > 0
    assert [finding.rule for finding in built.findings] == ["UndefinedVar"]
    assert (tmp_path / "files/given").read_text() == "given\n"
    with tarfile.open(tmp_path / "one.tar") as tar:
        index = tar.extractfile("index.json")
        assert index is not None and len(json.load(index)["manifests"]) == 1
    assert sorted(row.repository for row in images(store)) == ["one", "two"]
    assert capfd.readouterr() == ("", "")


def test_several_platforms_are_one_index(tmp_path: Path) -> None:
    store = Store.open(Runtime(str(tmp_path / "s")))
    platforms = tuple(map(parse_platform, ("linux/amd64", "linux/arm64")))
    request = BuildRequest(folder(tmp_path), default_options(), platforms=platforms)
    built = build_images(store, request._replace(outputs=(TO_STORE._replace(names=("both",)),)))
    assert len({record.id for record in built.images}) == 2
    assert built.descriptor is not None and built.image == built.descriptor.digest
    assert store.names.get("docker.io/library/both:latest") == built.image


def test_a_dockerfile_and_a_context_come_from_a_stream(tmp_path: Path) -> None:
    store = Store.open(Runtime(str(tmp_path / "s")))
    options = default_options()
    request = BuildRequest(folder(tmp_path), options, file="-", stdin=given(b"FROM scratch\nLABEL a=b\n"))
    assert build_images(store, request).images[0].id
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as tar:
        tar.add(tmp_path / "context", ".")
    request = BuildRequest("-", options, stdin=given(sink.getvalue()))
    tarred = build_images(store, request).images
    assert tarred == build_images(store, BuildRequest(str(tmp_path / "context"), options)).images
    with pytest.raises(UsageError, match="standard input"):
        build_images(store, request._replace(stdin=None))


def test_what_cannot_be_is_said_before_anything_is_built(tmp_path: Path) -> None:
    store = Store.open(Runtime(str(tmp_path / "s")))
    request = BuildRequest(folder(tmp_path), default_options())
    (tmp_path / "file").write_text("")
    for outputs, error in (
        ((Output("image", push=True),), UsageError),
        ((Output("image", names=("A:b:c",)),), InvalidReferenceError),
        ((Output("tar", "-"), Output("docker", "-")), UsageError),
        ((Output("image", rewrite=True), Output("tar", "-", rewrite=False)), UsageError),
        ((Output("local", str(tmp_path / "file"), folder=True),), ContextError),
        ((Output("tar", str(tmp_path)),), ContextError),
    ):
        with pytest.raises(error):
            build_images(store, request._replace(outputs=outputs))
    epoch = request._replace(options=request.options._replace(args={EPOCH: "soon"}))
    with pytest.raises(WherryError, match="SOURCE_DATE_EPOCH"):
        build_images(store, epoch)
    assert images(store) == [] and store.builds.all() == []


def test_without_registries_a_push_is_refused_and_the_image_is_there(tmp_path: Path) -> None:
    store = Store.open(Runtime(str(tmp_path / "s")))
    output = Output("image", names=("one",), push=True)
    with pytest.raises(UsageError, match="registries"):
        build_images(store, BuildRequest(folder(tmp_path), default_options(), outputs=(output,)))
    assert [row.repository for row in images(store)] == ["one"]


def test_a_plain_user_is_told_that_layers_are_needed_before_anything_is_built(tmp_path: Path) -> None:
    store = Store.open(Runtime(str(tmp_path / "s"), PLAIN))
    output = Output("oci", str(tmp_path / "one.tar"))
    with pytest.raises(NeedsNamespace):
        build_images(store, BuildRequest(folder(tmp_path), default_options(), outputs=(output,)))
    assert store.builds.all() == []


def test_what_a_dockerfile_says_of_itself_is_values(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = Store.open(Runtime(str(tmp_path / "s")))
    request = BuildRequest(folder(tmp_path), default_options())
    assert [target["name"] for target in targets(store, request)] == ["first", ""]
    assert [arg["name"] for arg in outline(store, request)["args"]] == ["WHO"]
    checked = check(store, request)
    assert [found.rule for found in checked.findings] == ["UndefinedVar"] and checked.problem is None
    (tmp_path / "context/Dockerfile").write_text("FROM scratch\nfrom x AS A\nNOTHING\n")
    broken = check(store, request)
    assert isinstance(broken.problem, DockerfileError) and broken.findings
    assert store.builds.all() == [] and capfd.readouterr() == ("", "")

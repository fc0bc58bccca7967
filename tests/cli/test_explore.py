"""``wherry explore``, of an image wherever it is."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fakes.registry import FakeRegistry, fake_registry
from support.plain import plain_user
from support.programs import compile_
from support.registry import running_registry
from support.wherry import Wherry

DOCKERFILE = """FROM bb
COPY app /app
RUN chmod 755 /app
COPY \\
  big /data/big
RUN rm /data/big; mkdir -p /var/lib/apt/lists; cp /app /var/lib/apt/lists/x
"""
pytestmark = pytest.mark.root


@pytest.fixture
def image(bb: Wherry, tmp_path: Path) -> Wherry:
    context = tmp_path / "context"
    context.mkdir()
    (context / "app").write_bytes(os.urandom(60_000))
    (context / "app").chmod(0o644)
    (context / "big").write_bytes(os.urandom(30_000))
    bb.build(context, DOCKERFILE, "-t", "img")
    return bb


def explored(wherry: Wherry, *words: str) -> dict[str, Any]:
    value = json.loads(wherry("explore", "--json", *words))
    assert value["schema"] == 1
    return dict(value)


def about(value: dict[str, Any]) -> dict[str, Any]:
    """What is the same wherever the image is."""
    return {key: part for key, part in value.items() if key != "image"} | {"id": value["image"]["id"]}


def test_an_image_of_the_store_with_lines_and_times(image: Wherry, tmp_path: Path) -> None:
    value = explored(image, "img")
    layers = value["layers"]
    assert [(layer["base"], layer["line"], layer["endLine"]) for layer in layers] == [
        (True, 0, 0),
        (False, 2, 2),
        (False, 3, 3),
        (False, 4, 5),
        (False, 6, 6),
    ]
    assert layers[1]["dockerfile"] == str(tmp_path / "context/Dockerfile")
    assert all(layer["seconds"] is not None for layer in layers[1:])
    assert [(loss["kind"], loss["by"], loss["of"], loss["size"]) for loss in value["losses"]] == [
        ("repeated", 3, 2, 60_000),
        ("removed", 5, 4, 30_000),
    ]
    assert "COPY --chmod" in value["losses"][0]["advice"]
    assert (value["wasted"], value["duplicated"]) == (90_000, 60_000)
    (found,) = (one for one in value["categories"] if one["category"] == "package-caches")
    assert (found["layer"], found["size"]) == (5, 60_000)
    removed = [change for change in layers[4]["changes"] if change["kind"] == "removed"]
    assert [change["path"] for change in removed] == ["data/big"]
    assert removed[0]["before"]["layer"] == 4
    total = sum(layer["size"] for layer in layers)
    assert value["image"]["size"] == total and value["efficiency"] == round(1 - 90_000 / total, 6)


def test_debug_symbols_inside_of_programs_count_in_every_form(bb: Wherry, tmp_path: Path) -> None:
    """Of an archive in place, and of a compressed layer that passes by."""
    context = tmp_path / "context"
    context.mkdir()
    program = compile_(context / "app", "int main(void){return 0;}", "-static", "-g")
    before = program.stat().st_size
    bb.build(context, "FROM bb\nCOPY app /app/a\nRUN ln /app/a /app/b\n", "-t", "img")
    archive, layout = str(tmp_path / "img.tar"), str(tmp_path / "layout")
    bb("save", "-o", archive, "img")
    bb("copy", "wherry:img", f"oci:{layout}:v1")
    subprocess.run(["strip", program], check=True)
    for word in ("img", archive, layout):
        (found,) = (one for one in explored(bb, word)["categories"] if one["category"] == "debug-symbols")
        assert [file["path"] for file in found["files"]] == ["app/a", "app/b"] and found["layer"] == 3
        assert found["size"] == found["files"][0]["size"]
        assert 0 <= before - program.stat().st_size - found["size"] < 2048
        assert "-s" in found["advice"]
    text = bb("explore", "img")
    assert "debug symbols: 2 files of layer 3 (line 3)" in text and "fix: link with -s" in text


def test_the_time_is_that_of_the_step_and_not_of_the_cache(image: Wherry, tmp_path: Path) -> None:
    first = explored(image, "img")["layers"][2]["seconds"]
    image("build", "-q", "-t", "img", str(tmp_path / "context"))
    assert explored(image, "img")["layers"][2]["seconds"] == first


def test_archives_and_layouts_give_the_same(image: Wherry, tmp_path: Path) -> None:
    here = about(explored(image, "img"))
    archive, layout = str(tmp_path / "img.tar"), str(tmp_path / "layout")
    image("save", "-o", archive, "img")
    image("copy", "wherry:img", f"oci:{layout}:v1")
    image("copy", f"oci:{layout}:v1", f"oci-archive:{tmp_path}/oci.tar:v1")
    image("copy", f"oci:{layout}:v1", f"docker-archive:{tmp_path}/docker.tar:img:2")
    with open(archive, "rb") as file:
        (tmp_path / "img.tar.gz").write_bytes(gzip.compress(file.read(), 1))
    places = [
        archive,
        archive + ".gz",
        f"{tmp_path}/docker.tar",
        f"docker-archive:{tmp_path}/docker.tar:img:2",
    ]
    for word in [*places, layout, f"oci:{layout}:v1", f"oci-archive:{tmp_path}/oci.tar:v1", "wherry:img"]:
        assert about(explored(image, word)) == here, word
    other = Wherry(tmp_path / "other")
    (tmp_path / "other").mkdir()
    elsewhere = explored(other, archive)
    assert elsewhere["layers"][2]["command"] == "RUN chmod 755 /app"
    assert elsewhere["layers"][2]["line"] == 0 and elsewhere["wasted"] == 90_000


@pytest.mark.registry
def test_docker_s_own_archives_are_read(image: Wherry, tmp_path: Path) -> None:
    """skopeo writes them as docker does: layers by name, configuration beside them."""
    image("copy", "wherry:img", f"oci:{tmp_path}/layout:v1")
    command = ["skopeo", "copy", "-q", f"oci:{tmp_path}/layout:v1", f"docker-archive:{tmp_path}/d.tar:a:b"]
    subprocess.run(command, check=True, timeout=60)
    value = explored(image, f"{tmp_path}/d.tar")
    assert value["image"]["name"] == "a:b" and about(value) == about(explored(image, "img"))


@pytest.mark.registry
def test_a_registry_s_image_is_not_kept(
    image: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with running_registry(tmp_path / "registry") as registry:
        name = f"docker://{registry.host}/img:1"
        image("copy", "-q", "wherry:img", name)
        other = Wherry(tmp_path / "other")
        assert explored(other, name)["losses"] == explored(image, "img")["losses"]
        assert other("images", "-q") == ""
        assert not list((tmp_path / "other/blobs/sha256").glob("*"))


@pytest.mark.registry
def test_of_a_layer_with_an_index_little_is_fetched(
    image: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As skopeo writes zstd:chunked."""
    monkeypatch.setenv("HOME", str(tmp_path))
    image("copy", "wherry:img", f"oci:{tmp_path}/layout:v1")
    with running_registry(tmp_path / "registry") as registry:
        subprocess.run(
            ["skopeo", "copy", "-q", "--dest-tls-verify=false", "--dest-compress-format", "zstd:chunked",
             f"oci:{tmp_path}/layout:v1", f"docker://{registry.host}/img:1"],
            check=True, timeout=60,
        )  # fmt: skip
        manifest = json.loads(image("manifest", "inspect", f"{registry.host}/img:1"))
        if not all("annotations" in layer for layer in manifest["layers"]):
            pytest.skip("this skopeo leaves layers as they are")
        value = explored(image, f"docker://{registry.host}/img:1")
        assert value["losses"] == explored(image, "img")["losses"]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HOME", str(tmp_path))
    with fake_registry() as registry:
        yield registry


def test_a_registry_that_cuts_a_layer_is_named(image: Wherry, tmp_path: Path, fake: FakeRegistry) -> None:
    image("copy", "-q", "wherry:img", f"docker://{fake.host}/img:1")
    largest = max(fake.blobs, key=lambda digest: len(fake.blobs[digest]))
    fake.blobs[largest] = fake.blobs[largest][:-100]
    error = image.fails("explore", f"docker://{fake.host}/img:1", code=1)
    assert "error: " in error and ("damaged" in error or "ended" in error or largest[:19] in error)


def test_a_folder_is_one_layer(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "f/usr/share/doc/a").mkdir(parents=True)
    (tmp_path / "f/usr/share/doc/a/b").write_text("text")
    for word in (str(tmp_path / "f"), f"dir:{tmp_path}/f"):
        value = explored(wherry, word)
        assert [layer["size"] for layer in value["layers"]] == [4]
        assert value["categories"][0]["category"] == "documentation"


def test_a_name_of_the_store_comes_before_a_folder(image: Wherry, tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    done = image("explore", "--json", "img", cwd=tmp_path)
    assert len(json.loads(done)["layers"]) == 5
    done = image("explore", "--json", "./img", cwd=tmp_path)
    assert len(json.loads(done)["layers"]) == 1


def test_the_first_page_fits_a_terminal_of_80_columns(image: Wherry) -> None:
    text = image("explore", "img")
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "line 3: RUN chmod 755 /app" in text
    assert "1 file of layer 2 (line 2), the same again in layer 3 (line 3)" in text
    assert "1 file of layer 4 (line 4) removed by layer 5 (line 6)" in text
    assert "fix: COPY --chmod=MODE" in text and "package caches and lists" in text


def test_one_layer_is_listed(image: Wherry) -> None:
    lines = image("explore", "--layer", "3", "img").splitlines()
    assert lines[0].startswith("layer 3: 60kB") and lines[2].split() == ["C", "0755", "0:0", "60kB", "app"]
    assert "there is no layer 6" in image.fails("explore", "--layer", "6", "img", code=125)


def test_names_from_outside_do_not_steer_the_terminal(wherry: Wherry, tmp_path: Path) -> None:
    folder = tmp_path / "f/usr/share/doc"
    folder.mkdir(parents=True)
    (folder / "\x1b[2Jx").write_text("text")
    assert "\x1b" not in wherry("explore", str(tmp_path / "f"))
    assert "\x1b" not in wherry("explore", "--layer", "1", str(tmp_path / "f"))


def test_ci_says_what_is_broken_and_exits_with_1(image: Wherry, tmp_path: Path) -> None:
    done = image.run("explore", "--ci", "--lowest-efficiency", "0.5", "img")
    assert done.returncode == 0 and done.stdout.startswith("ok      lowest-efficiency")
    done = image.run("explore", "--ci", "--highest-wasted-bytes", "80kB", "img")
    assert done.returncode == 1 and "BROKEN  highest-wasted-bytes: 90kB (limit 80kB)" in done.stdout
    rules = tmp_path / "rules.toml"
    rules.write_text('lowest-efficiency = 0.5\nabsent = ["data"]\n[categories]\npackage-caches = "59kB"\n')
    done = image.run("explore", "--ci", "--rules", str(rules), "img")
    assert done.returncode == 1 and done.stdout.count("BROKEN") == 1 + done.stdout.count("absent data")
    assert json.loads(image.run("explore", "--ci", "--json", "--rules", str(rules), "img").stdout)["rules"]
    assert "no such file" in image.fails("explore", "--ci", "--rules", "/none", "img", code=1)


def test_what_is_no_image_is_said_by_name(wherry: Wherry, tmp_path: Path) -> None:
    assert "No such image: none" in wherry.fails("explore", "none", code=1)
    (tmp_path / "text").write_text("no tar" * 1000)
    (tmp_path / "empty.tar").write_bytes(bytes(10240))
    assert "not a tar" in wherry.fails("explore", str(tmp_path / "text"), code=1)
    assert "holds no image" in wherry.fails("explore", str(tmp_path / "empty.tar"), code=1)
    assert "no folder" in wherry.fails("explore", f"dir:{tmp_path}/none", code=1)


def test_a_damaged_layer_of_the_store_is_named(image: Wherry) -> None:
    diff_id = explored(image, "img")["layers"][3]["diffId"]
    subprocess.run(["rm", "-r", str(image.root / "layers" / diff_id[7:])], check=True)
    assert "lost or damaged" in image.fails("explore", "img", code=1)


def test_html_is_written_and_nothing_is_printed(image: Wherry, tmp_path: Path) -> None:
    assert image("explore", "--html", str(tmp_path / "new/page.html"), "img") == ""
    text = (tmp_path / "new/page.html").read_text()
    assert text.startswith("<!doctype html>") and "RUN chmod 755 /app" in text


def test_pictures_are_written(image: Wherry, tmp_path: Path) -> None:
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    assert image("explore", "--svg", str(svg), "--png", str(png), "img") == ""
    assert svg.read_text().startswith("<svg") and png.read_bytes().startswith(b"\x89PNG")
    error = image.fails("explore", "--svg", str(svg), "--png", str(svg), "img", code=125)
    assert "a file each" in error


@pytest.mark.rootless
def test_a_plain_user_explores_what_it_built(entered_by_all: Path) -> None:
    """Files of other owners and modes are read in the user namespace; so is what a build says of them."""
    user = plain_user(entered_by_all)
    context = entered_by_all / "context"
    context.mkdir()
    shutil.copy("/bin/busybox", context / "sh")
    (context / "app").write_bytes(os.urandom(150_000))
    for path in (context, *context.iterdir()):
        path.chmod(0o755)
    copies = "COPY sh /bin/sh\nCOPY sh /bin/chmod\nCOPY app /app\n"
    (context / "Dockerfile").write_text(f'FROM scratch\n{copies}RUN ["/bin/sh", "-c", "chmod 0 /app"]\n')
    done = user.run("build", "-t", "img", str(context))
    assert done.returncode == 0, done.stderr
    assert "RepeatedFiles: RUN brings 150kB again" in done.stderr
    value = explored(user, "img")
    assert [(loss["kind"], loss["size"]) for loss in value["losses"]] == [("repeated", 150_000)]

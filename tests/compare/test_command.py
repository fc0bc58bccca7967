"""``wherry compare`` as people type it, with real images."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from support.browser import browser
from support.image import build_two_layers
from support.plain import plain_user
from support.registry import Registry
from support.wherry import Wherry

EVIL = "<img src=x onerror=document.title='owned'>\"'&]]></title><script>document.title='owned'</script>"
CONTROL = "\x1b]0;owned\x07\x1b[31m\r\n\u202eerror: forged"


def compared(wherry: Wherry, *words: str) -> Any:
    return json.loads(wherry("compare", "--json", *words))


def sizes(value: Any) -> list[tuple[str, dict[str, int]]]:
    return [(image["base"], image["sizes"]) for image in value["images"]]


@pytest.fixture
def three(bb: Wherry, tmp_path: Path) -> Wherry:
    """bb, and above it `fat` and `thin`, which have one layer in common; sizes known to the byte."""
    context = tmp_path / "c"
    context.mkdir()
    (context / "both").write_bytes(b"b" * 1000)
    (context / "data").write_bytes(b"d" * 20_000)
    (context / "both").chmod(0o644)
    shared = "FROM bb\nCOPY both /both\n"
    bb.build(context, shared + 'COPY data /opt/data/a\nENV A=1 B=2\nCMD ["sh"]\n', "-t", "fat")
    thin = (
        "RUN chmod 600 both && echo new:x:7:7::/:/bin/sh >> /etc/passwd && rm /etc/group && touch '/a b'\n"
    )
    bb.build(context, shared + thin + "ENV A=2\n", "-t", "thin")
    return bb


@pytest.mark.root
def test_layers_of_the_base_and_shared_and_own(three: Wherry) -> None:
    value = compared(three, "fat", "thin")
    base = int(three("inspect", "--format", "{{.Size}}", "bb"))
    own = value["images"][1]["sizes"]["own"]
    assert sizes(value) == [
        ("bb:latest", {"base": base, "shared": 1000, "own": 20_000}),
        ("bb:latest", {"base": base, "shared": 1000, "own": own}),
    ]
    assert value["together"] == {"each": 2 * (base + 1000) + 20_000 + own, "once": base + 21_000 + own}
    (change,) = [row for row in value["differences"][0]["files"] if row["path"] == "opt/data/a"]
    assert change["what"] == ["removed"] and change["before"]["size"] == 20_000


@pytest.mark.root
def test_files_settings_and_users_that_differ(three: Wherry) -> None:
    (found,) = compared(three, "fat", "thin")["differences"]
    files = {row["path"]: row["what"] for row in found["files"]}
    assert files == {
        "a b": ["added"],
        "both": ["mode"],
        "etc/group": ["removed"],
        "etc/passwd": ["content"],
        "opt": ["removed"],
        "opt/data": ["removed"],
        "opt/data/a": ["removed"],
    }
    said = {(row["group"], row["name"]): (row["before"], row["after"]) for row in found["settings"]}
    assert said["env", "A"] == ("1", "2") and said["env", "B"] == ("2", None)
    assert said["user", "new"] == (None, "7") and said["group", "extra"] == ("1001", None)
    text = three("compare", "fat", "thin")
    for line in (
        "2 thin, against 1 fat",
        "  env A: 1 -> 2",
        "  user added: new",
        "  files: 1 added, 2 removed, 1 with other content, 1 with another mode",
        "  * /both: mode 0644 -> 0600",
    ):
        assert line in text.split("\n"), line
    assert re.search(r"^  - /opt +1 file +20kB$", text, re.MULTILINE)


@pytest.mark.root
def test_no_line_is_wider_than_80_columns_unless_all_is_asked_for(three: Wherry) -> None:
    words = ("fat", "thin", "bb", "localhost:5000/" + "a/" * 60 + "fat")
    three("tag", "fat", words[-1])
    assert max(map(len, three("compare", *words).split("\n"))) <= 80
    assert max(map(len, three("compare", "--all", *words).split("\n"))) > 80


@pytest.mark.root
def test_one_image_and_the_same_twice(three: Wherry) -> None:
    text = three("compare", "fat")
    assert "own 20kB" not in text and "own 21kB" in text and "against" not in text
    value = compared(three, "fat", "fat")
    assert [image["sizes"]["own"] for image in value["images"]] == [0, 0]
    assert value["differences"] == [{"before": 0, "after": 1, "settings": [], "files": []}]
    assert "files: the same" in three("compare", "fat", "fat")


@pytest.mark.root
def test_bases_are_the_local_ones_and_those_named(three: Wherry, tmp_path: Path) -> None:
    build_two_layers(three, tmp_path / "alone", "alone")
    value = compared(three, "--bases")
    assert [image["name"] for image in value["images"]] == ["bb:latest", "alone:latest"]
    assert value["differences"] == []
    value = compared(three, "--bases", "thin", "bb")
    assert [image["name"] for image in value["images"]] == ["thin", "bb", "alone:latest"]


def test_without_images_it_says_what_to_do(wherry: Wherry, tmp_path: Path) -> None:
    assert "requires at least 1 argument" in wherry.fails("compare", code=1)
    assert "wherry pull, build or load" in wherry.fails("compare", "--bases", code=1)
    assert "docker://NAME" in wherry.fails("compare", "nothing", code=1)
    with tarfile.open(tmp_path / "files.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("file"))
    assert "holds no image" in wherry.fails("compare", str(tmp_path / "files.tar"), code=1)
    (tmp_path / "text").write_text("text")
    assert "ends in the middle" in wherry.fails("compare", str(tmp_path / "text"), code=1)
    assert "no OCI layout" in wherry.fails("compare", str(tmp_path), code=1)
    assert "write a file each" in wherry.fails("compare", "--svg", "x", "--png", "x", "a", code=125)


def everything(store: Path) -> set[str]:
    return {
        os.path.join(at, name)
        for part in ("layers", "l", "blobs", "tmp", "downloads")
        for at, folders, files in os.walk(store / part)
        for name in (*folders, *files)
    }


@pytest.mark.root
@pytest.mark.registry
def test_images_of_archives_layouts_and_registries_leave_nothing_behind(
    three: Wherry, registry: Registry, tmp_path: Path
) -> None:
    name = f"{registry.host}/compare/fat"
    three("tag", "fat", name)
    three("push", "-q", name)
    three("save", "-o", str(tmp_path / "fat.tar"), "fat")
    three("copy", "-q", "wherry:fat", f"oci:{tmp_path}/layout:x")
    three("copy", "-q", "wherry:fat", f"oci-archive:{tmp_path}/oci.tar")
    three("copy", "-q", "wherry:fat", f"docker-archive:{tmp_path}/docker.tar:fat:1")
    subprocess.run(["gzip", "-k", str(tmp_path / "fat.tar")], check=True)
    other = Wherry(tmp_path / "empty")
    build_two_layers(other, tmp_path / "two", "two")
    before = everything(other.root)
    words = (
        f"docker://{name}",
        str(tmp_path / "fat.tar"),
        str(tmp_path / "fat.tar.gz"),
        str(tmp_path / "layout"),
        str(tmp_path / "oci.tar"),
        f"oci:{tmp_path}/layout:x",
        f"oci-archive:{tmp_path}/oci.tar",
        f"docker-archive:{tmp_path}/docker.tar:fat:1",
    )
    value = compared(other, *words)
    assert len({image["id"] for image in value["images"]}) == 1
    assert value["images"][0]["name"] == name
    assert all(row["files"] == row["settings"] == [] for row in value["differences"])
    assert everything(other.root) == before
    assert other("images", "--format", "{{.Repository}}") == "two"
    assert compared(three, "wherry:fat", f"docker://{name}")["differences"][0]["files"] == []


@pytest.mark.root
def test_an_image_of_another_platform(three: Wherry, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    dockerfile = "FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nCOPY Dockerfile /\n"
    for arch in ("arm64", "s390x"):
        three.build(tmp_path / "p", dockerfile, "--platform", f"linux/{arch}", "-t", arch)
    value = compared(three, "arm64", "s390x")
    assert [image["platform"] for image in value["images"]] == ["linux/arm64", "linux/s390x"]
    (found,) = value["differences"]
    said = {row["group"]: (row["before"], row["after"]) for row in found["settings"]}
    assert said == {"platform": ("linux/arm64", "linux/s390x"), "env": ("arm64", "s390x")}


def archive(path: Path, config: dict[str, Any], names: list[bytes]) -> Path:
    """A docker-archive of one layer with files of these names, and records with hostile words."""
    layer = io.BytesIO()
    status = f"Package: {EVIL}\nStatus: install ok installed\nVersion: 1{EVIL}\nArchitecture: all\n\n"
    os_release = f'ID=x\nPRETTY_NAME="{EVIL.replace(chr(34), "")}"\n'
    contents = {b"var/lib/dpkg/status": status.encode(), b"etc/os-release": os_release.encode()}
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in (*contents, *names):
            info = tarfile.TarInfo(os.fsdecode(name))
            info.size = len(contents.get(name, b"x"))
            tar.addfile(info, io.BytesIO(contents.get(name, b"x")))
    diff_id = "sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()
    value = {"architecture": EVIL, "os": "linux", "config": config,
             "history": [{"created_by": EVIL + CONTROL}],
             "rootfs": {"type": "layers", "diff_ids": [diff_id]}}  # fmt: skip
    entry = [{"Config": "c.json", "RepoTags": None, "Layers": ["l.tar"]}]
    files = {
        "c.json": json.dumps(value).encode(),
        "l.tar": layer.getvalue(),
        "manifest.json": json.dumps(entry).encode(),
    }
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def hostile(wherry: Wherry, tmp_path: Path) -> tuple[Wherry, str, str]:
    """The command, and two archives all of whose texts are hostile, the path of the second one, too."""
    config = {
        "Env": [f"{EVIL}={CONTROL}", "A=\ud800"],
        "Labels": {CONTROL: EVIL},
        "Entrypoint": [EVIL],
        "User": CONTROL,
    }
    names = [
        EVIL.replace("/", "|").encode(),
        CONTROL.replace("/", "|").encode(),
        b"caf\xe9",
        b"-rf",
        b"a" * 255,
    ]
    one = archive(tmp_path / "one.tar", {}, [])
    other = archive(tmp_path / f"{EVIL.replace('/', '|')}{CONTROL.replace('/', '|')}.tar", config, names)
    return wherry, str(one), str(other)


def harmless(text: str) -> None:
    wrong = {
        char
        for char in text
        if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }
    assert not wrong, wrong
    assert "\nerror: forged" not in text


@pytest.mark.root
def test_hostile_names_on_a_terminal_and_in_json(hostile: tuple[Wherry, str, str]) -> None:
    wherry, one, other = hostile
    for words in ((), ("--all",)):
        harmless(wherry("compare", *words, one, other))
    (found,) = compared(wherry, one, other)["differences"]
    paths = {os.fsencode(row["path"]) for row in found["files"]}
    assert {b"caf\xe9", b"-rf", CONTROL.replace("/", "|").encode()} <= paths


@pytest.mark.root
def test_hostile_names_in_an_svg_are_text(hostile: tuple[Wherry, str, str], tmp_path: Path) -> None:
    wherry, one, other = hostile
    wherry("compare", "--svg", str(tmp_path / "a.svg"), one, other)
    data = (tmp_path / "a.svg").read_text()
    harmless(data)
    top = ET.fromstring(data)
    tags = {each.tag.rpartition("}")[2] for each in top.iter()}
    assert tags == {"svg", "title", "style", "rect", "text"}
    assert not any(name.startswith("on") or "href" in name for each in top.iter() for name in each.attrib)
    assert any("<script>" in (each.text or "") for each in top.iter())


@pytest.mark.root
def test_the_picture_has_the_colours_of_what_is_there(three: Wherry, tmp_path: Path) -> None:
    from PIL import Image

    from wherry.cli.compare.figure import PALETTE

    three("compare", "--png", str(tmp_path / "a.png"), "fat", "thin")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.format == "PNG" and picture.size[0] == 1920
        found = {
            f"#{r:02x}{g:02x}{b:02x}": number for number, (r, g, b) in picture.getcolors(1 << 20) or ()
        }
    assert all(found.get(colour, 0) >= 24 * 24 for colour in PALETTE.light.values()), found
    assert found[PALETTE.light["base"]] > found[PALETTE.light["own"]] > 0


@pytest.mark.root
def test_a_picture_of_an_image_without_layers(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    wherry.build(tmp_path / "c", "FROM scratch\nENV A=1\n", "-t", "empty")
    outs = [f"--{kind}={tmp_path}/e.{kind}" for kind in ("svg", "png", "html")]
    assert "no bytes" in wherry("compare", *outs, "empty")
    ET.parse(tmp_path / "e.svg")
    assert (tmp_path / "e.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_is_whole_or_not_there(wherry: Wherry, tmp_path: Path) -> None:
    wherry.build(tmp_path / "c", "FROM scratch\nENV A=1\n", "-t", "empty")
    (tmp_path / "a.png").mkdir()
    assert "a.png" in wherry.fails("compare", "--png", str(tmp_path / "a.png"), "empty", code=1)
    assert sorted(os.listdir(tmp_path)) == ["a.png", "c", "home", "store"]


@pytest.mark.root
@pytest.mark.browser
def test_hostile_names_in_a_page_are_text_to_a_browser(
    hostile: tuple[Wherry, str, str], tmp_path: Path
) -> None:
    wherry, one, other = hostile
    page = tmp_path / "a.html"
    wherry("compare", "--html", str(page), one, other)
    harmless(page.read_text())
    with browser() as driver:
        driver.get(page.as_uri())
        assert driver.title.startswith("wherry compare: ") and driver.get_log("browser") == []
        assert not driver.find_elements("css selector", "img")
        assert len(driver.find_elements("css selector", "script")) == 1
        assert "document.title='owned'" in driver.find_element("id", "facts").text


@pytest.mark.rootless
@pytest.mark.mounts
def test_a_plain_user_compares_owners_as_the_images_have_them(entered_by_all: Path) -> None:
    plain = plain_user(entered_by_all)
    context = entered_by_all / "context"
    context.mkdir()
    (context / "a").write_text("a")
    for name, flags in (("one", ""), ("two", "--chown=7:8 --chmod=0400 ")):
        plain.build(context, f"FROM scratch\nCOPY {flags}a /a\n", "-t", name)
    pictures = entered_by_all / "pictures"
    pictures.mkdir(mode=0o777)
    pictures.chmod(0o777)
    value = compared(plain, "--svg", str(pictures / "a.svg"), "one", "two")
    (row,) = value["differences"][0]["files"]
    assert row["what"] == ["mode", "owner"] and (row["after"]["uid"], row["after"]["gid"]) == (7, 8)
    assert (pictures / "a.svg").exists()
    plain("save", "-o", str(pictures / "two.tar"), "two")
    (found,) = compared(plain, "two", str(pictures / "two.tar"))["differences"]
    assert found["files"] == []

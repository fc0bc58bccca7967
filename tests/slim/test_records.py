"""What a slim image tells scanners: the packages of its files, as dpkg, Distroless and apk write them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.image import diff_ids
from support.image import tree as layer_tree
from support.slim import write
from support.wherry import Wherry
from wherry.layers.view import View
from wherry.packages import dpkg
from wherry.packages.find import find_packages
from wherry.packages.owners import Owners
from wherry.slim.closure import Kept
from wherry.slim.files import Files
from wherry.slim.origin import Origin
from wherry.slim.reason import CERTAIN, LIKELY, Reason
from wherry.slim.records import Records, records

STATUS = """\
Package: {}
Status: install ok installed
Architecture: amd64
Version: {}
Description: one
 of several lines

"""


def place(tree: Path, name: str, version: str, *files: str, ending: str = "") -> None:
    """A package of dpkg with such files, whose checksums are all 0."""
    write(tree / dpkg.STATUS, _text(tree / dpkg.STATUS) + STATUS.format(name, version))
    info = tree / dpkg.LISTS
    write(info / f"{name}{ending}.list", "".join(f"/{each}\n" for each in ("usr", *files)))
    write(info / f"{name}{ending}.md5sums", "".join(f"0  {each}\n" for each in files))
    for each in files:
        write(tree / each, each)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def cut(tree: Path, *kept: str, base: Path | None = None, confidence: int = CERTAIN) -> Records:
    """The records of the image in `tree`, of which these files are kept."""
    trees = [str(each) for each in (base, tree) if each is not None]
    files = Files(View(trees))
    nodes = {name: node for name in kept if (node := files.find(name)) is not None}
    assert len(nodes) == len(kept)
    whole = Kept({name: Reason("", "", confidence) for name in nodes}, nodes)
    return records(files, whole, Origin(files).package, View(trees[:1]) if base is not None else None)


def test_each_package_of_a_kept_file_has_a_file_and_the_checksums_of_what_is_kept(tmp_path: Path) -> None:
    place(tmp_path, "libone", "1", "usr/lib/one.so", "usr/share/doc/one", ending=":amd64")
    place(tmp_path, "two", "2~a", "bin/two")
    place(tmp_path, "three", "3", "usr/bin/three")
    (tmp_path / "usr/bin/two").write_text("moved as a merged /usr has it")
    write(tmp_path / "etc/debian_version", "12.1\n")
    found = cut(tmp_path, "usr/lib/one.so", "usr/bin/two")
    assert found.written == {
        "var/lib/dpkg/status.d/libone": STATUS.format("libone", "1").rstrip("\n").encode() + b"\n",
        "var/lib/dpkg/status.d/libone.md5sums": b"0  usr/lib/one.so\n",
        "var/lib/dpkg/status.d/two": STATUS.format("two", "2~a").rstrip("\n").encode() + b"\n",
        "var/lib/dpkg/status.d/two.md5sums": b"0  bin/two\n",
    }
    assert found.kept == ("etc/debian_version",)


def test_a_database_that_is_kept_stays_as_it_is(tmp_path: Path) -> None:
    place(tmp_path, "one", "1", "usr/bin/one")
    assert cut(tmp_path, "usr/bin/one", dpkg.STATUS) == Records()


def test_a_database_that_only_stands_in_a_program_is_cut(tmp_path: Path) -> None:
    place(tmp_path, "one", "1", "usr/bin/one")
    place(tmp_path, "two", "1", "usr/bin/two")
    found = cut(tmp_path, "usr/bin/one", dpkg.STATUS, confidence=LIKELY)
    assert found.written == {dpkg.STATUS: STATUS.format("one", "1").rstrip("\n").encode() + b"\n"}


def test_files_of_no_package_have_no_records(tmp_path: Path) -> None:
    place(tmp_path, "one", "1", "usr/bin/one")
    write(tmp_path / "usr/local/bin/own", "")
    assert cut(tmp_path, "usr/local/bin/own") == Records()


def test_distroless_s_own_files_are_kept(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / dpkg.FOLDER / name, STATUS.format(name, "1"))
        write(tmp_path / dpkg.FOLDER / f"{name}.md5sums", f"0  usr/bin/{name}\n")
        write(tmp_path / f"usr/bin/{name}", "")
    found = cut(tmp_path, "usr/bin/two")
    assert found == Records({}, ("var/lib/dpkg/status.d/two", "var/lib/dpkg/status.d/two.md5sums"))


def test_apk_s_database_is_cut(tmp_path: Path) -> None:
    text = "P:one\nV:1\nA:x86\nF:bin\nR:one\n\nP:two\nV:2\nA:x86\nF:bin\nR:two\n\n"
    write(tmp_path / "lib/apk/db/installed", text)
    write(tmp_path / "bin/two", "")
    found = cut(tmp_path, "bin/two")
    assert found.written == {"lib/apk/db/installed": b"P:two\nV:2\nA:x86\nF:bin\nR:two\n"}


def test_on_a_base_the_database_tells_of_the_base_s_packages_too(tmp_path: Path) -> None:
    base, upper = tmp_path / "base", tmp_path / "upper"
    place(base, "old", "1", "usr/bin/old")
    place(base, "new", "1", "usr/bin/new")
    place(upper, "old", "1", "usr/bin/old")
    place(upper, "new", "2", "usr/bin/new")
    place(upper, "more", "1", "usr/bin/more")
    place(upper, "unused", "1", "usr/bin/unused")
    found = cut(upper, "usr/bin/new", "usr/bin/more", base=base)
    assert list(found.written) == [dpkg.STATUS]
    assert found.written[dpkg.STATUS].decode().split("\n\n") == [
        STATUS.format(*each).strip("\n") + ("\n" if each[0] == "more" else "")
        for each in (("old", "1"), ("new", "2"), ("more", "1"))
    ]
    assert set(found.kept) == {
        f"{dpkg.LISTS}{name}{end}" for name in ("new", "more") for end in (".list", ".md5sums")
    }
    assert cut(base, "usr/bin/old", base=base) == Records()


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x", "a/b", "A", "x.md5sums", ".", "-x", "a" * 300])
def test_a_name_that_is_no_package_s_writes_nothing(tmp_path: Path, name: str) -> None:
    write(tmp_path / dpkg.STATUS, STATUS.format(name, "1"))
    write(tmp_path / "bin/x", "")
    files = Files(View([str(tmp_path)]))
    node = files.find("bin/x")
    assert node is not None
    (package,) = dpkg.packages((tmp_path / dpkg.STATUS).read_bytes(), "", find_packages(files.view).system)
    assert package.name == name
    kept = Kept({"bin/x": Reason("")}, {"bin/x": node})
    assert not records(files, kept, lambda name: package, None).written


@pytest.mark.parametrize("link", ["var", "var/lib/dpkg", "var/lib/dpkg/status", "var/lib/dpkg/status.d"])
def test_nothing_is_written_through_a_link(tmp_path: Path, link: str) -> None:
    place(tmp_path, "one", "1", "usr/bin/one")
    (tmp_path / "usr/here").mkdir()
    if (tmp_path / link).exists():
        os.rename(tmp_path / link, tmp_path / "usr/there")
        os.symlink("/usr/there", tmp_path / link)
    else:
        os.symlink("/usr/here", tmp_path / link)
    assert not cut(tmp_path, "usr/bin/one").written


@pytest.mark.mounts
@pytest.mark.runtime
def test_scanners_see_the_packages_of_the_slim_image(bb: Wherry, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    place(folder / "root", "one", "1.0", "usr/share/one", "usr/share/waste")
    place(folder / "root", "unused", "1.0", "usr/share/unused")
    write(folder / "root/etc/os-release", "ID=debian\nVERSION_ID=12\n")
    bb.build(folder, 'FROM bb\nCOPY root /\nCMD ["cat", "/usr/share/one"]\n', "-t", "fat")
    bb("slim", "fat", "-t", "small", "--reproducible", "--audit", str(tmp_path / "log"))
    compared = json.loads(bb("compare", "--json", "fat", "small"))
    assert {each["name"]: each["versions"] for each in compared["packages"]} == {
        "one": [["1.0"], ["1.0"]],
        "unused": [["1.0"], []],
    }
    top = View([str(layer_tree(bb, diff_ids(bb, "small")[0]))])
    owner = Owners(top, find_packages(top).packages).of("usr/share/one")
    assert owner is not None and owner.name == "one"
    kept = {each["path"]: each["reasons"] for each in json.loads((tmp_path / "log").read_text())["kept"]}
    assert "/var/lib/dpkg/info/one.list" in kept, "busybox names the database, which is cut in its place"
    bb("slim", "fat", "-t", "again", "--reproducible")
    assert diff_ids(bb, "again") == diff_ids(bb, "small")
    for words in (("--no-packages",), ("--drop", "/var/lib/dpkg")):
        bb("slim", "fat", "-t", "bare", *words)
        assert not (layer_tree(bb, diff_ids(bb, "bare")[0]) / "var/lib/dpkg/info").exists()

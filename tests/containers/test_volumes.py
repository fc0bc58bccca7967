"""Where volumes are mounted, and that each has a folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support.wherry import Wherry
from wherry.app.build import build
from wherry.containers.create import CreateOptions, create
from wherry.containers.volumes import clean, folder_name
from wherry.errors import UsageError
from wherry.store import Store
from wherry.store.containerconfig import VolumeMount


def live(test: Callable[..., None]) -> Callable[..., None]:
    return pytest.mark.root(pytest.mark.runtime(test))


@pytest.mark.parametrize(
    ("written", "place"),
    [
        *[("/a/b", "/a/b"), ("/a//b/", "/a/b"), ("/a/./b", "/a/b"), ("/a/../b", "/b"), ("//a", "/a")],
        *[
            ("/..", "/"),
            ("/../..", "/"),
            ("/a/..", "/"),
            ("/../x", "/x"),
            ("data", "/data"),
            ("../x", "/x"),
        ],
        *[(".", "/"), ("/...", "/..."), ("/a b", "/a b")],
    ],
)
def test_a_place_is_cleaned_inside_the_root(written: str, place: str) -> None:
    assert clean(written) == place


def test_no_two_places_have_one_folder() -> None:
    deep = "/a" * 200
    places = [
        *["/a/b", "/a-b", "/a%2Db", "/a%2d-b", "/a%b", "/a%25b", "/a/-b", "/a-/b", "/a--b", "/%2D", "/-"],
        *["/%", "/%%", deep, deep + "b", deep.replace("/a", "-a").replace("-", "/", 1), "/" + "é" * 150],
    ]
    names = [folder_name(place) for place in places]
    assert len(set(names)) == len(places)
    for name in names:
        assert "/" not in name and name not in ("", ".", "..") and len(name.encode()) < 255
    assert folder_name("/var/lib/data") == "var-lib-data"  # as they always were


@live
def test_volumes_whose_names_fold_together_are_two(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(
        tmp_path,
        "FROM bb\nRUN mkdir -p /a/b /a-b && echo 1 > /a/b/f && echo 2 > /a-b/f\nVOLUME /a/b /a-b\n",
    )
    bb("run", "--name", "vv", image, "sh", "-c", "cat /a/b/f /a-b/f; echo new > /a-b/f; cat /a/b/f")
    assert bb("logs", "vv") == "1\n2\n1"


@live
def test_the_volumes_of_a_container_of_before_are_found(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(tmp_path, "FROM bb\nVOLUME /only-one /a/b /a-b\n")
    script = "cat /only-one/f /a/b/f /a-b/f 2>&1; true"
    bb("create", "--name", "vv", image, "sh", "-c", script)
    folder = next((bb.root / "containers").iterdir()) / "volumes"
    for name in ("only-one", "a-b"):
        (folder / name).mkdir(parents=True)
        (folder / name / "f").write_text(f"{name}\n")
    lines = bb("start", "-a", "vv").splitlines()
    # What two places shared stays with one of them.
    assert lines[:2] == ["only-one", "a-b"] and "No such file" in lines[2]


@live
@pytest.mark.parametrize("place", ["/", "/..", "/a/..", "//", "/."])
def test_a_volume_on_the_root_is_refused_by_name(bb: Wherry, tmp_path: Path, place: str) -> None:
    said = bb.fails("run", "--rm", "-v", f"{tmp_path}:{place}", "bb", "true", code=125)
    assert "destination can't be '/'" in said and f"{tmp_path}:{place}" in said
    image = bb.build(tmp_path / "c", f"FROM bb\nVOLUME {place}\n")
    said = bb.fails("run", "--rm", image, "true", code=125)
    assert "destination can't be '/'" in said and f"volume on {place}," in said
    assert bb("ps", "-aq") == ""


@live
def test_a_place_that_leads_to_the_root_or_to_a_file_is_refused(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(tmp_path, "FROM bb\nRUN ln -s / /up && ln -s .. /etc/up && echo x > /file\n")
    for place in ("/up", "/etc/up"):
        assert "it is the root" in bb.fails("run", "--rm", "-v", place, image, "true", code=125)
    assert "file exists /file" in bb.fails("run", "--rm", "-v", "/file", image, "true", code=125)


@live
def test_a_place_that_climbs_out_of_the_root_stays_in_it(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(tmp_path, "FROM bb\nVOLUME /../../x /y/../z\n")
    script = "grep -o ' /[xyz] ' /proc/self/mountinfo | sort"
    assert bb("run", "--rm", image, "sh", "-c", script).split() == ["/x", "/z"]
    assert [p.name for p in tmp_path.iterdir() if p.name in ("x", "z")] == []


@live
def test_a_place_is_mounted_once_and_v_wins_over_volume(bb: Wherry, tmp_path: Path) -> None:
    said = bb.fails("run", "--rm", "-v", "one:/x", "-v", "two:/a/../x/", "bb", "true", code=125)
    assert "Duplicate mount point: /x" in said
    image = bb.build(tmp_path / "c", "FROM bb\nVOLUME /x/\n")
    (tmp_path / "host").mkdir()
    (tmp_path / "host/f").write_text("host")
    assert bb("run", "--rm", "-v", f"{tmp_path}/host:/x", image, "cat", "/x/f") == "host"


@live
def test_what_lies_deeper_is_mounted_later(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(tmp_path / "c", "FROM bb\nVOLUME /a\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/f").write_text("deep")
    assert bb("run", "--rm", "-v", f"{tmp_path}/deep:/a/b", image, "cat", "/a/b/f") == "deep"


@live
def test_inspect_shows_the_cleaned_place(bb: Wherry, tmp_path: Path) -> None:
    bb("create", "--name", "vv", "-v", f"{tmp_path}:/a/./b/", "bb", "true")
    mounts = json.loads(bb("inspect", "vv"))[0]["Mounts"]
    assert [mount["Destination"] for mount in mounts] == ["/a/b"]


def test_a_relative_source_is_in_the_folder_of_whoever_asks(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text('FROM scratch\nCMD ["x"]\n')
    store = Store.open(str(tmp_path / "s"))
    build(store, str(tmp_path), ["one"])
    made = create(store, CreateOptions("one", volumes=("./a/../b:/c:ro",), folder="/some:where"))
    assert made.config.volumes == (VolumeMount("/some:where/b", "/c", True),)
    with pytest.raises(UsageError, match="relative to no folder"):
        create(store, CreateOptions("one", volumes=("./a:/c",)))

"""What images share and how they differ, as values."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wherry.cli.compare.text import bar, cut
from wherry.cli.core.printable import printable, width
from wherry.compare.compare import compare
from wherry.compare.document import document
from wherry.compare.files import ADDED, CONTENT, MODE, OWNER, REMOVED, TYPE, count, differences, trees
from wherry.compare.layers import BASE, OWN, SHARED, Base, base_of, local_bases, split, together
from wherry.compare.model import FILE, FOLDER, SYMLINK, File, Layer, Libc, Program, Subject
from wherry.compare.packages import side_by_side
from wherry.compare.settings import settings
from wherry.packages.package import Package

FOLDER_FILE = File(FOLDER, 0o755, 0, 0, 0)


def file(size: int = 1, place: str = "", **more: Any) -> File:
    return File(FILE, 0o644, 0, 0, size, place=place)._replace(**more)


def image(name: str, *layers: tuple[str, int], **more: Any) -> Subject:
    made = tuple(Layer(diff_id, size) for diff_id, size in layers)
    return Subject(name, name, "linux/amd64", {}, made, {})._replace(**more)


def kinds(subjects: list[Subject], *bases: Base) -> list[list[str]]:
    return [[part.kind for part in each.parts] for each in split(subjects, bases)]


def never(one: File, other: File) -> bool:
    raise AssertionError("the bytes were asked for")


def test_layers_are_those_of_the_base_or_shared_or_own() -> None:
    fat = image("fat", ("a", 100), ("b", 50), ("c", 7))
    thin = image("thin", ("x", 2), ("c", 7))
    base = Base("debian", ("a",))
    assert kinds([fat, thin], base) == [[BASE, OWN, SHARED], [OWN, SHARED]]
    first = split([fat, thin], [base])[0]
    assert (first.base, first.size(BASE), first.size(SHARED), first.size(OWN)) == ("debian", 100, 7, 50)
    assert together([fat, thin]) == (166, 159)


def test_the_base_is_the_one_with_most_layers_and_never_the_image_itself() -> None:
    bases = [Base("one", ("a",)), Base("two", ("a", "b")), Base("all", ("a", "b", "c")), Base("", ())]
    assert base_of(["a", "b", "c"], bases) == bases[1]
    assert base_of(["b", "a"], bases) is None and base_of([], bases) is None


def test_the_same_image_twice_shares_everything_and_differs_in_nothing() -> None:
    one = image("one", ("a", 5), files={"x": file(place="/a/x")})
    found = compare([one, one], [Base("one", ("a",))], never)
    assert [[part.kind for part in each.parts] for each in found.splits] == [[SHARED], [SHARED]]
    assert found.together == (10, 5)
    assert found.differences[0].files == () and found.differences[0].settings == ()


def test_one_image_is_its_own() -> None:
    found = compare([image("one", ("a", 5))], [], never)
    assert found.splits[0].size(OWN) == 5 and found.differences == ()


def test_local_bases_are_those_with_others_above_and_those_with_none_below() -> None:
    debian, golang = Base("debian", ("a",)), Base("golang", ("a", "b"))
    app, alone = Base("app", ("a", "b", "c")), Base("alone", ("z",))
    assert local_bases([app, golang, debian, alone]) == [golang, debian, alone]


def test_every_way_in_which_a_file_differs() -> None:
    before = {
        "gone": file(),
        "same": file(place="/a"),
        "bytes": file(place="/a"),
        "size": file(1),
        "mode": file(place="/a"),
        "owner": file(place="/a"),
        "type": file(),
        "link": File(SYMLINK, 0o777, 0, 0, 1, "a"),
        "folder": FOLDER_FILE,
    }
    after = {
        "new": file(),
        "same": file(place="/b"),
        "bytes": file(place="/c"),
        "size": file(2),
        "mode": file(place="/a", mode=0o600),
        "owner": file(place="/a", gid=5),
        "type": FOLDER_FILE,
        "link": File(SYMLINK, 0o777, 0, 0, 1, "b"),
        "folder": FOLDER_FILE._replace(mode=0o700),
    }
    found = differences(before, after, lambda one, other: other.place == "/b")
    assert {row.path: row.what for row in found} == {
        "gone": (REMOVED,),
        "new": (ADDED,),
        "bytes": (CONTENT,),
        "size": (CONTENT,),
        "mode": (MODE,),
        "owner": (OWNER,),
        "type": (TYPE,),
        "link": (CONTENT,),
        "folder": (MODE,),
    }
    assert count(found, CONTENT, TYPE) == 4 and count(found, MODE) == 1


def test_the_bytes_of_one_and_the_same_file_are_not_read() -> None:
    assert differences({"a": file(place="/x")}, {"a": file(place="/x")}, never) == []
    assert differences({"a": file(1)}, {"a": file(2)}, never)[0].what == (CONTENT,)


def test_a_folder_that_came_as_a_whole_is_one_line() -> None:
    before = {"usr": FOLDER_FILE}
    after = {
        "usr": FOLDER_FILE,
        "usr/lib": FOLDER_FILE,
        "usr/lib/a": file(3),
        "usr/lib/b": FOLDER_FILE,
        "usr/lib/b/c": file(4),
        "usr/lib-x": file(1),
    }
    found = trees(differences(before, after, never), ADDED)
    assert found == [("usr/lib", 2, 7), ("usr/lib-x", 1, 1)]


NAMES = st.sampled_from(["a", "b", "a/a", "a/b", "a/a/a", "a.b", "a/a.b"])
FILES = st.dictionaries(NAMES, st.builds(file, st.integers(0, 3), st.just("/same")))


@given(FILES, FILES)
def test_lines_of_folders_say_of_every_file_that_came_or_went(
    before: dict[str, File], after: dict[str, File]
) -> None:
    found = differences(before, after, never)
    for what in (ADDED, REMOVED):
        assert sum(row.files for row in trees(found, what)) == count(found, what)
    back = differences(after, before, never)
    assert [row.path for row in back] == [row.path for row in found]


def test_packages_stand_side_by_side_under_the_names_of_their_managers() -> None:
    ours = [
        Package("deb", "libssl3", "3.0.11", namespace="debian", source="openssl"),
        Package("npm", "core", "1", namespace="@babel"),
        Package("maven", "jar", "1", namespace="org.x"),
        Package("golang", "net", "2", namespace="golang.org/x"),
        Package("golang", "net", "1", namespace="golang.org/x"),
    ]
    theirs = [Package("deb", "libssl3", "3.0.17", namespace="ubuntu", source="openssl")]
    found = {row.name: row for row in side_by_side([ours, theirs])}
    assert set(found) == {"libssl3", "@babel/core", "org.x:jar", "golang.org/x/net"}
    assert found["libssl3"].versions == (("3.0.11",), ("3.0.17",))
    assert found["libssl3"].sources == ("openssl",)
    assert found["golang.org/x/net"].versions == (("1", "2"), ())


def test_what_images_say_is_compared_member_by_member() -> None:
    one = image(
        "one",
        config={"Env": ["A=1", "B=x=y", "C"], "Cmd": ["a"], "Labels": {"l": "1"}, "User": "", "Tty": False},
        users={"root": 0, "app": 1},
        libcs=(Libc("glibc", "2.36", "/lib64/ld-linux-x86-64.so.2"),),
        program=Program("/app", "/lib64/ld-linux-x86-64.so.2"),
    )
    other = image(
        "other",
        platform="linux/arm64",
        config={"Env": ["A=2", "B=x=y"], "Cmd": ["b"], "ExposedPorts": {"80/tcp": {}}},
        users={"root": 0, "app": 2},
        program=Program("/bin/sh", script="/app", is_elf=False),
    )
    assert [tuple(row) for row in settings(one, other)] == [
        ("platform", "", "linux/amd64", "linux/arm64"),
        ("libc", "", "glibc 2.36", None),
        ("loader", "", "/lib64/ld-linux-x86-64.so.2", None),
        ("program", "", "/app, needs /lib64/ld-linux-x86-64.so.2", "/app by /bin/sh"),
        ("config", "Cmd", '["a"]', '["b"]'),
        ("env", "A", "1", "2"),
        ("env", "C", "", None),
        ("label", "l", "1", None),
        ("port", "80/tcp", None, ""),
        ("user", "app", "1", "2"),
    ]


@given(st.text(), st.integers(0, 90))
def test_what_is_cut_is_no_wider_than_asked_for(text: str, most: int) -> None:
    said = cut(text, most)
    assert width(said) <= max(most, 1)
    assert said == printable(text) or said.endswith("…")


SIZES = st.lists(st.integers(0, 10**12), max_size=4)


@given(SIZES, SIZES)
def test_a_bar_is_as_long_as_its_part_of_the_largest(one: list[int], other: list[int]) -> None:
    subjects = [
        image("one", *((f"a{n}", size) for n, size in enumerate(one))),
        image("other", *((f"b{n}", size) for n, size in enumerate(other))),
    ]
    largest = max(each.size for each in subjects)
    for subject, parts in zip(subjects, split(subjects, [Base("base", ("a0",))]), strict=True):
        said = bar(parts, largest)
        assert len(said) <= 38 and bool(said) == bool(subject.size)
        if subject.size == largest and largest:
            assert len(said) == 38


def test_the_document_is_json_and_has_what_its_description_has() -> None:
    odd = "caf\udce9\x1b"
    one = image("one", ("a", 1), files={odd: file(), "f": FOLDER_FILE})
    other = image("other", ("b", 2), packages=(Package("deb", "x", "1"),))
    value = json.loads(json.dumps(document(compare([one, other], [], never))))
    assert value["schema"] == 1 and [each["files"] for each in value["images"]] == [1, 0]
    assert value["packages"] == [{"kind": "deb", "name": "x", "sources": [], "versions": [[], ["1"]]}]
    rows = value["differences"][0]["files"]
    assert {row["path"]: row["what"] for row in rows} == {odd: ["removed"], "f": ["removed"]}
    (row,) = (row for row in rows if row["path"] == odd)
    assert row["before"] == {"type": "file", "mode": "0644", "uid": 0, "gid": 0, "size": 1, "detail": ""}

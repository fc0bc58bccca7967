"""Which package brought a file, by what lies in the layers."""

from __future__ import annotations

from explore.drawn import layer
from wherry.explore.contents import Seen
from wherry.explore.document import document
from wherry.explore.explore import Subject, explore
from wherry.explore.made import Made
from wherry.explore.model import LayerFiles
from wherry.explore.owners import owners
from wherry.explore.stack import stack

STATUS = "Package: {0}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
FILES = ("usr/lib/one", "usr/bin/two", "usr/bin/three", "bin/four", "own")


def test_lists_of_dpkg_distroless_and_apk_are_read_where_links_were_merged_too() -> None:
    found = owners(
        stack(
            [
                layer(
                    ("var/lib/dpkg/status", STATUS.format("one") + STATUS.format("two")),
                    ("var/lib/dpkg/info/one:amd64.list", "/.\n/lib/one\n/gone\n"),
                    ("var/lib/dpkg/info/two.list", "/usr/bin/two\n"),
                    ("var/lib/dpkg/status.d/three", STATUS.format("three")),
                    ("var/lib/dpkg/status.d/three.md5sums", "0  usr/bin/three\n"),
                    ("lib/apk/db/installed", "P:four\nV:4\nA:x\nF:bin\nR:four\n"),
                    *((name, "x") for name in FILES),
                )
            ]
        ).files
    )  # fmt: skip
    assert found == {
        "usr/lib/one": "one 1", "usr/bin/two": "two 1", "usr/bin/three": "three 1", "bin/four": "four 4",
    }  # fmt: skip


def _of(files: LayerFiles) -> list[str | None]:
    explored = explore(Subject("x", (files,), (Made(),), ("",)))
    changes = document(explored)["layers"][0]["changes"]
    return [each.get("package") for each in changes if each["path"] == "a"]


def test_the_document_says_it_where_the_lists_are_at_hand() -> None:
    files = layer(
        ("var/lib/dpkg/status", STATUS.format("one")), ("var/lib/dpkg/info/one.list", "/a\n"), ("a", "x")
    )
    assert _of(files) == ["one 1"]
    gone = [each._replace(content=Seen("0" * 64)) for each in files.files]
    assert _of(files._replace(files=tuple(gone))) == [None]

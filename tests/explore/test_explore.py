"""What an image carries for nothing."""

from __future__ import annotations

import json

import pytest

from explore.drawn import Text, explored, layer
from support.checkout import ROOT
from wherry.explore.categories import RULES, TITLES, DevDependencies, rule_of
from wherry.explore.document import document
from wherry.explore.explore import OVERWRITTEN, REPEATED
from wherry.explore.limits import DEFAULT, FRACTIONS, SIZES, check
from wherry.explore.model import FILE, File
from wherry.explore.same import groups, is_same
from wherry.explore.stack import REMOVED


def test_the_same_bytes_with_another_mode_are_repeated() -> None:
    """The article's own step: RUN chmod +x after a COPY."""
    found = explored(
        layer(("app", "12345")),
        layer(("app", "12345"), app=0o755),
        commands=("COPY app /app", "RUN chmod +x /app"),
    )
    (loss,) = found.losses
    assert (loss.kind, loss.by, loss.of, loss.size) == (REPEATED, 2, 1, 5)
    assert loss.advice.startswith("COPY --chmod=MODE")
    assert (found.size, found.wasted, found.efficiency) == (10, 5, 0.5)


def test_other_bytes_are_overwritten_and_a_later_rm_saves_nothing() -> None:
    found = explored(
        layer(("a", "123"), ("b", "1234")),
        layer(("a", "xyz"), "-b"),
        commands=("RUN make", "RUN rm b"),
    )
    assert [(loss.kind, loss.size) for loss in found.losses] == [(REMOVED, 4), (OVERWRITTEN, 3)]
    assert found.losses[0].advice == "remove the files in the RUN that makes them"


def test_of_copies_one_is_needed_and_hard_links_are_none() -> None:
    found = explored(layer(("a", "12345"), ("b", "12345"), ("c", "12345"), "d=a", ("e", "1234x")))
    (copies,) = found.copies
    assert [placed.file.path for placed in copies.files] == ["a", "b", "c"]
    assert (copies.size, copies.wasted, found.duplicated, found.wasted) == (5, 10, 10, 0)


def test_what_differs_is_found_out_with_as_little_reading_as_it_takes() -> None:
    class Watched(Text):
        read_all = 0

        def digest(self) -> str:
            Watched.read_all += 1
            return super().digest()

    def file(path: str, data: bytes) -> File:
        return File(path, FILE, len(data), 0, 0, 0, 0, "", 0, Watched(data))

    alone = [file("a", b"1"), file("b", b"22"), file("c", b"aaaa1"), file("d", b"bbbb1")]
    assert groups(alone, lambda one: one) == [] and Watched.read_all == 0
    alike = [file("e", b"cc1cc"), file("f", b"cc2cc"), file("g", b"cc1cc")]
    (found,) = groups(alike, lambda one: one)
    assert [one.path for one in found] == ["e", "g"] and Watched.read_all == 3
    assert not is_same(alike[0], alike[0]._replace(content=None))


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("var/lib/apt/lists/deb.debian.org_dists_bookworm_InRelease", "package-caches"),
        ("var/cache/apt/pkgcache.bin", "package-caches"),
        ("var/cache/apk/APKINDEX.1.tar.gz", "package-caches"),
        ("root/.cache/pip/http/1/2", "package-caches"),
        ("root/.npm/_cacache/index-v5/aa", "package-caches"),
        ("root/.cache/go-build/00/0-d", "package-caches"),
        ("usr/share/doc/bash/README.gz", "documentation"),
        ("usr/share/doc/bash/copyright", None),
        ("usr/share/man/man1/ls.1.gz", "man-pages"),
        ("usr/share/locale/de/LC_MESSAGES/coreutils.mo", "locales"),
        ("usr/lib/locale/C.utf8/LC_CTYPE", None),
        ("usr/lib/x86_64-linux-gnu/libc.a", "static-libraries"),
        ("usr/lib/x86_64-linux-gnu/libc.so.6", None),
        ("usr/include/stdio.h", "headers"),
        ("usr/lib/gcc/x86_64-linux-gnu/12/cc1", "compilers"),
        ("usr/bin/x86_64-linux-gnu-gcc-12", "compilers"),
        ("usr/bin/gcc", "compilers"),
        ("usr/bin/basename", None),
        ("usr/local/go/bin/go", "compilers"),
        ("app/node_modules/x/test/a.js", "tests"),
        ("usr/lib/python3/dist-packages/a/tests/b.py", "tests"),
        ("app/tests/a.py", None),
        ("app/.git/objects/00/1", "version-control"),
        ("usr/lib/python3/dist-packages/a/__pycache__/b.cpython-311.pyc", "bytecode"),
        ("usr/lib/debug/.build-id/00/1.debug", "debug-symbols"),
        ("tmp/x", "temporary-files"),
        ("var/log/dpkg.log", "temporary-files"),
        ("app/tmp/x", None),
        ("app/src/main.py", None),
    ],
)
def test_a_path_is_of_a_category(path: str, category: str | None) -> None:
    rule = rule_of(path)
    assert (rule.category if rule is not None else None) == category


def test_every_category_has_a_title_and_advice() -> None:
    assert {rule.category for rule in RULES} | {"dev-dependencies"} == set(TITLES)
    assert all(rule.advice for rule in RULES)


LOCK = json.dumps(
    {
        "packages": {
            "node_modules/kept": {},
            "node_modules/dev": {"dev": True},
            "node_modules/@a/dev": {"dev": True},
            "node_modules/kept/node_modules/dev2": {"dev": True},
        }
    }
)


def test_development_dependencies_are_those_that_npm_says_are_such() -> None:
    dev = DevDependencies([("app/node_modules/.package-lock.json", LOCK.encode())])
    names = ("dev", "@a/dev", "kept/node_modules/dev2")
    assert all(dev.has(f"app/node_modules/{name}/index.js") for name in names)
    others = ("app/node_modules/kept/index.js", "app/node_modules/developer/i.js", "node_modules/dev/i.js")
    assert not any(dev.has(name) for name in others)
    for damaged in (b"", b"[]", b'{"packages":[]}', b"[" * 100_000, b'{"packages":{"a":1}}'):
        assert not DevDependencies([("node_modules/.package-lock.json", damaged)]).has("a/b")


def test_findings_are_of_the_layer_that_brought_the_files() -> None:
    found = explored(
        layer(("usr/share/doc/a/b", "123"), ("var/lib/apt/lists/x", "12345")),
        layer(("app/node_modules/.package-lock.json", LOCK), ("app/node_modules/dev/i.js", "1")),
        layer("-var/lib/apt/lists/x"),
    )
    assert [(one.category, one.layer, one.size) for one in found.findings] == [
        ("documentation", 1, 3),
        ("dev-dependencies", 2, 1),
    ]


def test_the_document_is_json_whatever_names_there_are() -> None:
    value = document(explored(layer(("a\udcff", "1")), layer("-a\udcff", ("b", "22"))))
    again = json.loads(json.dumps(value))
    assert again == value and value["layers"][1]["removed"] == 1
    assert value["layers"][1]["changes"][0]["before"]["layer"] == 1


def test_the_documentation_has_every_member_and_category() -> None:
    text = (ROOT / "docs/explore.md").read_text()
    found = explored(
        layer(("a", "12"), ("b", "12"), ("usr/include/x.h", "1")), layer(("a", "12"), ("c", "12"))
    )
    verdicts = check(found, DEFAULT)
    value = document(found, verdicts)
    change, loss, copies = value["layers"][1]["changes"][0], value["losses"][0], value["copies"][0]
    found_in = (value["categories"][0], value["rules"][0], *value["layers"])
    for members in (value, value["image"], change, loss, copies, *found_in):
        for name in members:
            assert f"`{name}`" in text or f"`{name}[]`" in text, name
    for name in (*TITLES, *FRACTIONS, *SIZES):
        assert name in text

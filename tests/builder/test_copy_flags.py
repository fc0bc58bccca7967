"""The flags of COPY and ADD, and their here-documents."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from support.wherry import Wherry


def tree(wherry: Wherry, image: str, folder: str) -> dict[str, str]:
    """Path -> ``mode uid:gid`` of everything below a folder of an image."""
    script = f"cd {folder} && find . ! -name . -exec stat -c '%n %a %u:%g' {{}} +"
    lines = wherry("run", "--rm", image, "sh", "-c", script).splitlines()
    return {name.removeprefix("./"): rest for name, _, rest in (line.partition(" ") for line in lines)}


def context(folder: Path, *files: str) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(file)
        os.chmod(folder / file, 0o644)
    for path in folder.rglob("*"):
        if path.is_dir():
            os.chmod(path, 0o755)
    return folder


def diff_ids(wherry: Wherry, image: str) -> list[str]:
    found: list[str] = json.loads(wherry("inspect", image))[0]["RootFS"]["Layers"]
    return found


def test_here_documents_are_files(bb: Wherry, tmp_path: Path) -> None:
    dockerfile = (
        "FROM bb\nARG WHO=world\n"
        'COPY <<one <<"two" <<-three plain /in/\nhello $WHO ${WHO:+"x"}\none\n'
        "hello $WHO\ntwo\n\t\tindented\n\tthree\n"
        "COPY --chmod=0751 --chown=app:3 <<EOF /script\n#!/bin/sh\nEOF\n"
    )
    image = bb.build(context(tmp_path / "c", "plain"), dockerfile, "-t", "x")
    shown = bb("run", "--rm", image, "sh", "-c", "cd /in; cat one two three plain")
    assert shown == 'hello world "x"\nhello $WHO\nindented\nplain'
    assert tree(bb, image, "/in") == dict.fromkeys(["one", "two", "three", "plain"], "644 0:0")
    assert bb("run", "--rm", image, "stat", "-c", "%a %u:%g", "/script") == "751 1000:3"
    history = bb("history", "--no-trunc", "--format", "{{.CreatedBy}}", "x").splitlines()
    assert history[1] == "COPY plain <<one <<two <<three /in/"
    assert bb.build(tmp_path / "c", None) == image, "it comes from the cache"
    assert bb.build(tmp_path / "c", None, "--build-arg", "WHO=you") != image


def test_the_name_of_a_here_document_leads_nowhere_else(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(tmp_path / "c", "FROM bb\nCOPY <<../../evil /x/\nevil\n../../evil\n")
    assert list(tree(bb, image, "/x")) == ["evil"]
    outside = [path for path in tmp_path.rglob("evil") if "layers" not in path.parts]
    assert outside == []
    (tmp_path / "c/Dockerfile").write_text("FROM bb\nCOPY <<.. /x/\nevil\n..\n")
    assert ".. cannot be the name of a file in /x" in bb.fails("build", str(tmp_path / "c"), code=1)


@pytest.mark.parametrize(
    "words, found",
    [
        ("a/x.txt b /to", ["a", "a/x.txt", "b", "b/y.txt", "b/z.md"]),
        ("./a/./x.txt /to", ["x.txt"]),
        ("b/./deep/../*.txt /to/", ["y.txt"]),
        ("**/*.txt /to", ["a", "a/x.txt", "b", "b/y.txt", "d", "d/e", "d/e/f.txt"]),
        ("d/./**/f.txt /to", ["e", "e/f.txt"]),
        ("*/z.md /to", ["b", "b/z.md"]),
        ("d /to", ["d", "d/e", "d/e/f.txt"]),
        ("--exclude=**/*.txt b /to", ["b", "b/z.md"]),
    ],
)
def test_parents_are_kept(bb: Wherry, tmp_path: Path, words: str, found: list[str]) -> None:
    folder = context(tmp_path / "c", "a/x.txt", "b/y.txt", "b/z.md", "d/e/f.txt")
    os.chmod(folder / "b", 0o750)
    image = bb.build(folder, f"FROM bb\nCOPY --parents {words}\n")
    got = tree(bb, image, "/to")
    assert sorted(got) == found
    assert "b" not in got or got["b"] == "750 0:0", "folders come with what they are"


def test_parents_of_files_of_another_stage(bb: Wherry, tmp_path: Path) -> None:
    dockerfile = (
        "FROM bb AS s\nRUN mkdir -p /p/q && echo > /p/q/r\nFROM bb\nCOPY --parents --from=s /p/./q/r /to/\n"
    )
    image = bb.build(context(tmp_path / "c", "x"), dockerfile)
    assert sorted(tree(bb, image, "/to")) == ["q", "q/r"]


def test_parents_of_nothing_is_an_error_for_a_name_and_told_of_a_pattern(
    bb: Wherry, tmp_path: Path
) -> None:
    folder = context(tmp_path / "c", "a/x")
    (folder / "Dockerfile").write_text("FROM bb\nCOPY --parents a/y /to\n")
    assert "a/y" in bb.fails("build", str(folder), code=1)
    (folder / "Dockerfile").write_text("FROM bb\nCOPY --parents */y /to\n")
    assert 'COPY copies nothing: "*/y"' in bb.run("build", str(folder)).stderr


@pytest.mark.parametrize(
    "words, found",
    [
        ("--exclude=*.md . /to/", ["d", "d/e.md", "d/f", "x"]),
        ("--exclude=**/*.md . /to/", ["d", "d/f", "x"]),
        ("--exclude=d . /to/", ["a.md", "x"]),
        ("--exclude=d --exclude=!d/f . /to/", ["a.md", "d", "d/f", "x"]),
        ("--exclude=*.md a* x /to/", ["x"]),
        ("--exclude=f d /to/", ["e.md"]),
    ],
)
def test_what_is_excluded_is_not_copied(bb: Wherry, tmp_path: Path, words: str, found: list[str]) -> None:
    folder = context(tmp_path / "c", "a.md", "x", "d/e.md", "d/f")
    (folder / ".dockerignore").write_text("Dockerfile\n.dockerignore\n")
    image = bb.build(folder, f"FROM bb\nCOPY {words}\n")
    assert sorted(tree(bb, image, "/to")) == found


def test_a_pattern_that_matches_nothing_is_left_out_beside_one_that_does(
    bb: Wherry, tmp_path: Path
) -> None:
    folder = context(tmp_path / "c", "package.json")
    image = bb.build(folder, "FROM bb\nCOPY package.json package-lock.json* /to/\n")
    assert list(tree(bb, image, "/to")) == ["package.json"]


def test_a_pattern_that_matches_nothing_copies_nothing_and_says_so(bb: Wherry, tmp_path: Path) -> None:
    folder = context(tmp_path / "c", "left-out")
    (folder / ".dockerignore").write_text("left*\n")
    (folder / "Dockerfile").write_text("FROM bb\nCOPY left* /to/\n")
    done = bb.run("build", "-t", "x", str(folder))
    assert done.returncode == 0 and "warning: Dockerfile:2: COPY copies nothing: " in done.stderr
    assert '"left*" matches no file in the build context; .dockerignore line 1 (left*) excl' in done.stderr
    assert bb.run("run", "--rm", "x", "ls", "/to").returncode == 1


def test_files_go_into_a_folder_that_is_there_without_a_slash(bb: Wherry, tmp_path: Path) -> None:
    folder = context(tmp_path / "c", "a", "b")
    image = bb.build(folder, "FROM bb\nCOPY a b /etc\n")
    assert {"a", "b"} <= set(tree(bb, image, "/etc"))
    (folder / "Dockerfile").write_text("FROM bb\nCOPY a b /new\n")
    assert "must be a directory and end with a /" in bb.fails("build", str(folder), code=1)


def test_dots_do_not_lead_above_the_context(bb: Wherry, tmp_path: Path) -> None:
    folder = context(tmp_path / "c", "a")
    image = bb.build(folder, "FROM bb\nCOPY ../../a /to/\n")
    assert list(tree(bb, image, "/to")) == ["a"]
    (folder / "Dockerfile").write_text("FROM bb\nCOPY ../b /to/\n")
    assert "forbidden path outside the build context: ../b" in bb.fails("build", str(folder), code=1)


def test_chmod_in_symbols_keeps_what_it_does_not_name(bb: Wherry, tmp_path: Path) -> None:
    folder = context(tmp_path / "c", "d/plain", "d/program")
    os.chmod(folder / "d/program", 0o700)
    image = bb.build(folder, "FROM bb\nCOPY --chmod=go=rX,u+w d /to/\n")
    assert tree(bb, image, "/to") == {"plain": "644 0:0", "program": "755 0:0"}
    (folder / "Dockerfile").write_text("FROM bb\nCOPY --chmod=u+q d /to/\n")
    said = bb.fails("build", str(folder), code=1)
    assert "invalid chmod parameter: 'u+q'" in said and "Dockerfile:2" in said


def test_a_linked_layer_is_the_same_on_any_base(bb: Wherry, tmp_path: Path) -> None:
    folder = context(tmp_path / "c", "d/x")
    dockerfile = (
        "ARG B=1\nFROM bb\nARG B\nRUN echo $B > /base\nCOPY --link --chown=app d /to/deep\nCOPY d /not\n"
    )
    first = bb.build(folder, dockerfile)
    done = bb.run("build", "--progress=plain", "--build-arg", "B=2", "-t", "second", str(folder))
    assert done.stderr.count("CACHED") == 1, "only the linked one"
    one, two = diff_ids(bb, first), diff_ids(bb, "second")
    assert one[-2] == two[-2] and one[-3] != two[-3]
    assert tree(bb, "second", "/to") == {"deep": "755 1000:1000", "deep/x": "644 1000:1000"}


def test_a_linked_destination_is_folders_only(bb: Wherry, tmp_path: Path) -> None:
    """As Docker's reference says: links in the image are not followed."""
    folder = context(tmp_path / "c", "x")
    dockerfile = "FROM bb\nRUN mkdir /real && ln -s real /link\n{}\n"
    linked = bb.build(folder, dockerfile.format("COPY --link x /link/"))
    assert (
        bb("run", "--rm", linked, "sh", "-c", "test ! -L /link && ls /link /real") == "/link:\nx\n\n/real:"
    )
    plain = bb.build(folder, dockerfile.format("COPY x /link/"))
    assert bb("run", "--rm", plain, "sh", "-c", "test -L /link && ls /real") == "x"


@pytest.mark.parametrize("kind", ["", "gz", "bz2", "xz", "zst"])
def test_local_archives_are_unpacked_unless_told_otherwise(bb: Wherry, tmp_path: Path, kind: str) -> None:
    folder = context(tmp_path / "c")
    folder.mkdir(exist_ok=True)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        info = tarfile.TarInfo("inside")
        info.size, info.uid, info.mode = 2, 70000, 0o4711
        tar.addfile(info, io.BytesIO(b"hi"))
    data = plain.getvalue()
    if kind == "zst":
        import zstandard

        data = zstandard.compress(data)
    elif kind:
        module = {"gz": "gzip", "bz2": "bz2", "xz": "lzma"}[kind]
        data = __import__(module).compress(data)
    (folder / "a.bin").write_bytes(data)
    dockerfile = "FROM bb\nADD a.bin /yes/\nADD --unpack=false a.bin /no/\nADD --unpack=true a.bin /too/\n"
    image = bb.build(folder, dockerfile)
    assert tree(bb, image, "/yes") == tree(bb, image, "/too") == {"inside": "4711 70000:0"}
    assert list(tree(bb, image, "/no")) == ["a.bin"]

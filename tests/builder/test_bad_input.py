"""Mistakes and hostile input: a clear line, a hint, Docker's exit code, nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]


def test_a_missing_context_and_a_missing_dockerfile(bb: Wherry, tmp_path: Path) -> None:
    assert "nowhere" in bb.fails("build", str(tmp_path / "nowhere"), code=1)
    error = bb.fails("build", str(tmp_path), code=1)
    assert "Dockerfile" in error and "hint:" in error


def test_an_unknown_instruction_names_its_place_and_the_near_word(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM bb\n\nCOPPY a b\n")
    error = bb.fails("build", str(tmp_path), code=1)
    assert "Dockerfile:3" in error and "COPPY a b" in error and "COPY" in error.replace("COPPY", "")


def test_an_unknown_flag_of_an_instruction_and_of_the_command(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM bb\nCOPY --chwon=1 a b\n")
    assert "--chown" in bb.fails("build", str(tmp_path), code=1)
    assert "--target" in bb.fails("build", "--taget=x", str(tmp_path), code=125)


@pytest.mark.parametrize(
    ("word", "said"),
    [("link", '"link" is'), ("l*", '"l*": link is'), ("inner/../link", '"inner/../link" is')],
)
def test_a_link_that_leads_to_nothing_is_named(bb: Wherry, tmp_path: Path, word: str, said: str) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM bb\nCOPY {word} /\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "link").symlink_to("gone\x1b[31m")
    error = bb.fails("build", str(tmp_path), code=1)
    assert f"{said} a symbolic link to gone" in error and "which is not in the build context" in error
    assert "did you mean" not in error and "\x1b" not in error


def test_a_base_image_that_exists_nowhere(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM bbb\n")
    error = bb.fails("build", str(tmp_path), code=1)
    assert "bbb" in error and "did you mean bb" in error


def test_a_source_that_is_absent(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM bb\nCOPY absent /x\n")
    error = bb.fails("build", str(tmp_path), code=1)
    assert "absent" in error and "Dockerfile:2" in error


def test_a_failing_run_shows_its_code_its_last_lines_its_place_and_its_log(
    bb: Wherry, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM bb\nRUN for i in $(seq 100); do echo line $i; done; \\\n    echo wrong >&2; exit 42\n"
    )
    error = bb.fails("build", "--progress", "quiet", str(tmp_path), code=1)
    assert (
        "exit code: 42" in error and "Dockerfile:2-3" in error and "wrong" in error and "line 100" in error
    )
    log = Path(error.rsplit("the whole output is in ", 1)[1].split()[0])
    assert log.read_text().startswith("line 1\nline 2\n")


def test_a_step_killed_by_a_signal(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM bb\nRUN sh -c 'kill -9 $$'; exit $?\n")
    assert "exit code: 137" in bb.fails("build", str(tmp_path), code=1)


@pytest.mark.parametrize(
    "source", ["../outside", "/../outside", "d/../../outside", "escape/file", "escape-file", "up/outside"]
)
def test_nothing_outside_the_context_can_be_copied(bb: Wherry, tmp_path: Path, source: str) -> None:
    context = tmp_path / "c"
    (context / "d").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.write_text("secret")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_text("secret")
    (context / "escape").symlink_to(tmp_path / "folder")
    (context / "escape-file").symlink_to(outside)
    (context / "up").symlink_to("..")
    (context / "Dockerfile").write_text(f"FROM bb\nCOPY {source} /got\n")
    done = bb.run("build", "-q", str(context))
    if done.returncode == 0:
        shown = bb.run("run", "--rm", done.stdout.strip(), "cat", "/got").stdout
        assert "secret" not in shown
    else:
        assert "Traceback" not in done.stderr


def test_a_target_through_a_hostile_symlink_stays_inside_the_image(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "f").write_text("f")
    target = tmp_path / "host"
    target.mkdir()
    image = bb.build(
        context,
        f"FROM bb\nRUN ln -s {target} /abs && ln -s ../../../../../..{target} /rel\n"
        "COPY f /abs/f\nCOPY f /rel/g\n",
    )
    assert list(target.iterdir()) == []
    assert bb("run", "--rm", image, "cat", f"{target}/f", f"{target}/g") == "ff"


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", "file")],
        [("/abs-evil", "file")],
        [("link", "symlink:HOST"), ("link/evil", "file")],
        [("link", "symlink:.."), ("link/link2", "symlink:HOST"), ("link/link2/evil", "file")],
        [("hard", "hardlink:HOSTFILE"), ("hard", "file")],
    ],
)
def test_a_hostile_archive_given_to_add_writes_nothing_outside(
    bb: Wherry, tmp_path: Path, members: list[tuple[str, str]]
) -> None:
    import io
    import tarfile

    host = tmp_path / "host"
    host.mkdir()
    (host / "file").write_text("precious")
    context = tmp_path / "c"
    context.mkdir()
    with tarfile.open(context / "x.tar", "w") as tar:
        for name, kind in members:
            info = tarfile.TarInfo(name)
            if kind.startswith(("symlink:", "hardlink:")):
                info.type = tarfile.SYMTYPE if kind.startswith("sym") else tarfile.LNKTYPE
                info.linkname = (
                    kind.split(":", 1)[1].replace("HOSTFILE", str(host / "file")).replace("HOST", str(host))
                )
                tar.addfile(info)
            else:
                info.size = 4
                tar.addfile(info, io.BytesIO(b"evil"))
    (context / "Dockerfile").write_text("FROM bb\nADD x.tar /in/\n")
    done = bb.run("build", "-q", str(context))
    assert "Traceback" not in done.stderr
    assert sorted(p.name for p in host.iterdir()) == ["file"]
    assert (host / "file").read_text() == "precious"
    assert not os.path.lexists("/abs-evil") and not os.path.lexists(tmp_path / "evil")


@pytest.mark.parametrize(
    ("instruction", "word"),
    [
        ("RUN --device=vendor.com/class=name true", "RUN --device"),
        ("RUN --security=insecure true", "security.insecure is not allowed"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name_and_line(
    bb: Wherry, tmp_path: Path, instruction: str, word: str
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM bb\n{instruction}\n")
    error = bb.fails("build", str(tmp_path), code=1)
    assert word in error and "Dockerfile:2" in error


def test_a_layer_with_wrong_bytes_is_named_and_not_exported(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(tmp_path / "c", "FROM bb\nRUN echo 12345678 > /file\n", "-t", "x")
    bb("save", "-o", str(tmp_path / "x.tar"), "x")
    other = Wherry(tmp_path / "other")
    other("load", "-i", str(tmp_path / "x.tar"))
    blobs = other.root / "blobs/sha256"
    for blob in blobs.iterdir():
        raw = blob.read_bytes()
        if image.removeprefix("sha256:") == blob.name:
            os.chmod(blob, 0o600)
            blob.write_bytes(raw.replace(b"linux", b"limux", 1))
    error = other.fails("inspect", "x")
    assert image.removeprefix("sha256:")[:12] in error


def test_flags_and_words_that_no_one_may_write(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM bb\n")
    assert bb.fails("build", code=1)
    assert bb.fails("build", "-t", "UPPER case", str(tmp_path), code=125)
    assert bb.fails("build", "--progress", "loud", str(tmp_path), code=125)
    assert bb.fails("build", "--target", "nope", str(tmp_path), code=1)
    assert "build" in bb.fails("biuld", str(tmp_path), code=1)

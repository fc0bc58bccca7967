"""`wherry slim`: made, run beside the fat image, and named only where both answer alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.image import diff_ids
from support.image import tree as layer_tree
from support.trees import snapshot
from support.wherry import Wherry

pytestmark = [pytest.mark.mounts, pytest.mark.runtime]


def test_it_is_one_layer_with_the_same_configuration_and_works(fat: Wherry) -> None:
    said = fat.run("slim", "fat", "-t", "small")
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip() == json.loads(fat("inspect", "small"))[0]["Id"]
    before, after = (json.loads(fat("inspect", name))[0] for name in ("fat", "small"))
    assert before["Config"] == after["Config"]
    assert len(after["RootFS"]["Layers"]) == 1
    tree = layer_tree(fat, diff_ids(fat, "small")[0])
    assert (
        (tree / "app/start.sh").exists()
        and (tree / "etc/motd").exists()
        and (tree / "bin/busybox").exists()
    )
    assert not (tree / "usr/lib/waste").exists()
    assert (tree / "bin/sh").is_symlink(), "a program's link is what the image calls it by"
    assert fat("run", "--rm", "small") == "hello\ngood morning"
    assert before["Size"] - after["Size"] > 2_000_000


def test_what_only_running_shows_is_observed(fat: Wherry, tmp_path: Path) -> None:
    done = fat.run("slim", "fat", "-t", "small", "--exec", "/app/reads", "--audit", str(tmp_path / "log"))
    assert done.returncode == 0, done.stderr
    assert fat("run", "--rm", "small", "/app/reads").strip() == "good morning"
    log = json.loads((tmp_path / "log").read_text())
    kept = {each["path"]: each["reasons"] for each in log["kept"]}
    assert kept["/data/secret"][0]["rule"] == "seen: openat"
    assert "/usr/lib/waste" in {each["path"] for each in log["dropped"]}
    assert fat("slim", "fat", "--audit", str(tmp_path / "log"), "--why", "/data/secret").startswith(
        "/data/secret: seen"
    )


@pytest.mark.rootless
def test_a_plain_user_observes_as_root_does(fat: Wherry, tmp_path: Path, entered_by_all: Path) -> None:
    """Nothing asks for a right that a plain user lacks."""
    from support.plain import plain_user

    plain = plain_user(entered_by_all)
    fat("save", "-o", str(entered_by_all / "fat.tar"), "fat")
    (entered_by_all / "fat.tar").chmod(0o644)
    plain("load", "-i", str(entered_by_all / "fat.tar"))
    done = plain.run("slim", "fat", "-t", "small", "--exec", "/app/reads")
    assert done.returncode == 0, done.stderr
    assert "1 of them new" in done.stderr
    assert plain("run", "--rm", "small", "/app/reads").strip() == "good morning"
    said = plain.fails("slim", "fat", "-t", "other", "--exec", "/app/reads", "--drop", "/data", code=1)
    assert "missed: /data/secret (--drop)" in said


def test_what_breaks_is_not_named_and_the_missing_file_is(fat: Wherry) -> None:
    said = fat.fails("slim", "fat", "-t", "small", "--exec", "/app/reads", "--drop", "/data", code=1)
    assert "nothing was tagged" in said and "missed: /data/secret (--drop)" in said
    assert "hint: --keep /data/secret" in said
    assert "'exit code 0' before, 'exit code 3' after" in said
    assert "small" not in fat("images")
    fat.fails("inspect", "small")


def test_why(fat: Wherry) -> None:
    assert fat("slim", "fat", "--why", "/bin/busybox").splitlines() == [
        "/bin/busybox: its interpreter",
        "  /app/start.sh: the image starts it",
    ]
    done = fat.run("slim", "fat", "--why", "/usr/lib/waste")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "/usr/lib/waste is not kept\n")
    assert "fat has no /nope" in fat.fails("slim", "fat", "--why", "/nope", code=1)


def test_a_file_with_all_of_it(fat: Wherry, tmp_path: Path) -> None:
    (tmp_path / ".wherryslim").write_text(
        "# ours\nexec /app/reads\nkeep /usr/lib/waste\n\ndrop /etc/group\n"
    )
    fat("slim", "fat", "-t", "small", cwd=tmp_path)
    tree = layer_tree(fat, diff_ids(fat, "small")[0])
    assert (tree / "usr/lib/waste").exists() and (tree / "data/secret").exists()
    assert not (tree / "etc/group").exists()
    (tmp_path / ".wherryslim").write_text("keep /usr\nprobes x\n")
    said = fat.fails("slim", "fat", "-t", "other", cwd=tmp_path, code=125)
    assert ".wherryslim:2: unknown word 'probes'" in said


def test_reproducible(fat: Wherry) -> None:
    fat("slim", "fat", "-t", "one", "--reproducible")
    fat("slim", "fat", "-t", "two", "--reproducible")
    one, two = (json.loads(fat("inspect", name))[0]["Id"] for name in ("one", "two"))
    assert one == two


def test_a_dockerfile_is_suggested(fat: Wherry, tmp_path: Path) -> None:
    fat("slim", "fat", "-t", "small", "--exec", "/app/reads", "--suggest", str(tmp_path / "Dockerfile"))
    text = (tmp_path / "Dockerfile").read_text()
    assert 'CMD ["/app/start.sh"]' in text and 'ENV A="1"' in text
    assert "\ndata/secret\n" in text and "waste" not in text


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nothing", "-t", "x"), 1, "No such image: nothing:latest"),
        (("fat",), 125, "the slim image needs a name"),
        (("fat", "-t", "x", "--keep", "/nope"), 1, "--keep /nope: fat has no such file"),
        (("fat", "-t", "x", "--keep", "app"), 125, "--keep app: not an absolute path"),
        (("fat", "-t", "x", "--preset", "nodee"), 125, "there is no preset nodee"),
        (("fat", "-t", "x", "--probe", "localhost"), 125, "--probe localhost is no URL of HTTP"),
        (("fat", "-t", "x", "--probe", "http:///"), 125, "--probe http:/// is no URL of HTTP"),
        (("fat", "-t", "x", "--probe", "http://a:b/"), 125, "--probe http://a:b/ is no URL of HTTP"),
        (("fat", "-t", "x", "--exec", "'"), 125, "No closing quotation"),
        (("fat", "-t", "x", "--exec", "nowhere"), 127, "nowhere"),
        (
            ("fat", "-t", "x", "--probe", "http://127.0.0.1:1/"),
            1,
            "ended with exit code 0 before it answered",
        ),
    ],
)
def test_what_cannot_be_is_said_by_name(fat: Wherry, words: tuple[str, ...], code: int, said: str) -> None:
    assert said in fat.fails("slim", *words, code=code)
    assert len(fat("images", "-q").split()) == 2


def test_owners_modes_links_and_folders_are_as_they_were(bb: Wherry, tmp_path: Path) -> None:
    bb.build(
        tmp_path / "c",
        "FROM bb\nRUN mkdir -p /d/e && echo x > /d/e/f && ln /d/e/f /d/hard && ln -s e/f /d/soft && "
        "mkfifo /d/pipe && chown 1000:1000 /d/e && chmod 2750 /d/e && chmod 4711 /d/e/f && "
        "ln -s /run/later /dangling && touch -d @1000000000 /d/e /d\n"
        'CMD ["true"]\n',
        "-t", "fat",
    )  # fmt: skip
    bb("slim", "fat", "-t", "small", "--keep", "/d", "--keep", "/dang*", "--keep", "/dangling")
    before = snapshot(layer_tree(bb, diff_ids(bb, "fat")[-1]))
    after = snapshot(layer_tree(bb, diff_ids(bb, "small")[0]))
    names = [name for name in before if name in (b"d", b"dangling") or name.startswith(b"d/")]
    assert len(names) == 7
    assert {name: before[name] for name in names} == {name: after[name] for name in names}


@pytest.fixture
def based(fat: Wherry, tmp_path: Path) -> Wherry:
    """The images ``base``, and ``upper``, which changes, removes and adds files, used ones and others."""
    fat.build(
        tmp_path / "base",
        "FROM bb\nRUN mkdir -p /opt/old /opt/kept && echo 1 > /opt/old/file && echo 1 > /opt/kept/one && "
        "echo 1 > /opt/kept/two && echo 1 > /opt/changed && echo 1 > /opt/unused\nENV BASE=1\n",
        "-t", "base",
    )  # fmt: skip
    fat.build(
        tmp_path / "upper",
        "FROM base\nRUN rm -r /opt/old /opt/kept/one && echo 2 > /opt/changed && echo 2 > /opt/unused && "
        "echo 2 > /opt/waste && echo 2 > /opt/used && chmod 700 /opt/kept\n"
        'ENV UPPER=2\nCMD ["cat", "/opt/changed", "/opt/used"]\n',
        "-t", "upper",
    )  # fmt: skip
    return fat


def test_a_base_is_kept_and_what_lies_above_it_is_cut(based: Wherry, tmp_path: Path) -> None:
    based("slim", "upper", "-t", "small", "--keep-base", "--audit", str(tmp_path / "log"))
    base = diff_ids(based, "base")
    assert diff_ids(based, "small")[:-1] == base and len(base) > 0
    names = set(snapshot(layer_tree(based, diff_ids(based, "small")[-1])))
    assert {b"opt/changed", b"opt/used", b"opt/old", b"opt/kept/one", b"opt/unused"} <= names
    assert b"opt/waste" not in names and b"bin/busybox" not in names
    assert based("run", "--rm", "small") == "2\n2"
    shown = based("run", "--rm", "small", "find", "/opt").split()
    assert sorted(shown) == ["/opt", "/opt/changed", "/opt/kept", "/opt/kept/two", "/opt/used"]
    assert based("run", "--rm", "small", "stat", "-c", "%a", "/opt/kept") == "700"
    kept = {each["path"]: each["reasons"] for each in json.loads((tmp_path / "log").read_text())["kept"]}
    assert kept["/opt/kept/two"][0]["rule"] == "the base image has it"
    history = json.loads(based("image", "inspect", "small"))[0]["RootFS"]["Layers"]
    assert len(history) == len(based("history", "-q", "small").split())


def test_no_dockerfile_begins_with_a_base_that_would_run_onbuild_again(fat: Wherry, tmp_path: Path) -> None:
    fat.build(tmp_path / "a", "FROM bb\nONBUILD RUN echo 1 >> /opt-runs\n", "-t", "triggers")
    fat.build(tmp_path / "b", 'FROM triggers\nCMD ["cat", "/opt-runs"]\n', "-t", "upper")
    error = fat.fails(
        "slim", "upper", "-t", "small", "--keep-base", "--suggest", str(tmp_path / "Suggested"), code=125
    )
    assert "triggers:latest has ONBUILD" in error and "leave out --keep-base" in error
    assert not (tmp_path / "Suggested").exists()
    fat("slim", "upper", "-t", "small", "--suggest", str(tmp_path / "Suggested"))
    assert fat("run", "--rm", "small") == "1"


def test_a_base_that_is_known_to_nobody_is_an_error(bb: Wherry) -> None:
    said = bb.fails("slim", "bb", "-t", "small", "--keep-base", code=1)
    assert "the base of the image is not known" in said and "leave --keep-base out" in said

"""ADD of git repositories, and builds whose context is one: a real git daemon on loopback."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ports import free_port
from support.waiting import wait_until
from support.web import running_web
from support.wherry import Wherry

NOBODY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_AUTHOR_DATE": "@1700000000 +0000",
    "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "GIT_COMMITTER_DATE": "@1700000000 +0000",
}  # fmt: skip


class Repository:
    """One that a daemon serves as `url`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env={**os.environ, **NOBODY},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            path = self.folder / name.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    port = free_port()
    base = tmp_path / "served"
    one = Repository(base / "one", f"git://127.0.0.1:{port}/one")
    words = ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--export-all", f"--base-path={base}"]
    daemon = subprocess.Popen([*words, "--reuseaddr"], stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        listed = ["git", "ls-remote", one.url]
        wait_until(lambda: subprocess.run(listed, capture_output=True, check=False).returncode == 0)
        yield one
    finally:
        os.killpg(daemon.pid, 15)
        daemon.wait()


def build(bb: Wherry, tmp_path: Path, text: str, *args: str) -> str:
    return bb.build(tmp_path / "c", f"FROM bb\n{text}\n", *args)


def fails(bb: Wherry, tmp_path: Path, text: str) -> str:
    (tmp_path / "c").mkdir(exist_ok=True)
    (tmp_path / "c/Dockerfile").write_text(f"FROM bb\n{text}\n")
    return bb.fails("build", str(tmp_path / "c"), code=1)


def shown(bb: Wherry, image: str, script: str) -> str:
    return bb("run", "--rm", image, "sh", "-c", script)


def test_a_repository_is_added_at_a_branch_a_tag_and_a_commit(
    bb: Wherry, tmp_path: Path, repository: Repository
) -> None:
    first = repository.commit(file="one", sub__deep="deep")
    repository.git("tag", "-a", "v1", "-m", "tagged")
    repository.git("branch", "old")
    repository.commit(file="two")
    url = repository.url
    text = f"ADD {url} /head\nADD {url}#v1 /tag\nADD {url}#old:sub /sub/\nADD {url}#{first} /commit"
    image = build(bb, tmp_path, text)
    assert shown(bb, image, "cat /head/file /tag/file /commit/file; ls -A /sub /head").split() == [
        "twooneone/head:", "file", "sub", "/sub:", "deep",
    ]  # fmt: skip
    assert shown(bb, image, "stat -c '%Y %u:%g %a' /tag/file") == "1700000000 0:0 644"


def test_the_same_commit_is_a_hit_and_another_one_is_not(
    bb: Wherry, tmp_path: Path, repository: Repository
) -> None:
    repository.commit(file="one")
    first = build(bb, tmp_path, f"ADD {repository.url} /x")
    assert build(bb, tmp_path, f"ADD {repository.url} /x") == first
    repository.commit(file="two")
    assert shown(bb, build(bb, tmp_path, f"ADD {repository.url} /x"), "cat /x/file") == "two"


def test_the_git_folder_is_kept_only_when_asked(bb: Wherry, tmp_path: Path, repository: Repository) -> None:
    repository.commit(file="one")
    text = f"ADD {repository.url} /without\nADD --keep-git-dir=true {repository.url} /with"
    assert shown(bb, build(bb, tmp_path, text), "ls -A /with /without").split() == [
        "/with:", ".git", "file", "/without:", "file",
    ]  # fmt: skip


def test_a_checksum_is_the_commit(bb: Wherry, tmp_path: Path, repository: Repository) -> None:
    commit = repository.commit(file="one")
    build(bb, tmp_path, f"ADD --checksum={commit[:12]} {repository.url} /x")
    said = fails(bb, tmp_path, f"ADD --checksum={'0' * 40} {repository.url} /x")
    assert f"has commit {commit}, want {'0' * 40}" in said
    assert "invalid checksum" in fails(bb, tmp_path, f"ADD --checksum=sha256:00 {repository.url} /x")


def test_what_is_absent_is_named(bb: Wherry, tmp_path: Path, repository: Repository) -> None:
    repository.commit(file="one")
    said = fails(bb, tmp_path, f"ADD {repository.url}#nothing /x")
    assert "has no reference 'nothing'" in said and "Dockerfile:2: ADD failed" in said
    assert "has no folder sub" in fails(bb, tmp_path, f"ADD {repository.url}#main:sub /x")
    assert "ls-remote of" in fails(bb, tmp_path, f"ADD {repository.url}-not /x")
    assert "a source of COPY is a path" in fails(bb, tmp_path, f"COPY {repository.url} /x")
    done = bb.run("build", str(tmp_path / "c"), env={"PATH": "/nowhere"})
    assert done.returncode == 1 and "Traceback" not in done.stderr


def test_a_hostile_repository_reaches_nothing(bb: Wherry, tmp_path: Path, repository: Repository) -> None:
    """Hooks, links out of the folder that is asked for, submodules of local files."""
    (repository.folder / "link").symlink_to("/etc")
    (repository.folder / "Dockerfile").symlink_to("/etc/passwd")
    repository.commit(file="one")
    image = build(bb, tmp_path, f"ADD {repository.url} /x")
    assert shown(bb, image, "readlink /x/link") == "/etc", "a link is a link"
    assert "has no folder link" in fails(bb, tmp_path, f"ADD {repository.url}#main:link /x")
    said = bb.fails("build", repository.url, code=1)
    assert "root:" not in said and "no such file" in said
    (repository.folder / "Dockerfile").unlink()
    (repository.folder / ".dockerignore").symlink_to("/etc/passwd")
    repository.commit(Dockerfile="FROM bb\nCOPY root:x:0:0:root:/root:/bin/bash /x\n")
    assert "excluded by" not in bb.fails("build", repository.url, code=1)
    (repository.folder / ".gitmodules").write_text(
        f'[submodule "s"]\n\tpath = s\n\turl = file://{tmp_path}/served/one\n'
    )
    commit = repository.git("rev-parse", "HEAD")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},s")
    repository.git("add", ".gitmodules")
    repository.git("commit", "-q", "-m", "x")
    said = fails(bb, tmp_path, f"ADD {repository.url} /x")
    assert "submodule" in said and "not allowed" in said


def test_a_repository_is_a_context(bb: Wherry, tmp_path: Path, repository: Repository) -> None:
    repository.commit(
        Dockerfile="FROM bb\nCOPY . /x\n",
        other="FROM bb\nCOPY file /y\n",
        file="one",
        sub__Dockerfile="FROM bb\n",
    )
    bb("build", "-q", "-t", "a", repository.url)
    assert shown(bb, "a", "ls -A /x").split() == ["Dockerfile", "file", "other", "sub"]
    bb("build", "-q", "-t", "b", "-f", "other", f"{repository.url}#main")
    assert shown(bb, "b", "cat /y") == "one"
    bb("build", "-q", "-t", "s", f"{repository.url}#main:sub")
    assert list((bb.root / "tmp").iterdir()) == [] and not (bb.root / "contexts").exists()


def test_a_tar_and_a_dockerfile_at_a_url_are_contexts(bb: Wherry) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, text in (("Dockerfile", b"FROM bb\nCOPY f /f\n"), ("f", b"from the tar")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    with running_web() as web:
        web.pages["/c.tar.gz"] = lambda request: request.answer(200, data.getvalue())
        web.pages["/Dockerfile"] = lambda request: request.answer(200, b"FROM bb\nRUN echo > /made\n")
        bb("build", "-q", "-t", "a", f"{web.url}/c.tar.gz")
        bb("build", "-q", "-t", "b", f"{web.url}/Dockerfile")
    assert shown(bb, "a", "cat /f") == "from the tar" and shown(bb, "b", "ls /made") == "/made"
    done = bb.run("build", "-q", "-t", "c", "-f", "Dockerfile", "-", input=None, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and "Traceback" not in done.stderr


@pytest.mark.parametrize("where", ["argument", "Dockerfile"])
def test_source_date_epoch_may_be_the_commits_time(
    wherry: Wherry, repository: Repository, where: str
) -> None:
    meta = "ARG SOURCE_DATE_EPOCH=context\n" if where == "Dockerfile" else ""
    repository.commit(Dockerfile=f"{meta}FROM scratch\nARG SOURCE_DATE_EPOCH\nCOPY f /\n", f="x")
    words = ("--build-arg", "SOURCE_DATE_EPOCH=context") if where == "argument" else ()
    image = wherry("build", "-q", *words, f"{repository.url}#main")
    value = json.loads(wherry("inspect", image))[0]
    assert value["Created"].startswith("2023-11-14T22:13:20")
    assert "SOURCE_DATE_EPOCH=1700000000" in wherry("history", "--no-trunc", image)


def test_of_a_folder_here_source_date_epoch_knows_no_time(wherry: Wherry, tmp_path: Path) -> None:
    text = "FROM scratch\nARG SOURCE_DATE_EPOCH=none\nENV E=x$SOURCE_DATE_EPOCH\nCOPY Dockerfile /\n"
    image = wherry.build(tmp_path / "c", text, "--build-arg", "SOURCE_DATE_EPOCH=context")
    assert "E=xnone" in json.loads(wherry("inspect", image))[0]["Config"]["Env"]


ADDED = "FROM scratch AS src\nARG AT={url}\nADD ${{AT}} /\n"
USED = "FROM scratch\nARG SOURCE_DATE_EPOCH=none\nENV E=x$SOURCE_DATE_EPOCH\nCOPY Dockerfile /\n"


def epoch_of(wherry: Wherry, image: str) -> str:
    value = json.loads(wherry("inspect", image))[0]
    return str(next(word for word in value["Config"]["Env"] if word.startswith("E=")))


@pytest.mark.parametrize("where", ["argument", "Dockerfile"])
def test_source_date_epoch_may_be_that_of_what_a_stage_adds(
    wherry: Wherry, tmp_path: Path, repository: Repository, where: str
) -> None:
    repository.commit(f="x")
    words = ("--build-arg", "SOURCE_DATE_EPOCH=SRC") if where == "argument" else ()
    meta = "" if words else "ARG SOURCE_DATE_EPOCH=src\n"
    # A default of the stage's own would win over what stands before the first FROM.
    text = meta + ADDED.format(url=repository.url) + USED.replace("=none", "")
    image = wherry.build(tmp_path / "c", text, *words)
    assert epoch_of(wherry, image) == "E=x1700000000"
    assert wherry("inspect", "-f", "{{.Created}}", image).startswith("2023-11-14T22:13:20")


def test_source_date_epoch_of_a_url_is_what_the_server_says_or_the_newest_file(
    wherry: Wherry, tmp_path: Path
) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, when in (("a", 5), ("b", 1_600_000_000)):
            info = tarfile.TarInfo(name)
            info.mtime = when
            tar.addfile(info)
    said = {"Last_Modified": "Tue, 14 Nov 2023 22:13:20 GMT"}
    with running_web() as web:
        web.pages["/said"] = lambda request: request.answer(200, b"x", **said)
        web.pages["/tar"] = lambda request: request.answer(200, data.getvalue())
        web.pages["/text"] = lambda request: request.answer(200, b"no tar")
        for page, epoch in (("said", "1700000000"), ("tar", "1600000000"), ("text", "none")):
            text = ADDED.format(url=f"{web.url}/{page}") + USED
            image = wherry.build(tmp_path / page, text, "--build-arg", "SOURCE_DATE_EPOCH=src")
            assert epoch_of(wherry, image) == f"E=x{epoch}"


def test_source_date_epoch_may_be_that_of_a_named_context(
    wherry: Wherry, tmp_path: Path, repository: Repository
) -> None:
    repository.commit(f="x")
    for name, epoch in (("there", "1700000000"), ("here", "none")):
        words = ("--build-context", f"there={repository.url}", "--build-context", f"here={tmp_path}")
        image = wherry.build(tmp_path / "c", USED, *words, "--build-arg", f"SOURCE_DATE_EPOCH={name}")
        assert epoch_of(wherry, image) == f"E=x{epoch}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM scratch AS other\nADD http://127.0.0.1:9/x /\n", "names no stage or context"),
        ("FROM scratch AS src\nRUN x\n", "may only have ARG and one ADD"),
        ("FROM scratch AS src\nADD f /\n", "must add a file at a URL, or a git repository"),
        ("FROM busybox AS src\nADD http://127.0.0.1:9/x /\n", "must use FROM scratch"),
        ("FROM scratch AS src\nARG A\n", "must have exactly one ADD"),
    ],
)
def test_a_stage_without_a_time_is_refused(wherry: Wherry, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "Dockerfile").write_text(text + USED)
    words = ("build", "--build-arg", "SOURCE_DATE_EPOCH=src", str(tmp_path))
    assert said in wherry.fails(*words)

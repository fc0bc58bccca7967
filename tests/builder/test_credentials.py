"""What a URL lets one in with serves to fetch, and is found nowhere afterwards: not shown, not stored."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.web import Request, Web, running_web
from support.wherry import Wherry

SECRETS = ("hunter2hunter2", "s1gnatures1gnature")
USER, TOKEN = f"alice:{SECRETS[0]}@", f"X-Amz-Signature={SECRETS[1]}"
NOBODY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | {
    f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "a"), ("EMAIL", "a@b"))
}  # fmt: skip


@pytest.fixture
def web() -> Iterator[Web]:
    with running_web() as one:
        yield one


def opened(body: bytes) -> object:
    def page(request: Request) -> None:
        given = request.headers.get("Authorization", "")
        wanted = "Basic " + base64.b64encode(USER[:-1].encode()).decode()
        if given == wanted or TOKEN in request.path:
            request.answer(200, body, ETag='"1"')
        else:
            request.answer(401, b"who are you", WWW_Authenticate="Basic realm=x")

    return page


def with_user(web: Web, path: str) -> str:
    return web.url.replace("://", f"://{USER}") + path


def nowhere(wherry: Wherry, *said: str) -> None:
    """No output, and no file of the store, holds a secret in any of its forms."""
    forms = [
        form
        for secret in SECRETS
        for form in (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"="))
    ]
    for text in said:
        assert not [form for form in forms if form in text.encode()], text
    for folder, _, files in os.walk(wherry.root):
        for name in files:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                data = path.read_bytes()
                assert not [form for form in forms if form in data], path


def tell(wherry: Wherry, image: str) -> list[str]:
    """All that is said of an image and of its build afterwards."""
    commands = (
        ["history", "--no-trunc", image], ["history", "--no-trunc", "--format", "{{json .}}", image],
        ["inspect", image], ["explain"], ["explain", "--json"], ["images"],
    )  # fmt: skip
    return [wherry(*words) for words in commands]


@pytest.mark.parametrize("progress", ["plain", "tty"])
def test_add_of_a_url(wherry: Wherry, tmp_path: Path, web: Web, progress: str) -> None:
    web.pages["/f"] = opened(b"content")  # type: ignore[assignment]
    text = f"FROM scratch\nADD {with_user(web, '/f')} /a\nADD {web.url}/f?a=1&{TOKEN} /b\n"
    (tmp_path / "Dockerfile").write_text(text)
    metadata = tmp_path / "metadata"
    words = ["build", "--progress", progress, "-t", "app", "--metadata-file", str(metadata), str(tmp_path)]
    done = wherry.run(*words)
    assert done.returncode == 0, done.stderr
    again = wherry.run(*words)
    assert "CACHED" in again.stderr
    assert "xxxxx:xxxxx@" in done.stderr + again.stderr
    nowhere(wherry, done.stderr, again.stderr, metadata.read_text(), *tell(wherry, "app"))


@pytest.mark.parametrize("path", ["/missing", "/f"])
def test_errors_and_their_lines_of_the_dockerfile(
    wherry: Wherry, tmp_path: Path, web: Web, path: str
) -> None:
    web.pages["/f"] = lambda request: request.answer(302, Location=with_user(web, f"/g?{TOKEN}"))
    web.pages["/g"] = lambda request: request.answer(500, SECRETS[0].encode())
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\nADD {with_user(web, path)} /a\n")
    said = wherry.fails("build", str(tmp_path), code=1)
    assert "ADD" in said
    assert "the server answered" in said
    nowhere(wherry, said, wherry("explain"))


def test_a_server_that_nobody_reaches(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\nADD http://{USER}127.0.0.1:1/x?{TOKEN} /a\n")
    nowhere(wherry, wherry.fails("build", str(tmp_path), code=1))


def test_a_trigger_of_a_base_image(wherry: Wherry, tmp_path: Path, web: Web) -> None:
    """The trigger itself is a part of its image, or it could not fetch; what it makes has no trace."""
    web.pages["/f"] = opened(b"content")  # type: ignore[assignment]
    (tmp_path / "Dockerfile").write_text(
        f"FROM scratch AS base\nONBUILD ADD {with_user(web, '/f')} /a\nFROM base\n"
    )
    done = wherry.run("build", "--progress", "plain", "-t", "app", str(tmp_path))
    assert done.returncode == 0, done.stderr
    nowhere(wherry, done.stderr, *tell(wherry, "app"))


def test_the_context_is_a_url(wherry: Wherry, web: Web) -> None:
    web.pages["/Dockerfile"] = opened(b"FROM scratch\nLABEL a=b\n")  # type: ignore[assignment]
    done = wherry.run("build", "-t", "app", with_user(web, "/Dockerfile"))
    assert done.returncode == 0, done.stderr
    wrong = wherry.fails("build", with_user(web, "/nothing"))
    nowhere(wherry, done.stderr, wrong, *tell(wherry, "app"))


def test_a_named_context_is_a_url(wherry: Wherry, tmp_path: Path, web: Web) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY --from=there x /\n")
    url = with_user(web, f"/nothing?{TOKEN}")
    said = wherry.fails("build", "--build-context", f"there={url}", str(tmp_path), code=1)
    nowhere(wherry, said)


def served_repository(folder: Path, web: Web) -> str:
    """A repository as files (git's dumb protocol), which wants the password; its path."""
    folder.mkdir()

    def git(*words: str) -> None:
        subprocess.run(
            ["git", *words], cwd=folder, env={**os.environ, **NOBODY}, check=True, capture_output=True
        )

    (folder / "file").write_text("content")
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY file /\n")
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "x")
    git("update-server-info")
    for path in (folder / ".git").rglob("*"):
        if path.is_file():
            web.pages[f"/r.git/{path.relative_to(folder / '.git')}"] = opened(path.read_bytes())  # type: ignore[assignment]
    return "/r.git"


def test_add_of_a_git_repository_with_its_git_folder(bb: Wherry, tmp_path: Path, web: Web) -> None:
    url = with_user(web, served_repository(tmp_path / "r", web))
    text = f"FROM bb\nADD --keep-git-dir {url}#main /r\nRUN cat /r/file /r/.git/config\n"
    (tmp_path / "Dockerfile").write_text(text)
    done = bb.run("build", "--progress", "plain", "-t", "app", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "content" in done.stderr
    assert f"url = {web.url}/r.git" in done.stderr, "git's own file names the repository"
    nowhere(bb, done.stderr, *tell(bb, "app"))


def test_a_git_repository_is_the_context(wherry: Wherry, tmp_path: Path, web: Web) -> None:
    url = with_user(web, served_repository(tmp_path / "r", web))
    done = wherry.run("build", "-t", "app", url)
    assert done.returncode == 0, done.stderr
    nowhere(wherry, done.stderr, *tell(wherry, "app"), wherry.fails("build", f"{url}#nonesuch"))
    nowhere(wherry, wherry.fails("build", f"{url}?token={SECRETS[1]}"))


@pytest.mark.parametrize("declared", [False, True])
def test_a_proxy_of_the_build(bb: Wherry, tmp_path: Path, declared: bool) -> None:
    """A step may use it; what the step prints, and all that stays, does not have its password."""
    arg = "ARG http_proxy\n" if declared else ""
    (tmp_path / "Dockerfile").write_text(
        f"FROM bb\n{arg}RUN echo proxy is $http_proxy; test ${{#http_proxy}} = 40\n"
    )
    proxy = f"http://{USER}proxy:80"
    words = [
        "build",
        "--progress",
        "plain",
        "-t",
        "app",
        "--build-arg",
        f"http_proxy={proxy}",
        str(tmp_path),
    ]
    size = len(proxy)
    (tmp_path / "Dockerfile").write_text((tmp_path / "Dockerfile").read_text().replace("= 40", f"= {size}"))
    done = bb.run(*words)
    assert done.returncode == 0, done.stderr
    assert "proxy is http://alice:***@proxy:80" in done.stderr
    other = bb.run(*[word.replace(SECRETS[0], "hunter3hunter3") for word in words])
    assert "CACHED" in other.stderr, "another password is no other step"
    nowhere(bb, done.stderr, *tell(bb, "app"))


def test_what_a_check_shows_of_the_dockerfile(wherry: Wherry, tmp_path: Path, web: Web) -> None:
    (tmp_path / "Dockerfile").write_text(f"from scratch\nADD http://{USER}h/x /x\nMAINTAINER x\n")
    plain, as_json = (
        wherry.run("build", *words, str(tmp_path)) for words in (["--check"], ["--call=check,format=json"])
    )
    assert "MaintainerDeprecated" in plain.stdout
    nowhere(wherry, plain.stdout, as_json.stdout, wherry("build", "--call=outline", str(tmp_path)))

"""git repositories, fetched by the git program.

What a repository says is never trusted: no hooks, no configuration of the user's or the machine's, only the
protocols of networks, no prompt; names that come from outside never stand where an option could.
"""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess

from wherry.errors import ContextError
from wherry.layers.remove import remove_tree
from wherry.layers.rootpath import resolve
from wherry.remote.gitref import COMMIT
from wherry.remote.urls import shown, without_user
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.remote.gitref import GitRef

PROTOCOLS = "https:http:ssh:git"
SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "protocol.file.allow": "never",
    "protocol.ext.allow": "never",
    "advice.detachedHead": "false",
    "init.defaultBranch": "main",
    "gc.auto": "0",
}
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY")
KEPT = ("PATH", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", *PROXIES)


class Access(NamedTuple):
    """`token` is BuildKit's secret GIT_AUTH_TOKEN, `agent` the socket of an ssh agent."""

    token: str = ""
    agent: str = ""


class Repository:
    """One remote repository."""

    def __init__(self, ref: GitRef, access: Access, env: Mapping[str, str]) -> None:
        """`env` is the caller's, of which git gets what leads to the repository."""
        # git is given the user and the password in its environment: its own files, which --keep-git-dir
        # makes files of the image, and the URLs of submodules would keep them.
        self._env = _environment(ref.url, access, env)
        self._ref = ref if ref.url.startswith("ssh://") else ref._replace(url=without_user(ref.url))

    def commit(self) -> str:
        """What the reference points to now.  Raises ContextError."""
        reference = self._ref.ref or "HEAD"
        if COMMIT.fullmatch(reference):
            return self._checked(reference)
        names = [reference, f"refs/tags/{reference}", f"refs/heads/{reference}"]
        listed = self._git("ls-remote", "--", self._ref.url, *names, *(f"{name}^{{}}" for name in names))
        known = {name: commit for commit, name in (line.split("\t", 1) for line in listed.splitlines())}
        for name in (*names[1:], reference):
            # A tag with a message of its own points to its commit under this name.
            found = known.get(f"{name}^{{}}") or known.get(name)
            if found:
                return self._checked(found)
        raise ContextError(
            f"the git repository {shown(self._ref.url)} has no reference {reference!r}",
            hint="a branch, a tag, or the whole name of a commit, after a #",
        )

    def _checked(self, commit: str) -> str:
        expected = self._ref.checksum
        if expected and not commit.startswith(expected):
            raise ContextError(
                f"the git repository {shown(self._ref.url)} has commit {commit}, want {expected}",
                hint="the reference has moved: name the commit that is meant, or correct --checksum",
            )
        return commit

    def checkout(self, commit: str, folder: str, *, keep: bool) -> str:
        """The files of a commit in `folder`, an empty one; where those lie that were asked for.

        Every file has the time of the commit: the same commit gives the same layer.
        """
        place = os.path.join(folder, "repository")
        self._git("init", "--quiet", "--", place)
        self._git("remote", "add", "origin", self._ref.url, place=place)
        self._fetch(commit, place)
        self._git("checkout", "--quiet", "--force", commit, place=place)
        if self._ref.submodules and os.path.lexists(os.path.join(place, ".gitmodules")):
            self._git("submodule", "update", "--init", "--recursive", "--depth=1", place=place)
        moment = int(self._git("log", "-1", "--format=%ct", place=place))
        if not keep:
            _forget(place)
        top = resolve(place, self._ref.folder)
        if not os.path.isdir(top):
            raise ContextError(
                f"commit {commit[:12]} of {shown(self._ref.url)} has no folder {self._ref.folder}"
            )
        _set_times(top, moment)
        return top

    def _fetch(self, commit: str, place: str) -> None:
        """The commit alone; from a server that gives no commit by its name, everything."""
        try:
            self._git("fetch", "--quiet", "--depth=1", "--no-tags", "origin", commit, place=place)
        except ContextError:
            refs = "+refs/heads/*:refs/remotes/origin/*"
            self._git("fetch", "--quiet", "--tags", "origin", refs, place=place)

    def _git(self, *words: str, place: str | None = None) -> str:
        where = ["-C", place] if place else []
        try:
            done = subprocess.run(
                ["git", *where, *words],
                env=self._env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError:
            raise ContextError("git is not on PATH", hint="apt-get install git") from None
        if done.returncode:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = next((line for line in lines if "fatal:" in line or "error:" in line), "")
            reason = shown(reason) or f"exit code {done.returncode}"
            raise ContextError(
                f"git {words[0]} of {shown(self._ref.url)} failed: {reason}",
                hint="for a private repository: --secret id=GIT_AUTH_TOKEN,env=... or --ssh default",
            )
        return done.stdout.decode("utf-8", "surrogateescape")


def _environment(url: str, access: Access, callers: Mapping[str, str]) -> dict[str, str]:
    env = {name: callers[name] for name in KEPT if name in callers}
    env |= {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": PROTOCOLS,
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new",
        "HOME": callers.get("HOME", "/"),
        "LC_ALL": "C",
    }
    if access.agent:
        env["SSH_AUTH_SOCK"] = access.agent
    settings = dict(SETTINGS)
    who = _who(url, access)
    if who:
        header = base64.b64encode(who.encode("utf-8", "surrogateescape")).decode()
        host = "/".join(without_user(url).split("/", 3)[:3])
        settings[f"http.{host}/.extraHeader"] = f"Authorization: Basic {header}"
    return env | _settings(settings)


def _who(url: str, access: Access) -> str:
    """``user:password`` of a URL; else what the token says; else "".  A token is for https alone."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.username is not None:
        return f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"x-access-token:{access.token}" if access.token and parts.scheme == "https" else ""


def _settings(settings: Mapping[str, str]) -> dict[str, str]:
    """In the environment, where no list of processes shows them (git-config(1), GIT_CONFIG_COUNT)."""
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        env[f"GIT_CONFIG_KEY_{number}"] = name
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return env


def _forget(place: str) -> None:
    """Without git's own files, those of submodules too."""
    for folder, folders, files in os.walk(place):
        if ".git" in folders:
            folders.remove(".git")
            remove_tree(os.path.join(folder, ".git"))
        elif ".git" in files:
            os.unlink(os.path.join(folder, ".git"))


def _set_times(top: str, moment: int) -> None:
    for folder, folders, files in os.walk(top, topdown=False):
        for name in (*folders, *files):
            with contextlib.suppress(FileNotFoundError):
                os.utime(os.path.join(folder, name), (moment, moment), follow_symlinks=False)
    os.utime(top, (moment, moment))

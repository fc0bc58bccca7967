"""PURE: what names a git repository, its revision and a folder in it, as ``docker build`` and ADD read it.

https://host/repo.git#ref:folder    git@host:repo.git#ref    git://host/repo    ssh://git@host/repo
https://host/repo.git?branch=main&subdir=folder&checksum=0123456
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

from wherry.booleans import FALSE, TRUE
from wherry.errors import ContextError
from wherry.pattern import pattern
from wherry.remote.urls import shown
from wherry.typed import NamedTuple

SCHEMES = ("https://", "http://", "ssh://", "git://")
SCP = pattern(r"[a-zA-Z0-9._-]+@[a-zA-Z0-9.-]+:(?!//)[^?#]+")
COMMIT = pattern(r"[0-9a-f]{40}|[0-9a-f]{64}")
CHECKSUM = pattern(r"[0-9a-f]{7,64}")


class GitRef(NamedTuple):
    """`ref` "" is the remote's HEAD; `folder` "" its root; `keep` None: not said."""

    url: str
    ref: str = ""
    folder: str = ""
    checksum: str = ""
    keep: bool | None = None
    submodules: bool = True


def parse_gitref(text: str) -> GitRef | None:
    """None where it names no repository.  Raises ContextError for one that is named wrongly."""
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        return None
    rest, hash_, fragment = text.partition("#")
    base, question, query = rest.partition("?")
    if base.startswith("github.com/"):
        base = "https://" + base
    elif not (_is_url(base) or SCP.fullmatch(base)):
        return None
    ref, _, folder = fragment.partition(":")
    found = GitRef(base, unquote(ref), _inside(unquote(folder), text))
    if question:
        if hash_:
            raise _wrong(text, "a query and a fragment exclude each other")
        found = _queried(found, query, text)
    if found.ref.startswith("-") or found.url.startswith("-"):
        raise _wrong(text, "a reference does not begin with a dash")
    return found


def _is_url(base: str) -> bool:
    scheme = next((s for s in SCHEMES if base.startswith(s)), "")
    if scheme in ("ssh://", "git://"):
        return len(base) > len(scheme)
    return bool(scheme) and base.rstrip("/").endswith(".git") and "/" in base[len(scheme) :]


def _queried(found: GitRef, query: str, text: str) -> GitRef:
    names = {"ref": "ref", "branch": "ref", "tag": "ref", "commit": "checksum", "checksum": "checksum"}
    seen: set[str] = set()
    for name, value in parse_qsl(query, keep_blank_values=True):
        field = names.get(name, name)
        if field in seen:
            raise _wrong(text, f"{name} is given twice")
        seen.add(field)
        if field == "ref":
            prefix = {"branch": "refs/heads/", "tag": "refs/tags/"}.get(name, "")
            found = found._replace(ref=value if value.startswith("refs/") else prefix + value)
        elif field == "checksum":
            found = found._replace(checksum=checked(value))
        elif name == "subdir":
            found = found._replace(folder=_inside(value, text))
        elif name in ("keep-git-dir", "submodules") and (not value or value in TRUE | FALSE):
            flag = not value or value in TRUE
            found = found._replace(keep=flag) if name == "keep-git-dir" else found._replace(submodules=flag)
        else:
            raise _wrong(text, f"unexpected {name}")
    return found


def checked(text: str) -> str:
    """The beginning of a commit's name.  Raises ContextError."""
    if not CHECKSUM.fullmatch(text):
        raise ContextError(
            f"invalid checksum {text!r} of a git repository",
            hint="7 to 64 hexadecimal digits of the commit",
        )
    return text


def _inside(folder: str, text: str) -> str:
    parts = [part for part in folder.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _wrong(text, "the folder leads out of the repository")
    return "/".join(parts)


def _wrong(text: str, why: str) -> ContextError:
    return ContextError(f"invalid git reference {shown(text)!r}: {why}", hint="URL.git#REF:FOLDER")

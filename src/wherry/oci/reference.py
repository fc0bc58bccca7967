"""PURE: image names, as Docker writes them.

Source: the grammar of distribution/reference ("reference.go"): ``[domain/]path[:tag][@digest]``.
"""

from __future__ import annotations

from wherry.errors import InvalidReferenceError
from wherry.oci.digest import is_digest, is_hex
from wherry.pattern import pattern
from wherry.typed import NamedTuple

DEFAULT_DOMAIN = "docker.io"
LONGEST_PATH = 255

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = pattern(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = pattern(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?\Z")
_PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789"
_WORD = f"{_PLAIN}ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
LONGEST_TAG = 128


class Reference(NamedTuple):
    """A name in full: ``docker.io``, ``library/debian``, ``bookworm``.  `tag` or `digest` may be ""."""

    domain: str
    path: str
    tag: str
    digest: str = ""

    def canonical(self) -> str:
        """``docker.io/library/debian:bookworm``: the key of a name in the store."""
        return self._joined(f"{self.domain}/{self.path}")

    def familiar(self) -> str:
        """``debian:bookworm``: what people type and Docker prints."""
        return self._joined(self.familiar_name())

    def familiar_name(self) -> str:
        """``debian``: the repository without its tag, as Docker's REPOSITORY column."""
        first, slash, _ = self.path.partition("/")
        # Without the domain, a first part like this would be taken for one.
        looks_like_one = slash and ("." in first or first == "localhost")
        if self.domain != DEFAULT_DOMAIN or looks_like_one:
            return f"{self.domain}/{self.path}"
        return self.path.removeprefix("library/") if self.path.count("/") == 1 else self.path

    def _joined(self, name: str) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return name + tag + (f"@{self.digest}" if self.digest else "")


def is_name_only(text: str) -> bool:
    """Whether a name was typed without a tag and without a digest: some commands mean all its tags."""
    return "@" not in text and _split_tag(text)[1] is None


def parse(text: str) -> Reference:
    """Read a name as typed; a missing domain is Docker's, a missing tag is ``latest``.

    Raises InvalidReferenceError.
    """
    name, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise _invalid(text, "the digest must be sha256: and 64 hexadecimal digits")
    name, tag = _split_tag(name)
    if tag is not None and not _is_tag(tag):
        raise _invalid(text, "a tag is up to 128 letters, digits, '_', '.' and '-'")
    domain, path = split_domain(name)
    if is_hex(name):
        raise _invalid(text, "64 hexadecimal digits are an image ID, not a name")
    if domain != DEFAULT_DOMAIN and not _DOMAIN.match(domain):
        raise _invalid(text, f"{domain!r} is not a registry's host name")
    if not _is_path(path):
        if path != path.lower() and _is_path(path.lower()):
            raise InvalidReferenceError(
                f'invalid reference format: "{text}": repository name must be lowercase',
                hint=f"did you mean {text.replace(name, name.lower())}?",
            )
        raise _invalid(text, "a name is lower-case letters and digits, parted by '/', '.', '_' or '-'")
    if len(path) > LONGEST_PATH:
        raise _invalid(text[:60], f"repository name must not be more than {LONGEST_PATH} characters")
    return Reference(domain, path, tag or ("" if digest else "latest"), digest)


def from_canonical(text: str) -> Reference:
    """The inverse of Reference.canonical(), for names that the store holds."""
    name, _, digest = text.partition("@")
    domain, _, rest = name.partition("/")
    path, tag = _split_tag(rest)
    return Reference(domain, path, tag or "", digest)


def _is_tag(text: str) -> bool:
    return 0 < len(text) <= LONGEST_TAG and text[0] in _WORD and not text.strip(_WORD + ".-")


def _is_path(text: str) -> bool:
    """Most are letters and digits alone, for which no expression is compiled."""
    return all(part and not part.strip(_PLAIN) for part in text.split("/")) or bool(_PATH.match(text))


def _split_tag(name: str) -> tuple[str, str | None]:
    """The part after the last colon, unless that colon is a port's."""
    colon = name.rfind(":")
    if colon <= name.rfind("/"):
        return name, None
    return name[:colon], name[colon + 1 :]


def split_domain(name: str) -> tuple[str, str]:
    """Docker's rule: the first part is a host if it has a dot, a colon or a capital, or is localhost."""
    first, slash, rest = name.partition("/")
    if not slash or not (set(first) & {".", ":"} or first == "localhost" or first != first.lower()):
        domain, path = DEFAULT_DOMAIN, name
    else:
        domain, path = first, rest
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = "library/" + path
    return domain, path


def _invalid(text: str, why: str) -> InvalidReferenceError:
    return InvalidReferenceError(f'invalid reference format: "{text}"', hint=why)

"""Sources of COPY and ADD that are no files yet: here-documents, and what lies at a URL."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat

from wherry.builder.context.folder import Found
from wherry.errors import ContextError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wherry.helper import Helper
    from wherry.remote.http import Downloads, Known

URL_MODE = 0o600
UNNAMED = "__unnamed__"


class Documents:
    """Here-documents by their names, as files of `folder`."""

    is_dateless = True
    has_owners = False

    def __init__(self, contents: Mapping[str, bytes], folder: str) -> None:
        self._contents = contents
        self._numbers = {name: str(number) for number, name in enumerate(contents)}
        self._folder = folder

    def find(self, pattern: str) -> list[Found]:
        # Not under its own name, which may be anything.
        path = os.path.join(self._folder, self._numbers[pattern])
        os.makedirs(self._folder, exist_ok=True)
        file = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o644)
        with open(file, "wb") as out:
            out.write(self._contents[pattern])
        os.chmod(path, 0o644)
        return [Found(pattern, path, os.lstat(path), posixpath.basename(posixpath.normpath("/" + pattern)))]

    def missing(self, pattern: str) -> ContextError:
        return ContextError(f"there is no here-document {pattern}")

    def below(self, folder: Found) -> list[Found]:
        return []

    def digests(self, files: Sequence[Found], helper: Helper) -> list[str]:
        return [f"f644:{hashlib.sha256(self._contents[file.name]).hexdigest()}" for file in files]

    def ready(self) -> None: ...


class Url:
    """The file at one URL.  It is fetched when its bytes are needed: not where the server says that nothing
    changed and the layer is known, and with a checksum not even asked for.

    `before_body` is called before bytes come, `found` with their digest (SHA-256, hexadecimal).
     A file's time is what the server says.
    """

    is_dateless = False
    has_owners = False

    def __init__(
        self,
        url: str,
        checksum: str | None,
        downloads: Downloads,
        folder: str,
        before_body: Callable[[], object],
        found: Callable[[str], object] = lambda digest: None,
    ) -> None:
        from wherry.remote.http import file_name

        self._url = url
        self._checksum = _sha256(checksum) if checksum is not None else None
        self._downloads = downloads
        self.name = file_name(url) or UNNAMED
        self._path = os.path.join(folder, self.name)
        self._before_body = before_body
        self._found = found
        self._known: Known | None = None

    def find(self, pattern: str) -> list[Found]:
        self._known = self._current()
        self._found(self._known.digest)
        size, modified = self._known.size, self._known.modified
        mode = stat.S_IFREG | URL_MODE
        return [
            Found(
                self.name,
                self._path,
                os.stat_result((mode, 0, 0, 1, 0, 0, size, modified, modified, modified)),
                self.name,
            )
        ]

    def _current(self) -> Known:
        known = self._downloads.known(self._url)
        if known is not None and self._checksum == known.digest:
            return known
        found = self._downloads.current(self._url, self._path, self._before_body)
        self._verify(found)
        return found

    def _verify(self, found: Known) -> None:
        if self._checksum is not None and found.digest != self._checksum:
            raise ContextError(
                f"digest mismatch for {self.name}: got sha256:{found.digest}, want sha256:{self._checksum}",
                hint="the file at the URL is another one than when --checksum was written",
            )

    def missing(self, pattern: str) -> ContextError:
        return ContextError(f"{self.name} is not there")

    def below(self, folder: Found) -> list[Found]:
        return []

    def digests(self, files: Sequence[Found], helper: Helper) -> list[str]:
        assert self._known is not None  # noqa: S101
        return [f"f{URL_MODE:o}:{self._known.digest}:{self._known.modified}"] * len(files)

    def ready(self) -> None:
        if os.path.exists(self._path):
            return
        found = self._downloads.fetch(self._url, self._path)
        self._verify(found)
        if self._known is not None and found.digest != self._known.digest:
            raise ContextError(
                f"{self.name} changed while it was fetched", hint="run it again for what is there now"
            )


def _sha256(checksum: str) -> str:
    algorithm, _, digest = checksum.partition(":")
    if algorithm != "sha256" or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise ContextError(
            f"invalid checksum {checksum!r}", hint="sha256: and the 64 hexadecimal digits of sha256sum"
        )
    return digest

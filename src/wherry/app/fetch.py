"""A build's context that is no folder of the user's, but a tar on a stream, a repository, a file.

What such a context says is not the user's word: its Dockerfile is read inside it, whatever links it has.
"""

from __future__ import annotations

import os

from wherry.errors import UsageError
from wherry.remote.urls import shown
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from wherry.builder.context.artifact import Fetched
    from wherry.builder.secrets import BuildSecrets
    from wherry.registry.client import Registries
    from wherry.store import Store

WEB = ("http://", "https://")
AT_REGISTRY = "oci://"


def is_remote(path: str) -> bool:
    from wherry.remote.gitref import parse_gitref

    if path == "-" or path.startswith(AT_REGISTRY):
        return True
    if os.path.exists(path):
        return False
    return path.startswith(WEB) or parse_gitref(path) is not None


def fetch(
    path: str,
    store: Store,
    temporary: str,
    given: BuildSecrets | None,
    stdin: Callable[[], IO[bytes]] | None = None,
    found: Callable[[str, str], object] = lambda uri, digest: None,
) -> tuple[str, bytes | None]:
    """The context's folder; or an empty one, and the Dockerfile that was all there is.

    `path` is a URL, or "-" for what `stdin` gives; `found` is called with a URL and the digest of what it
    stood for.  Raises ContextError.
    """
    from wherry.remote.gitref import parse_gitref

    # The copy of ourselves in a user namespace could not read standard input again, and what is unpacked
    # belongs to the users in it.
    store.runtime.need_layers()
    folder = os.path.join(temporary, "context")
    os.mkdir(folder)
    if path == "-":
        with from_stdin(stdin) as stream:
            return _unpacked(stream, folder)
    ref = parse_gitref(path)
    if ref is not None:
        from wherry.builder.steps.git import access
        from wherry.remote.git import Repository

        repository = Repository(ref, access(given), store.runtime.env)
        commit = repository.commit()
        found(shown(path), f"sha1:{commit}")
        return repository.checkout(commit, folder, keep=bool(ref.keep)), None
    from wherry.remote.http import Downloads

    file = os.path.join(temporary, "download", "file")
    known = Downloads(store).fetch(path, file)
    found(shown(path), f"sha256:{known.digest}")
    with open(file, "rb") as stream:
        return _unpacked(stream, folder)


def fetch_artifact(
    path: str, store: Store, folder: str, registries: Callable[[], Registries] | None
) -> tuple[Fetched, str]:
    """The context that ``oci://NAME[:TAG][@DIGEST]`` stands for, and the digest of its manifest."""
    from wherry.builder.context import artifact
    from wherry.oci.reference import parse

    name = parse(path.removeprefix(AT_REGISTRY))
    if registries is None:
        raise UsageError(f"{path}: this build has no access to registries")
    store.runtime.need_layers()  # see fetch()
    client = registries()
    try:
        repository = client.sources(name)[-1]
        digest = name.digest or repository.manifest(name.tag).digest
        return artifact.fetch(store, repository, digest, folder), digest
    finally:
        client.close()


def from_stdin(stdin: Callable[[], IO[bytes]] | None) -> IO[bytes]:
    """Raises UsageError where there is none."""
    if stdin is None:
        raise UsageError("'-' is a standard input, and there is none here", hint="name a file or a folder")
    return stdin()


def _unpacked(stream: IO[bytes], folder: str) -> tuple[str, bytes | None]:
    """A tar, compressed or not, is the context; anything else is the Dockerfile of an empty one."""
    if not _looks_like_tar(stream.peek(512)[:512]):  # type: ignore[attr-defined]
        from wherry.dockerfile.lines import LARGEST

        return folder, stream.read(LARGEST + 1)
    from wherry.layers.compress import decompressed
    from wherry.layers.unpack import unpack

    unpack(decompressed(stream), folder, name="the context", markers=False)
    return folder, None


def _looks_like_tar(data: bytes) -> bool:
    from wherry.layers.compress import kind_of

    return (
        kind_of(data) != "none" or data[257:262] == b"ustar" or (len(data) == 512 and b"\0" in data[:100])
    )

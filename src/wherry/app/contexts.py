"""Contexts of a build that have names: ``--build-context NAME=PATH|URL|docker-image://REF|oci-layout://…``."""

from __future__ import annotations

import functools
import os

from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.builder.context.folder import Context
    from wherry.builder.context.named import NamedContext
    from wherry.builder.secrets import BuildSecrets
    from wherry.images.view import Image
    from wherry.registry.client import Registries
    from wherry.store import Store


def contexts(
    words: Sequence[str],
    store: Store,
    temporary: str,
    given: BuildSecrets | None,
    registries: Callable[[], Registries] | None = None,
) -> dict[str, NamedContext]:
    """``NAME=WHERE``, by their names in lower case.  Raises UsageError, ContextError."""
    return dict(
        _context(word, number, store, temporary, given, registries) for number, word in enumerate(words)
    )


def _context(
    word: str,
    number: int,
    store: Store,
    temporary: str,
    given: BuildSecrets | None,
    registries: Callable[[], Registries] | None,
) -> tuple[str, NamedContext]:
    from wherry.builder.context.named import NamedContext
    from wherry.oci.reference import parse as parse_reference

    name, equals, value = word.partition("=")
    if not equals or not name or not value:
        raise UsageError(f"invalid context value: {word}, expected key=value")
    scheme, separator, rest = value.partition("://")
    if separator and scheme == "docker-image":
        parse_reference(rest)
        return name.lower(), NamedContext(value, reference=rest)
    if separator and scheme == "oci-layout":
        return name.lower(), NamedContext(value, image=_layout(rest, store, temporary, number))
    from wherry.remote.urls import shown

    return name.lower(), NamedContext(
        shown(value), folder=_folder(value, store, temporary, number, given, registries)
    )


def _layout(text: str, store: Store, temporary: str, number: int) -> Callable[[], Image]:
    """``PATH[:TAG|@DIGEST]``, loaded when it is first needed."""

    @functools.cache
    def load() -> Image:
        from wherry.images.load import load_layout

        path, at, digest = text.partition("@")
        tag = ""
        if not at and not os.path.isdir(path):
            path, _, tag = text.rpartition(":")
        folder = os.path.join(temporary, f"layout{number}")
        os.mkdir(folder)
        return load_layout(store, path, digest, tag, folder)

    return load


def _folder(
    value: str,
    store: Store,
    temporary: str,
    number: int,
    given: BuildSecrets | None,
    registries: Callable[[], Registries] | None,
) -> Callable[[], Context]:
    def open_() -> Context:
        from wherry.app.fetch import AT_REGISTRY, fetch, fetch_artifact, is_remote
        from wherry.builder.context.folder import open_context

        if not is_remote(value):
            return open_context(value, "", store.root)
        folder = os.path.join(temporary, f"context{number}")
        os.mkdir(folder)
        if value.startswith(AT_REGISTRY):
            artifact, _ = fetch_artifact(value, store, folder, registries)
            return open_context(artifact.root, artifact.dockerfile, None)
        return open_context(fetch(value, store, folder, given)[0], "", None)

    return open_

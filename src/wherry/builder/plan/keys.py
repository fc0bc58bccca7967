"""PURE: cache keys.  A key is made of what a step reads, never of when.

A file system is known by its chain ID, so two roads to the same bytes have the same keys from there on.
The components are kept beside the key: they are what `wherry explain` compares.
"""

from __future__ import annotations

from wherry import jsontext as json
from wherry.sha256 import hex_of
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

# Raise it when a step begins to do something else with the same components.
VERSION = 3
# Before the chain ID of layers that do not show when they were made: what is done on top of them does not
# show it either, so that nothing is shared with builds that show it.
REPRODUCIBLE = "timeless "


class Key(NamedTuple):
    digest: str
    components: dict[str, Any]


def _key(kind: str, **components: Any) -> Key:
    value = {"version": VERSION, "kind": kind, **components}
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return Key(hex_of(text.encode("utf-8", "surrogateescape")), value)


def run_key(
    chain: str,
    argv: Sequence[str],
    env: Sequence[str],
    user: str,
    workdir: str,
    network: str,
    scripts: Mapping[str, str] = {},
    **more: Any,
) -> Key:
    """`more` are components that most steps do not have; what is empty does not count."""
    more = {name: value for name, value in {"scripts": dict(scripts), **more}.items() if value}
    return _key(
        "run",
        chain=chain,
        argv=list(argv),
        env=list(env),
        user=user,
        workdir=workdir,
        network=network,
        **more,
    )


def with_mounts(key: Key, mounts: Sequence[dict[str, Any]]) -> Key:
    """The key of a RUN with mounts; in `mounts` what each shows is named, never a secret."""
    components = {k: v for k, v in key.components.items() if k not in ("version", "kind")}
    return _key("run", **components, mounts=list(mounts))


def copy_key(
    chain: str,
    content: str,
    dest: str,
    owner: tuple[int, int] | None,
    mode: str | None,
    *,
    unpack: bool,
) -> Key:
    """`dest` is absolute; `content` covers every file and its place; `chain` is "" where the layer does
    not depend on what lies below it."""
    ids = None if owner is None else list(owner)
    return _key("copy", chain=chain, content=content, dest=dest, owner=ids, mode=mode, unpack=unpack)


def unseen_copy_key(
    chain: str, content: str, dest: str, workdir: str, owner: str, mode: str, flags: Mapping[str, Any]
) -> Key:
    """The key of a COPY without a look at what lies below it, which may be elsewhere: `content` covers
    every file as if there were nothing, `chain` says what there is."""
    return _key(
        "copy-unseen",
        chain=chain,
        content=content,
        dest=dest,
        workdir=workdir,
        owner=owner,
        mode=mode,
        **flags,
    )


def unseen_workdir_key(chain: str, path: str, user: str) -> Key:
    """That of a WORKDIR."""
    return _key("workdir-unseen", chain=chain, path=path, user=user)


def copy_from_key(
    chain: str,
    source_chain: str,
    sources: Sequence[str],
    dest: str,
    owner: str,
    mode: str,
    flags: Mapping[str, Any],
) -> Key:
    """The quick key of COPY --from and of ADD from git: by what the source is as a whole, without reading
    its files.  `flags` are those that were given."""
    return _key(
        "copy-from",
        chain=chain,
        source=source_chain,
        sources=list(sources),
        dest=dest,
        owner=owner,
        mode=mode,
        **flags,
    )


def workdir_key(chain: str, path: str, owner: tuple[int, int] = (0, 0)) -> Key:
    more = {"owner": list(owner)} if owner != (0, 0) else {}
    return _key("workdir", chain=chain, path=path, **more)


def image_key(config: bytes) -> Key:
    """A whole image by its configuration without times: the same again is the same image."""
    return _key("image", config=hex_of(config))

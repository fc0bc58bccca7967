"""PURE: content digests (OCI descriptor.md, "Digests")."""

from __future__ import annotations

from wherry.pattern import pattern
from wherry.sha256 import hex_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIGEST = pattern(r"sha256:[a-f0-9]{64}\Z")


def digest_of(data: bytes) -> str:
    return "sha256:" + hex_of(data)


def is_digest(text: object) -> bool:
    return isinstance(text, str) and _DIGEST.match(text) is not None


def chain_id(diff_ids: Sequence[str]) -> str:
    """What a stack of layers is (OCI config.md, "Layer ChainID"); "" for no layers."""
    chain = ""
    for diff_id in diff_ids:
        chain = chain_above(chain, diff_id)
    return chain


def chain_above(chain: str, diff_id: str) -> str:
    """The chain ID of a stack with one more layer."""
    return digest_of(f"{chain} {diff_id}".encode()) if chain else diff_id

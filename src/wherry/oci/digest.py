"""PURE: content digests (OCI descriptor.md, "Digests")."""

from __future__ import annotations

from wherry.sha256 import hex_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEXADECIMAL = "0123456789abcdef"


def digest_of(data: bytes) -> str:
    return "sha256:" + hex_of(data)


def is_digest(text: object) -> bool:
    return isinstance(text, str) and text.startswith("sha256:") and is_hex(text[7:])


def is_hex(text: str) -> bool:
    """Whether it is 64 lower-case hexadecimal digits."""
    return len(text) == 64 and not text.strip(_HEXADECIMAL)


def chain_id(diff_ids: Sequence[str]) -> str:
    """What a stack of layers is (OCI config.md, "Layer ChainID"); "" for no layers."""
    chain = ""
    for diff_id in diff_ids:
        chain = chain_above(chain, diff_id)
    return chain


def chain_above(chain: str, diff_id: str) -> str:
    """The chain ID of a stack with one more layer."""
    return digest_of(f"{chain} {diff_id}".encode()) if chain else diff_id

"""Whether a layer's tree is what its diff ID says, and making it again from a blob where it is not."""

from __future__ import annotations

import os

from wherry.errors import CorruptError, HostileArchiveError, StepError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.pack import Packed
    from wherry.store.blobs import Blobs
    from wherry.store.layerrecord import LayerBlob

# The mode of a layer's root where its tar has no entry for it (`layers.tree`).
ROOT_MODE = 0o755


class Verdict(NamedTuple):
    """What became of a look at a layer.

    `whole` says whether the tree is right.  `packed` is the digest of our own tar of it where that is not
    its diff ID (a tar from elsewhere has other bytes).  `again` is a right tree, in the caller's temporary
    folder, where the one in the store is wrong or missing and a blob gives it; `source` is that blob.
    """

    whole: bool
    packed: str = ""
    again: str = ""
    source: str = ""


def verify(
    tree: str, diff_id: str, packed: str, blobs: Blobs, known: list[LayerBlob], temporary: str
) -> Verdict:
    """Compare a tree with its diff ID; where that cannot say, with what its blobs hold.

    Memory is bounded.  `temporary` is an empty folder, used only if a blob has to be unpacked.  Raises
    PermissionError for what this user may not read.
    """
    found = digest_of_tree(tree)
    if found is not None and found in (diff_id, packed):
        return Verdict(True, packed)
    for blob, again in _unpacked(diff_id, blobs, known, temporary):
        digest = digest_of_tree(again) or ""
        digest = "" if digest == diff_id else digest
        if found is not None and found == digest:
            return Verdict(True, digest)
        return Verdict(False, digest, again, blob.digest)
    return Verdict(False)


def digest_of_tree(tree: str) -> str | None:
    """The digest of a tree's tar; None where there is no tree, or nothing that has a tar."""
    from wherry.layers.pack import pack

    if not os.path.isdir(tree):
        return None
    try:
        return pack(tree).diff_id
    except StepError:
        return None
    except PermissionError:
        raise
    except OSError:
        return None  # the disk cannot give it back


def _unpacked(
    diff_id: str, blobs: Blobs, known: list[LayerBlob], temporary: str
) -> Iterator[tuple[LayerBlob, str]]:
    """The tree of each blob that holds the layer, unpacked; a damaged blob gives none."""
    for number, blob in enumerate(known):
        tree = os.path.join(temporary, f"again{number}")
        packed = unpack_blob(blobs, blob.digest, tree)
        if packed is not None and packed.diff_id == diff_id:
            yield blob, tree


def unpack_blob(blobs: Blobs, digest: str, tree: str) -> Packed | None:
    """Unpack a layer's blob into the new folder `tree`; None where it is missing or damaged."""
    from wherry.layers.compress import decompressed
    from wherry.layers.unpack import unpack

    if not blobs.is_whole(digest):
        return None
    os.mkdir(tree)
    os.chmod(tree, ROOT_MODE)
    try:
        with open(blobs.path(digest), "rb") as file:
            return unpack(decompressed(file), tree, name=f"blob {digest[7:19]}")
    except (CorruptError, HostileArchiveError):
        return None

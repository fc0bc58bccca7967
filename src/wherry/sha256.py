"""SHA-256 without hashlib: OpenSSL takes 3 ms to load, and a cached build hashes a few kilobytes.

CPython's own module is taken as its `random` takes it; OpenSSL, which is faster, for what is larger.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable
    from hashlib import _Hash
    from hashlib import sha256 as _of_few
else:
    try:
        from _sha256 import sha256 as _of_few  # 3.11
    except ImportError:
        try:
            from _sha2 import sha256 as _of_few  # 3.12 and later
        except ImportError:
            from hashlib import sha256 as _of_few

FEW = 1 << 17
"""Bytes, all in all, that are hashed in less time than it takes to load OpenSSL."""
CHUNK = 1 << 20
_so_far = 0


def hex_of(data: bytes) -> str:
    """64 hexadecimal digits."""
    global _so_far
    _so_far += len(data)
    if _so_far <= FEW:
        return _of_few(data).hexdigest()
    import hashlib

    return hashlib.sha256(data).hexdigest()


def hex_of_texts(texts: Iterable[str]) -> str:
    """That of texts one after the other, as UTF-8; however many, they are never joined as a whole."""
    from wherry.texts import encoded

    pieces = encoded(texts)
    first, second = next(pieces, b""), next(pieces, None)
    if second is None:
        return hex_of(first)
    digest = hasher()
    digest.update(first)
    digest.update(second)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def hasher() -> _Hash:
    """For bytes that come one after the other."""
    import hashlib

    return hashlib.sha256()


def hex_of_file(file: int) -> str:
    """That of a regular file's bytes; memory is bounded.

    As much is asked for as there is: to set CHUNK bytes of memory apart costs more than to read a page.
    """
    room = min(os.fstat(file).st_size + 1, CHUNK)
    data = os.read(file, room)
    if len(data) < room:
        return hex_of(data)
    digest = hasher()
    while data:
        digest.update(data)
        data = os.read(file, CHUNK)
    return digest.hexdigest()

"""The digest is the same whoever makes it."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from wherry.sha256 import FEW, hasher, hex_of, hex_of_texts


@pytest.mark.parametrize("size", [0, 1, 63, 64, FEW, FEW + 1, 3 * FEW])
def test_few_bytes_and_many(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    other = hasher()
    other.update(data)
    assert hex_of(data) == hashlib.sha256(data).hexdigest() == other.hexdigest()


def test_openssl_is_loaded_when_it_is_worth_it_and_no_sooner() -> None:
    script = """
import sys
from wherry.sha256 import FEW, hex_of
for _ in range(4):
    hex_of(bytes(FEW // 4))
print("hashlib" in sys.modules)
hex_of(b"a")
print("hashlib" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"], done.stderr


@pytest.mark.parametrize("absent", ["", "_sha256", "_sha2", "_sha256 _sha2"])
def test_whichever_module_this_python_has(absent: str) -> None:
    script = f"import sys; sys.modules.update(dict.fromkeys({absent.split()!r}))\n"
    script += "from wherry.sha256 import hex_of; print(hex_of(b'a'))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == hashlib.sha256(b"a").hexdigest(), done.stderr


@pytest.mark.parametrize("count", [0, 1, 1_000, FEW])
def test_texts_are_those_joined(count: int) -> None:
    texts = [f"{number}é\udcff" for number in range(count)]
    texts.insert(count // 2, "")
    whole = "".join(texts).encode("utf-8", "surrogateescape")
    assert hex_of_texts(texts) == hashlib.sha256(whole).hexdigest()

"""Layers in a few words, and layers that hypothesis draws."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from hypothesis import strategies as st

from wherry.explore.explore import Explored, Subject, explore
from wherry.explore.made import Made
from wherry.explore.model import FILE, FOLDER, File, LayerFiles


class Text(NamedTuple):
    """A file's bytes at hand."""

    data: bytes

    def beginning(self) -> bytes:
        return self.data[:2]

    def end(self) -> bytes:
        return self.data[-2:]

    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def read(self, most: int) -> bytes:
        return self.data[:most]

    def symbols(self) -> None:
        return None


def layer(*words: str | tuple[str, str], **modes: int) -> LayerFiles:
    """("path", "text") is a file, "path/" a folder, "-path" a whiteout, "path/*" an opaque folder, "a=b" a
    hard link a to b.  `modes` are by the last part of a path."""
    files: dict[str, File] = {}
    whiteouts, opaque = [], []
    for number, word in enumerate(words):
        if isinstance(word, tuple):
            path, text = word
            mode = modes.get(path.rpartition("/")[2], 0o644)
            content = Text(text.encode()) if text else None
            files[path] = File(path, FILE, len(text), mode, 0, 0, 0, "", number, content)
        elif word.startswith("-"):
            whiteouts.append(word[1:])
        elif word.endswith("/*"):
            opaque.append(word[:-2])
        elif "=" in word:
            link, _, path = word.partition("=")
            files[link] = files[path]._replace(path=link)
        else:
            path = word.rstrip("/")
            mode = modes.get(path.rpartition("/")[2], 0o755)
            files[path] = File(path, FOLDER, 0, mode, 0, 0, 0, "", number)
    return LayerFiles(tuple(files.values()), tuple(whiteouts), tuple(opaque))


def explored(*layers: LayerFiles, commands: tuple[str, ...] = ()) -> Explored:
    made = [Made(command) for command in commands] or [Made()] * len(layers)
    return explore(Subject("image", layers, tuple(made), ("",) * len(layers)))


NAMES = st.sampled_from(["a", "b", "a/x", "a/y", "a/x/p", "b/x", "a/y/q"])
WORDS = st.one_of(
    st.tuples(NAMES, st.sampled_from(["", "1", "22", "333", "33x"])),
    NAMES.map(lambda name: name + "/"),
    NAMES.map(lambda name: "-" + name),
    NAMES.map(lambda name: name + "/*"),
)
LAYERS = st.lists(st.lists(WORDS, max_size=6).map(lambda words: layer(*words)), min_size=1, max_size=4)

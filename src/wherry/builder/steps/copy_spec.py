"""A COPY or ADD, its variables replaced."""

from __future__ import annotations

import posixpath

from wherry.remote import urls
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.builder.steps.stage import Stage
    from wherry.dockerfile.ast import Copy


class CopySpec:
    """A COPY or ADD with its variables replaced."""

    def __init__(self, stage: Stage, copy: Copy) -> None:
        place = copy.location
        self.copy = copy
        self.words = [stage.expand(word, place) for word in copy.sources]
        self.documents = {d.name: stage.document(d, place) for d in copy.heredocs}
        self.dest = stage.expand(copy.dest, place)
        self.owner = stage.expand(copy.chown or "", place)
        self.mode = stage.expand(copy.chmod or "", place)
        self.checksum = stage.expand(copy.checksum, place) if copy.checksum else None
        self.exclude = [stage.expand(pattern, place) for pattern in copy.exclude]
        self.target = posixpath.join("/", stage.state.workdir, self.dest or "./")

    @property
    def name(self) -> str:
        return "ADD" if self.copy.add else "COPY"

    @property
    def unpack(self) -> bool:
        """Whether local archives are unpacked."""
        return self.copy.add if self.copy.unpack is None else self.copy.unpack

    def created_by(self) -> str:
        """As BuildKit writes it."""
        parents = ["--parents"] if self.copy.parents else []
        flags = (("chown", self.owner), ("chmod", self.mode))
        shown = [f"--{name}={value}" for name, value in flags if value]
        documents = [f"<<{name}" for name in self.documents]
        words = map(urls.shown, self.words)
        return " ".join([self.name, *parents, *shown, *words, *documents, self.dest])

    def flags(self) -> dict[str, Any]:
        """What else decides where files go, for a key: only what was given."""
        flags = {
            "parents": self.copy.parents,
            "exclude": self.exclude,
            "link": self.copy.link,
            "unpack": self.copy.unpack,
        }
        return {name: value for name, value in flags.items() if value not in (False, [], None)}

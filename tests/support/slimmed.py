"""Fat images of the programs in tests/slim/programs, and the slim ones that `wherry slim` makes of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from support.checkout import ROOT
from support.podimages import of_the_machine
from support.wherry import Wherry

PROGRAMS = ROOT / "tests/slim/programs"


class Slim(NamedTuple):
    """The name of an image; `size` and `before`, that of the fat one, in bytes."""

    name: str
    before: int
    size: int


@contextmanager
def debian_with(factory: pytest.TempPathFactory, *packages: str) -> Iterator[Wherry]:
    """A store with the image ``debian``, which has those packages."""
    wherry = Wherry(factory.mktemp("debian") / "store")
    wherry("bootstrap", "--include", ",".join(packages), "debian", timeout=900)
    yield wherry
    wherry.end()


def program(name: str, folder: Path, **values: int) -> Path:
    """A copy of a program's files, with the values in them: `port` for ``__PORT__``."""
    target = folder / name
    shutil.copytree(PROGRAMS / name, target)
    for file in target.rglob("*"):
        if file.is_file():
            text = file.read_text()
            for word, value in values.items():
                text = text.replace(f"__{word.upper()}__", str(value))
            file.write_text(text)
    return target


def slimmed(wherry: Wherry, context: Path, *words: str, build: tuple[str, ...] = ()) -> Slim:
    """Build an image and make a slim one of it; `words` are of `wherry slim`, `build` of `wherry build`."""
    name = build[-1] if build else context.name
    wherry.build(context, None, "-t", f"fat-{name}", *of_the_machine(), *build, timeout=600)
    wherry("slim", f"fat-{name}", "-t", f"slim-{name}", *words, timeout=600)
    before, after = (json.loads(wherry("inspect", f"{kind}-{name}"))[0]["Size"] for kind in ("fat", "slim"))
    print(f"{name}: {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB after")
    return Slim(f"slim-{name}", before, after)

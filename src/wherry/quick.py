"""wherry's own modules are imported with one look at the disk and one read each.

A command is mostly its imports, of more than a hundred modules, and Python's own finder and loader look
eight times for each of them.  What is found is what they would find: bytecode counts where it belongs to
its source as Python has it (PEP 552), and whatever else there is to do, Python's loader does.
"""

from __future__ import annotations

import os
import sys

# As importlib.machinery and importlib.util have them, without the import of importlib.
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

HEADER = 16
"""Bytes before the code: the magic number, flags, and the source's time and size, or its hash."""
UNCHECKED = MAGIC_NUMBER + (1).to_bytes(4, "little")
OPTIMIZED = f".opt-{sys.flags.optimize}" if sys.flags.optimize else ""
ENDING = f".{sys.implementation.cache_tag}{OPTIMIZED}.pyc"


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, cached: str, status: os.stat_result) -> None:
        super().__init__(name, path)
        self._cached = cached
        self._status = status

    def get_code(self, fullname: str) -> CodeType | None:
        try:
            data = _read(self._cached)
            if data.startswith((UNCHECKED, _header(self._status))):
                code: CodeType = loads(memoryview(data)[HEADER:])  # noqa: S302
                return code
        except (OSError, EOFError, TypeError, ValueError):
            pass
        return super().get_code(fullname)


class Finder:
    """On sys.meta_path: finds the modules in wherry's packages, but for those that are no Python source."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not path or not name.startswith("wherry."):
            return None
        place = f"{path[0]}/{name.rpartition('.')[2]}"
        try:
            return _spec(name, place, os.stat(place + ".py"))
        except OSError:
            pass
        try:
            spec = _spec(name, place + "/__init__", os.stat(place + "/__init__.py"))
        except OSError:
            return None
        spec.submodule_search_locations = [place]
        return spec


def install() -> None:
    """For all imports that come; not where the bytecode is not beside the sources."""
    if sys.implementation.cache_tag and sys.pycache_prefix is None:
        sys.meta_path.insert(0, Finder)


def _spec(name: str, place: str, status: os.stat_result) -> ModuleSpec:
    folder, _, own = place.rpartition("/")
    path, cached = place + ".py", f"{folder}/__pycache__/{own}{ENDING}"
    spec = ModuleSpec(name, _Loader(name, path, cached, status), origin=path)
    spec.has_location = True
    spec.cached = cached
    return spec


def _header(source: os.stat_result) -> bytes:
    """How bytecode begins that was made of a source with this time and size."""
    numbers = (0, int(source.st_mtime), source.st_size)
    return MAGIC_NUMBER + b"".join((number & 0xFFFF_FFFF).to_bytes(4, "little") for number in numbers)


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, os.fstat(file).st_size)
    finally:
        os.close(file)

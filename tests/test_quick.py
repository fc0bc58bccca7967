"""Modules are found and loaded as Python's own finder and loader do it, with less work."""

from __future__ import annotations

import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from wherry import quick

MODULE = "said = 'first'\n"


class Package:
    """A package by wherry's name, with a module and a package in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.top = folder / "wherry"
        (self.top / "inner").mkdir(parents=True)
        (self.top / "__init__.py").write_text("from wherry.quick import install\ninstall()\n")
        shutil.copy(quick.__file__, self.top / "quick.py")
        (self.top / "module.py").write_text(MODULE)
        (self.top / "inner/__init__.py").write_text("")
        (self.top / "inner/module.py").write_text(MODULE)
        self.cached = self.top / "__pycache__" / f"module.{sys.implementation.cache_tag}.pyc"

    def says(self, code: str, *options: str) -> str:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        words = [sys.executable, *options, "-c", code]
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=environment | {"PYTHONPATH": str(self.folder)},
        )
        return (done.stdout + done.stderr).strip()

    def said(self, *options: str) -> str:
        return self.says("import wherry.module; print(wherry.module.said)", *options)


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path)


CHECK = """
import inspect, pathlib, importlib.resources
import wherry.cli.core, wherry.store.store
for module in (wherry.cli.core, wherry.store, wherry.store.store):
    spec, path = module.__spec__, pathlib.Path(module.__file__)
    assert type(spec.loader).__module__ == "wherry.quick", module
    assert module.__file__ == spec.origin == inspect.getsourcefile(module)
    assert spec.has_location and pathlib.Path(spec.cached).parent == path.parent / "__pycache__"
    assert module.__package__ == ("wherry.cli.core" if module is wherry.cli.core else "wherry.store")
    assert inspect.getsource(module) == path.read_text()
assert list(wherry.store.__path__) == [str(pathlib.Path(wherry.store.__file__).parent)]
assert importlib.resources.files("wherry.store").joinpath("store.py").is_file()
"""


def test_modules_know_what_python_tells_them() -> None:
    subprocess.run([sys.executable, "-c", CHECK], check=True)


def test_a_program_that_imports_wherry_imports_as_it_did() -> None:
    code = "import sys; had = list(sys.meta_path); import wherry; wherry.build; assert sys.meta_path == had"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_module_that_is_not_there_is_an_error(package: Package) -> None:
    assert package.says("import wherry.nothing").endswith("No module named 'wherry.nothing'")
    assert package.says("import wherry.inner.nothing").endswith("No module named 'wherry.inner.nothing'")
    assert package.says("import wherry.module.x").endswith("'wherry.module' is not a package")


def test_bytecode_is_written_and_used_once_more(package: Package) -> None:
    assert package.said() == "first"
    assert package.cached.exists()
    # It is what is run: a source of the same time and size is not looked into.
    status = (package.top / "module.py").stat()
    (package.top / "module.py").write_text(MODULE.replace("first", "other"))
    os.utime(package.top / "module.py", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert package.said() == "first"
    assert (
        package.says("import wherry.inner.module as m; print(m.said, m.__name__)")
        == "first wherry.inner.module"
    )


@pytest.mark.parametrize("change", ["time", "size"])
def test_a_source_that_changed_is_compiled_again(package: Package, change: str) -> None:
    package.said()
    source = package.top / "module.py"
    status = source.stat()
    source.write_text(MODULE.replace("first", "other" if change == "time" else "another"))
    moment = status.st_mtime_ns + (2_000_000_000 if change == "time" else 0)
    os.utime(source, ns=(moment, moment))
    assert package.said() == ("other" if change == "time" else "another")
    assert package.said() == ("other" if change == "time" else "another")


@pytest.mark.parametrize("damage", [b"", b"\0" * 16, b"no bytecode", None])
def test_what_is_no_bytecode_is_written_anew(package: Package, damage: bytes | None) -> None:
    package.said()
    if damage is None:
        package.cached.unlink()
    else:
        package.cached.write_bytes(damage)
    assert package.said() == "first"
    assert package.cached.stat().st_size > 100


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (py_compile.PycInvalidationMode.CHECKED_HASH, "other"),
        (py_compile.PycInvalidationMode.UNCHECKED_HASH, "first"),
    ],
)
def test_bytecode_by_hash_counts_as_it_says(
    package: Package, mode: py_compile.PycInvalidationMode, expected: str
) -> None:
    source = package.top / "module.py"
    py_compile.compile(str(source), str(package.cached), invalidation_mode=mode)
    source.write_text(MODULE.replace("first", "other"))
    assert package.said() == expected


@pytest.mark.parametrize(
    "options", [("-O",), ("-OO",), ("-B",), ("-I",), ("-X", "pycache_prefix=elsewhere")]
)
def test_other_ways_to_run_python_work(package: Package, options: tuple[str, ...]) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(package.folder)!r}); import wherry.module as m; print(m.said)"
    )
    assert package.says(code, *options) == "first"
    assert package.says(code, *options) == "first"


def test_a_package_in_a_zip_file_is_imported_from_there(package: Package) -> None:
    archive = shutil.make_archive(str(package.folder / "all"), "zip", package.folder, "wherry")
    shutil.rmtree(package.top)
    code = f"import sys; sys.path.insert(0, {archive!r}); import wherry.inner.module as m; print(m.said)"
    assert package.says(code) == "first"


def test_no_folder_is_listed_and_each_file_is_opened_once(package: Package) -> None:
    code = """if True:
        import sys, wherry
        seen = []
        def note(name, values):
            if name in ("open", "os.listdir"):
                seen.append(f"{name} {values[0]}")
        sys.addaudithook(note)
        import wherry.module, wherry.inner.module
        print(*seen, sep="\\n")
    """
    package.says(code)  # which writes the bytecode
    seen = package.says(code).splitlines()
    assert len(seen) == len(set(seen)) == 3, seen
    assert all(line.startswith("open ") and line.endswith(".pyc") for line in seen)

"""What Python and Node programs load: packages as they are installed, read without running them."""

from __future__ import annotations

import compileall
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.programs import compile_
from support.slim import closure, files, write
from wherry.slim.python.compiled import names
from wherry.slim.python.imports import Import, parse
from wherry.slim.reason import GUESS, chain
from wherry.slim.static import Wish

EXPORTS = st.recursive(
    st.none() | st.text(max_size=9), lambda below: st.dictionaries(st.text(max_size=4), below)
)
SITE = "usr/lib/python3.11/site-packages"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A Python without its library but for what the tests write, and the app ``/app/main.py``."""
    top = tmp_path / "tree"
    (top / "usr/bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", top / "usr/bin/python3.11")
    (top / "usr/bin/python3").symlink_to("python3.11")
    for name in ("os", "json", "pydoc", "unused", "_strptime", "datetime"):
        write(top / f"usr/lib/python3.11/{name}.py", "")
    write(top / "usr/lib/python3.11/encodings/__init__.py", "")
    return top


def found(tree: Path, *argv: str, **config: object) -> set[str]:
    argv = argv or ("python3", "/app/main.py")
    return {name.removeprefix("usr/lib/python3.11/") for name in files(closure(tree, *argv, **config))}


def test_packages_namespaces_relative_imports_and_what_functions_import(tree: Path) -> None:
    write(
        tree / "app/main.py",
        "import json, helper\nfrom ns.part import thing\ndef f():\n    import pydoc, late\n",
    )
    write(tree / "app/helper.py", "from pkg import sub\nfrom pkg.deep import *\n")
    write(tree / "app/late.py", "")
    write(tree / f"{SITE}/pkg/__init__.py", "")
    write(tree / f"{SITE}/pkg/sub.py", "from .sibling import x\nfrom . import other\n")
    for name in ("sibling", "other", "alone"):
        write(tree / f"{SITE}/pkg/{name}.py", "")
    write(tree / f"{SITE}/pkg/deep/__init__.py", "from ..cousin import y\n")
    write(tree / f"{SITE}/pkg/cousin.py", "")
    write(tree / f"{SITE}/ns/part/__init__.py", "")
    write(tree / f"{SITE}/ns/apart/__init__.py", "")
    names = found(tree)
    assert {
        "json.py",
        "os.py",
        "encodings/__init__.py",
        "app/main.py",
        "app/helper.py",
        "app/late.py",
    } <= names
    site = {name.removeprefix("site-packages/") for name in names if name.startswith("site-packages/")}
    assert site == {
        "pkg/__init__.py", "pkg/sub.py", "pkg/sibling.py", "pkg/other.py", "pkg/deep/__init__.py",
        "pkg/cousin.py", "ns/part/__init__.py",
    }  # fmt: skip
    assert "unused.py" not in names and "pydoc.py" not in names, "help() is for people at a terminal"
    assert (
        "usr/lib/python3.11/pydoc.py"
        in closure(tree, "python3", "/app/main.py", wish=Wish(trust=GUESS)).reasons
    )
    reasons = chain(closure(tree, "python3", "/app/main.py").reasons, f"{SITE}/pkg/cousin.py")
    assert [name.rpartition("/")[2] for name, _ in reasons][:3] == ["cousin.py", "__init__.py", "helper.py"]


def test_names_that_only_running_tells_keep_the_package(tree: Path) -> None:
    write(
        tree / "app/main.py",
        "import plugged, settled\nimport importlib\nimportlib.import_module('by.name')\n",
    )
    write(
        tree / f"{SITE}/plugged/__init__.py",
        "import importlib\ndef f(x): return importlib.import_module(x)\n",
    )
    write(tree / f"{SITE}/plugged/plugins/a.py", "")
    write(tree / f"{SITE}/plugged/tests/test_a.py", "")
    write(tree / f"{SITE}/settled/__init__.py", 'BACKEND = "other.backend:make"\n')
    write(tree / f"{SITE}/settled/never.py", "")
    write(tree / f"{SITE}/other/__init__.py", "")
    write(tree / f"{SITE}/other/backend.py", "")
    write(tree / f"{SITE}/by/name.py", "")
    names = found(tree)
    assert {
        f"site-packages/{name}" for name in ("plugged/plugins/a.py", "other/backend.py", "by/name.py")
    } <= names
    assert not {"site-packages/plugged/tests/test_a.py", "site-packages/settled/never.py"} & names


def test_data_and_records_of_installed_packages_come_with_them(tree: Path) -> None:
    write(tree / "app/main.py", "import pkg\nfrom datetime import date\n")
    write(tree / f"{SITE}/pkg/__init__.py", "")
    write(tree / f"{SITE}/pkg/data/cacert.pem", "x")
    write(tree / f"{SITE}/pkg/source.c", "x")
    write(tree / f"{SITE}/My_Pkg-1.0.dist-info/METADATA", "Name: x\n")
    write(tree / f"{SITE}/My_Pkg-1.0.dist-info/RECORD", "pkg/__init__.py,,\n")
    write(tree / f"{SITE}/other-1.0.dist-info/METADATA", "Name: x\n")
    names = found(tree)
    assert {"site-packages/pkg/data/cacert.pem", "site-packages/My_Pkg-1.0.dist-info/METADATA"} <= names
    assert not {"site-packages/pkg/source.c", "site-packages/other-1.0.dist-info/METADATA"} & names
    assert "_strptime.py" in names, "datetime imports it from C"


def test_scripts_modules_and_virtual_environments(tree: Path) -> None:
    venv = "opt/venv"
    write(tree / f"{venv}/pyvenv.cfg", "home = /usr/bin\n")
    (tree / venv / "bin").mkdir()
    (tree / venv / "bin/python").symlink_to("/usr/bin/python3")
    write(tree / f"{venv}/bin/serve", "#!/opt/venv/bin/python\nfrom server.cli import main\n", 0o755)
    write(tree / f"{venv}/lib/python3.11/site-packages/server/__init__.py", "")
    write(tree / f"{venv}/lib/python3.11/site-packages/server/cli.py", "")
    write(tree / f"{venv}/lib/python3.11/site-packages/server/__main__.py", "import json\n")
    write(tree / "work/shop/wsgi.py", "import unused\n")
    write(tree / "work/shop/__init__.py", "")
    names = found(tree, f"/{venv}/bin/serve", "shop.wsgi:app", WorkingDir="/work")
    assert {f"{venv}/lib/python3.11/site-packages/server/cli.py", f"{venv}/pyvenv.cfg"} <= names
    assert {"work/shop/wsgi.py", "unused.py"} <= names
    names = found(tree, f"/{venv}/bin/python", "-m", "server")
    assert {f"{venv}/lib/python3.11/site-packages/server/__main__.py", "json.py"} <= names


def test_python_as_docker_s_image_has_it(tmp_path: Path) -> None:
    """Compiled for /usr/local, with a shared library of its own, and pip's packages below it."""
    tree = tmp_path / "tree"
    library = tree / "usr/local/lib/python3.13"
    compile_(tree / "usr/local/lib/libpython3.13.so.1.0", "int run(void){return 0;}", "-shared", "-fPIC")
    flags = ("-L", str(tree / "usr/local/lib"), "-l:libpython3.13.so.1.0", "-Wl,-rpath,$ORIGIN/../lib")
    compile_(tree / "usr/local/bin/python3.13", "int run(void); int main(void){return run();}", *flags)
    (tree / "usr/local/bin/python3").symlink_to("python3.13")
    write(tree / "usr/local/bin/serve", "#!/usr/local/bin/python3.13\nfrom server.main import run\n", 0o755)
    for name in ("os.py", "encodings/__init__.py", "unused.py", "site-packages/server/__init__.py"):
        write(library / name, "")
    write(library / "site-packages/server/main.py", "import _fast")
    write(library / "lib-dynload/_fast.cpython-313-x86_64-linux-gnu.so", "")
    write(library / "site-packages/pip/__init__.py", "")
    write(tree / "usr/lib/python3.11/os.py", "")
    names = files(closure(tree, "serve", Env=["PATH=/usr/local/bin:/usr/bin:/bin"]))
    inside = {name.removeprefix("usr/local/lib/python3.13/") for name in names}
    assert {"os.py", "encodings/__init__.py", "site-packages/server/main.py"} <= inside
    assert "lib-dynload/_fast.cpython-313-x86_64-linux-gnu.so" in inside
    assert {"usr/local/lib/libpython3.13.so.1.0", "usr/local/bin/python3.13"} <= names
    others = ("unused.py", "site-packages/pip/__init__.py", "usr/lib/python3.11/os.py")
    assert inside.isdisjoint(others)


def test_imports_of_a_source() -> None:
    text = """
import a.b as c
from .. import d
try:
    import e
except ImportError: pass
if TYPE_CHECKING:
    import never
if __name__ == "__main__":
    import never_either
def f():
    from g import h
"""
    assert set(parse(text.encode()).imports) == {
        Import("a.b"), Import("", 2, ("d",)), Import("e"), Import("g", 0, ("h",), late=True)
    }  # fmt: skip


def test_a_newer_syntax_is_read_by_its_lines() -> None:
    text = b"import a, b as c\nfrom .x import (y, z)\ntype X = $nothing\n  import late\n"
    imports = parse(text).imports
    assert {each.module for each in imports} == {"a", "b", "x", "late"}
    assert [each.late for each in imports if each.module == "late"] == [True]


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(st.binary(max_size=400), st.text(max_size=400).map(lambda t: t.encode("utf-8", "replace")))
)
def test_any_source_is_read(data: bytes) -> None:
    parse(data)
    parse(b"(" * 5000 + data)
    parse(b"import " + data + b"\nif x:\n" + data)


@pytest.fixture
def node_tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    (top / "usr/bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", top / "usr/bin/node")
    return top


def test_node_requires_imports_and_exports(node_tree: Path) -> None:
    app, modules = node_tree / "app", node_tree / "app/node_modules"
    write(app / "package.json", '{"imports": {"#db": {"node": "./db/node.js", "default": "./db/web.js"}}}')
    write(
        app / "main.mjs",
        "import one from 'one';\nimport('./lazy.js');\nimport '#db'\n"
        "const x = require(\"@scope/two/feature\");\nrequire('node:fs');\n"
        "require('./nothing'); require('./data')",
    )
    for name in ("lazy.js", "db/node.js", "db/web.js", "data.json"):
        write(app / name, "{}")
    write(modules / "one/package.json", '{"main": "lib"}')
    write(modules / "one/lib/index.js", "require('three'); require('../native.node')")
    write(modules / "one/native.node", "")
    write(modules / "one/README.md", "")
    write(modules / "one/node_modules/three/index.js", "")
    write(modules / "three/index.js", "")
    write(modules / "@scope/two/package.json", '{"exports": {"./*": ["./dist/*.cjs"], ".": "./no.js"}}')
    write(modules / "@scope/two/dist/feature.cjs", "module.exports = (name) => require(name)")
    write(modules / "@scope/two/dist/other.cjs", "")
    write(modules / "unused/index.js", "")
    found = {name.removeprefix("app/") for name in files(closure(node_tree, "node", "/app/main.mjs"))}
    assert {
        "main.mjs", "lazy.js", "db/node.js", "data.json", "node_modules/one/package.json",
        "node_modules/one/lib/index.js", "node_modules/one/native.node",
        "node_modules/one/node_modules/three/index.js", "node_modules/@scope/two/dist/feature.cjs",
    } <= found  # fmt: skip
    assert "node_modules/@scope/two/dist/other.cjs" in found, "it loads by names made while it runs"
    assert (
        not {"node_modules/unused/index.js", "node_modules/three/index.js", "node_modules/one/README.md"}
        & found
    )


def test_a_folder_that_node_requires_needs_no_package(node_tree: Path) -> None:
    """Its index does; that such a folder has no package.json is no lack of the image."""
    write(node_tree / "app/package.json", "{}")
    write(node_tree / "app/main.js", "require('./lib'); require('./other/')")
    write(node_tree / "app/lib/index.js", "")
    write(node_tree / "app/other/package.json", '{"main": "b"}')
    write(node_tree / "app/other/b.js", "")
    kept = closure(node_tree, "node", "/app/main.js", wish=Wish(("/app/main.js",)))
    assert {"app/lib/index.js", "app/other/package.json", "app/other/b.js"} <= files(kept)
    assert kept.lacking == ()


def test_npm_start_runs_a_script_of_the_package(node_tree: Path) -> None:
    """And what that runs: other scripts, and programs of packages."""
    scripts = {
        "start": "A=1 npm run serve && echo 'done'",
        "preserve": "tool ./x",
        "serve": "node server.js",
    }
    write(node_tree / "app/package.json", json.dumps({"scripts": {**scripts, "build": "node build.js"}}))
    write(node_tree / "app/server.js", "require('one')")
    write(node_tree / "app/public/page.html", "")
    write(node_tree / "app/node_modules/one/index.js", "")
    write(node_tree / "app/node_modules/two/index.js", "")
    write(node_tree / "app/node_modules/tool/cli.js", "#!/usr/bin/env node\nrequire('two')", 0o755)
    (node_tree / "app/node_modules/.bin").mkdir()
    (node_tree / "app/node_modules/.bin/tool").symlink_to("../tool/cli.js")
    write(node_tree / "usr/bin/npm", "#!/usr/bin/env node\n", 0o755)
    shell = ("/bin/sh", "-c", "exec npm run serve")
    for argv in (("npm", "start"), ("npm", "run", "-s", "serve"), ("yarn", "serve"), shell):
        names = files(closure(node_tree, *argv, WorkingDir="/app"))
        assert {"app/server.js", "app/node_modules/one/index.js", "app/public/page.html"} <= names
        assert {"app/node_modules/two/index.js", "app/node_modules/.bin/tool"} <= names
    assert "app/node_modules/one/index.js" not in files(closure(node_tree, "npm", "ls", WorkingDir="/app"))
    write(node_tree / "app/package.json", '{"scripts": {"start": "npm start", "serve": 1}}')
    closure(node_tree, "npm", "start", WorkingDir="/app")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200), EXPORTS)
def test_any_package_is_read(tmp_path: Path, text: str, exports: object) -> None:
    tree = tmp_path / "t"
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin/node")
    write(tree / "app/main.js", "require('x')\n" + text.encode("utf-8", "replace").decode())
    write(tree / "app/node_modules/x/package.json", json.dumps({"exports": exports, "main": exports}))
    write(tree / "app/node_modules/x/index.js", "")
    assert "app/main.js" in closure(tree, "node", "/app/main.js").reasons


def test_compiled_modules_without_sources(tree: Path) -> None:
    """As `python3 -m compileall -b` leaves them where the sources are removed afterwards."""
    write(tree / "app/main.py", "import shop.cart\n")
    package = tree / f"{SITE}/shop"
    write(package / "__init__.py", "")
    write(package / "cart.py", "import json\nfrom . import prices\nfrom .deep.rates import rate\n")
    for name in ("prices", "never", "deep/__init__", "deep/rates"):
        write(package / f"{name}.py", "")
    compileall.compile_dir(package, quiet=1, legacy=True)
    for source in package.rglob("*.py"):
        source.unlink()
    site = {name.removeprefix("site-packages/shop/") for name in found(tree)}
    assert {"__init__.pyc", "cart.pyc", "prices.pyc", "deep/rates.pyc", "json.py"} <= site
    assert "never.pyc" not in site


@given(st.binary(max_size=400))
def test_any_bytes_may_be_a_compiled_module(data: bytes) -> None:
    list(names(data))


def test_a_script_of_the_shell_that_starts_python(tree: Path) -> None:
    shutil.copy("/bin/busybox", tree / "usr/bin/sh")
    write(
        tree / "app/start.sh", "#!/usr/bin/sh\npython3 manage.py migrate\nexec python3 -m server\n", 0o755
    )
    write(tree / "app/manage.py", "import shop.models\n")
    write(tree / "app/shop/models.py", "import json\n")
    write(tree / "venv/pyvenv.cfg", "home = /usr/bin\n")
    (tree / "venv/bin").mkdir()
    (tree / "venv/bin/python3").symlink_to("/usr/bin/python3")
    write(tree / "venv/lib/python3.11/site-packages/server.py", "")
    write(tree / "app/wsgi.py", "import server\n")
    kept = found(tree, "./start.sh", WorkingDir="/app", Env=["PATH=/venv/bin:/usr/bin"])
    assert {"app/manage.py", "app/shop/models.py", "json.py"} <= kept
    assert {"venv/pyvenv.cfg", "venv/lib/python3.11/site-packages/server.py"} <= kept


def test_a_folder_of_programs_is_not_the_program_s_own(tree: Path) -> None:
    write(tree / "opt/venv/bin/serve", "#!/usr/bin/python3\nimport json\n", 0o755)
    write(tree / "opt/venv/bin/pip", "#!/usr/bin/python3\nimport unused\n", 0o755)
    names_ = found(tree, "/opt/venv/bin/serve")
    assert "json.py" in names_ and not {"opt/venv/bin/pip", "unused.py"} & names_

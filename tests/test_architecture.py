"""What the house promises of itself: pure packages touch nothing, start-up loads little."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import wherry

SOURCE = Path(wherry.__file__).parent
FORBIDDEN = {
    "os",
    "subprocess",
    "socket",
    "time",
    "random",
    "shutil",
    "tempfile",
    "pathlib",
    "fcntl",
    "select",
    "io",
}
PURE = sorted(
    file
    for file in SOURCE.rglob("*.py")
    if (ast.get_docstring(ast.parse(file.read_text())) or "").startswith("PURE")
)


def test_the_pure_packages_say_so() -> None:
    for package in ("dockerfile", "oci", "builder/plan", "proxy/resources", "proxy/graph", "proxy/nginx"):
        files = [f for f in (SOURCE / package).glob("*.py") if f.name != "__init__.py"]
        assert set(files) <= set(PURE), package
    for name in ("builder/plan/graph.py", "sandbox/spec.py", "proxy/routes.py", "proxy/nginx/quote.py"):
        assert SOURCE / name in PURE, name


@pytest.mark.parametrize("file", PURE, ids=lambda file: str(file.relative_to(SOURCE)))
def test_a_pure_module_touches_nothing(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {(node.module or "").partition(".")[0]}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input", "exec", "eval"), f"line {node.lineno}"
            continue
        else:
            continue
        assert not names & FORBIDDEN, f"line {node.lineno}: {names & FORBIDDEN}"


def loaded(*words: str) -> set[str]:
    script = "import sys; from wherry.cli.main import main; main(sys.argv[1:])"
    script += "; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_version_loads_no_other_command_and_nothing_heavy() -> None:
    modules = loaded("version")
    commands = {m for m in modules if m.startswith("wherry.cli.")}
    core = ("core", "core.flags", "core.output", "core.printable", "core.surroundings")
    names = ("main", "commands", *core, "system", "system.version")
    assert commands <= {f"wherry.cli.{name}" for name in names}
    assert not modules & {
        "sqlite3",
        "json",
        "subprocess",
        "argparse",
        "dataclasses",
        "socket",
        "hashlib",
        "typing",
        "typing_extensions",
    }


def test_no_module_of_another_wing_is_loaded_for_a_build(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nENV A=1\n")
    modules = loaded("--root", str(tmp_path / "s"), "build", "-q", str(tmp_path))
    assert not {m for m in modules if m.startswith("wherry.proxy")}
    assert not modules & {
        "kubernetes",
        "yaml",
        "zstandard",
        "rich",
        "subprocess",
        "socket",
        "typing",
    }


CACHED = """# syntax=docker/dockerfile:1
ARG VERSION=1.2
FROM scratch AS builder
ENV PATH=/bin:$PATH A="b c"
WORKDIR /src
COPY --chmod=755 Dockerfile .

FROM scratch
COPY --from=builder /src/Dockerfile .
ENTRYPOINT ["/Dockerfile", "-x"]
"""


def test_a_cached_build_loads_little(tmp_path: Path) -> None:
    """Loading modules is most of its time: neither OpenSSL, nor what compiles expressions, nor many."""
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text(CACHED)
    words = ("--root", str(tmp_path / "s"), "build", "-q", "-t", "team/app:v1.2", str(tmp_path / "c"))
    loaded(*words)
    modules = loaded(*words)
    heavy = {
        "hashlib",
        "_hashlib",
        "re",
        "enum",
        "json",
        "sqlite3",
        "datetime",
        "warnings",
        "threading",
        "typing",
    }
    before = bare()
    assert not (modules - before) & heavy
    assert len({name for name in modules if name.startswith("wherry")}) <= 125
    assert len(modules - before) <= 153


def bare() -> set[str]:
    """What the interpreter loads for itself, with whatever this environment lets it begin with."""
    script = "import sys; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.split()
    )


def test_files_are_of_a_size_that_a_person_reads() -> None:
    assert [f for f in SOURCE.rglob("*.py") if len(f.read_text().splitlines()) > 400] == []


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def imported(file: Path, known: set[str]) -> set[str]:
    """Modules of wherry's that a file imports, wherever in it, also for types alone."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            found.update(name if name in known else str(node.module) for name in whole)
    return (found & known) - {module_of(file)}


def test_no_modules_import_each_other_in_a_circle_types_included() -> None:
    files = {module_of(file): file for file in SOURCE.rglob("*.py")}
    order = TopologicalSorter({name: imported(file, set(files)) for name, file in files.items()})
    order.prepare()  # raises CycleError, which names the circle


ABOVE = ("cli",)
# Where a process is looked at or changed below the command line.  Those that wherry forks or executes may
# do as they must.
OF_THEIR_OWN = {
    "containers/copy.py:_child",
    "containers/copy.py:_enter_namespaces",
    "containers/monitor.py:",
    "containers/monitor.py:_keep_only",
    "containers/monitor.py:_runtime",
    "layers/snapshots.py:_Short",  # the working folder of one thread, for one mount(2)
    "linux.py:pivot_root",
    "sandbox/beginning.py:settle",
    "sandbox/chroot.py:_become",
    "sandbox/chroot.py:_supervise",
    "sandbox/network.py:_keep",
    "sandbox/supervise.py:_ignore_signals",
    "sandbox/supervise.py:in_pid_namespace",
}
# What wherry.cli alone calls.
FOR_THE_COMMAND_LINE = {"handlers.py:handle", "handlers.py:restore", "umask.py:fix", "umask.py:callers"}
PROCESS = {
    "os": {"environ", "environb", "getenv", "getcwd", "getcwdb", "umask", "chdir", "fchdir"},
    "sys": {"argv", "orig_argv"},
    "signal": {"signal", "set_wakeup_fd"},
    "_signal": {"signal", "set_wakeup_fd"},
    "request": {"getproxies", "getproxies_environment", "proxy_bypass"},
    "path": {"abspath", "expanduser", "expandvars"},
}


def looks_at_the_process(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "which":
        return not any(word.arg == "path" for word in node.keywords)
    if not isinstance(node, ast.Attribute):
        return False
    of = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
    return node.attr in PROCESS.get(of, ()) or (of == "os" and node.attr.startswith("exec"))


def places_that_look_at_the_process() -> set[str]:
    found = set()
    for file in SOURCE.rglob("*.py"):
        name = str(file.relative_to(SOURCE))
        if name.startswith(tuple(f"{folder}/" for folder in ABOVE)):
            continue
        for top in ast.parse(file.read_text()).body:
            if any(map(looks_at_the_process, ast.walk(top))):
                found.add(f"{name}:{getattr(top, 'name', '')}")
    return found


def test_nothing_below_the_command_line_looks_at_the_process_or_changes_it() -> None:
    assert places_that_look_at_the_process() == OF_THEIR_OWN | FOR_THE_COMMAND_LINE


def test_one_place_in_the_program_enters_a_user_namespace() -> None:
    users = [
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        if "import begin_again" in file.read_text() or "unshare(linux.CLONE_NEWUSER" in file.read_text()
    ]
    assert sorted(users) == ["cli/core/userns.py", "cli/main.py"]
    catching = [
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and "NeedsNamespace" in ast.dump(node.type or ast.Constant(""))
        and not any(isinstance(inner, ast.Raise) and inner.exc is None for inner in node.body)
    ]
    assert catching == ["cli/main.py"]


MACHINE = "/".join(("", "work", ""))


def test_nothing_of_this_machine_is_in_the_tree() -> None:
    root = SOURCE.parents[1]
    for file in [
        *root.glob("*.md"),
        *(root / "docs").rglob("*"),
        *SOURCE.rglob("*.py"),
        *(root / "scripts").rglob("*"),
    ]:
        if file.is_file():
            assert MACHINE not in file.read_text(errors="ignore"), file

"""What README.md and docs/ name is there: commands, flags, environment variables, exit codes, files."""

from __future__ import annotations

import ast
import functools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.checkout import ROOT
from support.pages import COMMANDS as LANGUAGES
from support.pages import FENCE, blocks, pages
from wherry import errors
from wherry.cli.commands import find, groups
from wherry.cli.core.flags import Flag
from wherry.cli.main import ANYWHERE, GLOBAL, load
from wherry.dockerfile.flags import FLAGS as INSTRUCTIONS

SPAN = re.compile(r"`([^`\n]+)`")
# Words that a page may have behind `wherry` where it speaks of no command.
PLACEHOLDERS = ("COMMAND", "…")
# Flags of other programs, and of runtimes, that pages name by themselves.
FOREIGN_FLAGS = ("--privileged", "--ids", "--preserve-digests", "--beside", "--results", "--sid")
TEXTS = {page: page.read_text() for page in [*pages(), ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md"]}


def prose(page: Path) -> str:
    """Without the code blocks, and without other tools' commands that a table sets wherry's beside."""
    text = FENCE.sub("", TEXTS[page])
    if page.stem != "migrating":
        return text
    return re.sub(r"^\| .*? \|", "|", text, flags=re.MULTILINE)


def lines_of(page: Path) -> Iterator[str]:
    """Command lines that a page shows: of its blocks, and in spans of its text."""
    for block in blocks(page):
        if block.language in LANGUAGES and not block.code:
            for line in block.text.replace("\\\n", " ").splitlines():
                for part in re.split(r"\s(?:\||&&|;)\s", line.removeprefix("$ ")):
                    yield part.strip()
    yield from SPAN.findall(prose(page))


@functools.cache
def flags(name: str) -> dict[str, Flag]:
    mine = {f"--{flag.name}": flag for flag in load(name).COMMAND.flags}
    short = {f"-{flag.short}": flag for flag in load(name).COMMAND.flags if flag.short}
    general = {f"--{flag.name}": flag for flag in GLOBAL.flags if flag.name in ANYWHERE}
    return {**general, **mine, **short}


def words_of(line: str) -> list[str] | None:
    """Behind ``wherry``, without variables before it, redirections and global flags."""
    found = re.match(r"(?:\w+=\S+ |sudo |exec |\.venv/bin/)*wherry (?P<rest>.+)", line)
    if not found:
        return None
    try:
        words = shlex.split(re.split(r" (?:[<>|]|\\\||2>|&&)", found["rest"])[0], comments=True)
    except ValueError:
        words = found["rest"].split()
    while words and words[0].startswith("--") and words[0][2:].partition("=")[0] in ANYWHERE | {"debug"}:
        words = words[1 if "=" in words[0] or words[0] == "--debug" else 2 :]
    return words


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.stem)
def test_every_command_and_every_flag_of_it_is_there(page: Path) -> None:
    wrong = []
    for line in lines_of(page):
        words = words_of(line)
        if not words or words[0] in PLACEHOLDERS or words[0].startswith("-"):
            continue
        found = find([word.partition("|")[0] for word in words])
        if found is None:
            if words[0].rstrip(",:") not in (*groups(), "help"):
                wrong.append(line)
            continue
        name, count = found
        known = flags(name)
        for word in words[count:]:
            if name in ("run", "create") and not word.startswith("-") and word.islower():
                break  # the image: what follows is its command's
            flag = word.partition("=")[0]
            if flag.startswith("--") and flag not in known and flag not in ("--", "--help"):
                wrong.append(f"{line}: {flag}")
            elif re.fullmatch(r"-[A-Za-z]+", word) and not _are_short(word[1:], known):
                wrong.append(f"{line}: {word}")
    assert not wrong


def _are_short(letters: str, known: dict[str, Flag]) -> bool:
    """``-it``, and ``-p80:80`` up to the letter that takes a value."""
    for letter in letters:
        flag = known.get(f"-{letter}")
        if flag is None:
            return letter == "h"
        if flag.kind != "bool":
            return True
    return True


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.stem)
def test_a_flag_that_stands_alone_is_one_of_some_command(page: Path) -> None:
    from wherry.cli.commands import COMMANDS

    known = {flag for name in COMMANDS for flag in flags(name)}
    known |= {f"--{flag.name}" for flag in GLOBAL.flags} | {"--help", "--json", *FOREIGN_FLAGS}
    known |= {f"--{flag}" for flags_ in INSTRUCTIONS.values() for flag in flags_}
    spans = [word for span in SPAN.findall(prose(page)) for word in span.split() if span[0] == "-"]
    named = {re.split(r"[=\[,|]", word)[0] for word in spans if word.startswith("--")}
    assert named - {"--"} <= known


# Variables

# What the environment is called where it is read.
ENVIRONMENTS = {"environ", "environb", "env", "environment", "callers"}
LISTS = {"KEPT", "PROXIES", "PASSED", "keep"}
LIBRARIES = {"TMPDIR": "Python's, for tempfile"}
# Variables of programs in images, and of what wherry tells itself.
OTHERS = {
    "WHERRY_USERNS": "wherry's own, from the start of a command to its second start in a namespace",
    "PYTHONPATH": "Python's, which the monitor of a container is given",
    "REQUEST_METHOD": "a web server's, in which HTTP_PROXY is not believed",
    **dict.fromkeys(("LD_LIBRARY_PATH", "CLASSPATH", "NODE_PATH", "PERL5LIB", "RUBYLIB"), "an image's"),
    **dict.fromkeys(("GEM_HOME", "GEM_PATH", "JAVA_HOME", "RUBYOPT"), "an image's"),
    "PYTHONUTF8": "Python's, which wherry sets for itself",
}


@functools.cache
def read_variables() -> set[str]:
    """The variables of the caller that the program looks at, by its own text."""
    found: set[str] = set()
    for path in (ROOT / "src/wherry").rglob("*.py"):
        found |= set(_variables(ast.parse(path.read_text())))
    return found - OTHERS.keys()


def _variables(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            values = node.args[:1] if _is_environment(node.func.value) else []
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            values = [node.slice] if _is_environment(node.value) else []
        elif isinstance(node, ast.Compare) and _is_environment(node.comparators[-1]):
            values = [node.left]
        elif isinstance(node, ast.Assign) and any(_name(target) in LISTS for target in node.targets):
            values = list(node.value.elts) if isinstance(node.value, ast.Tuple) else []
        for value in values:
            for name in _texts(value, tree):
                if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*|[a-z]+_proxy", name):
                    yield name


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _is_environment(node: ast.expr) -> bool:
    return _name(node) in ENVIRONMENTS


def _texts(node: ast.expr, tree: ast.AST) -> Iterator[str]:
    """Of a constant, or of a name that stands for one in the same module."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name):
        for other in ast.walk(tree):
            if isinstance(other, ast.Assign) and node.id in map(_name, other.targets):
                yield from _texts(other.value, tree) if isinstance(other.value, ast.Constant) else ()


def told_variables() -> set[str]:
    """Those of the tables in docs/environment.md."""
    rows = re.findall(r"^\| (`[^|]*) \|", (ROOT / "docs/environment.md").read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([A-Za-z_0-9]+)`", row)}


def test_every_variable_that_is_read_is_told_and_every_one_that_is_told_is_read() -> None:
    lower = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    read = {name.upper() if name in lower else name for name in read_variables()}
    assert {"WHERRY_ROOT", "DOCKER_CONFIG", "KUBECONFIG", "SSL_CERT_FILE", "TERM"} <= read
    # Each side looks at names that end so, in any case (remote.proxies).
    assert told_variables() == read | LIBRARIES.keys() | {
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
    }


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.stem)
def test_every_variable_of_wherry_s_that_a_page_names_is_there(page: Path) -> None:
    of_tests = set()
    for path in [*(ROOT / "tests").rglob("*.py"), ROOT / "Makefile"]:
        of_tests |= set(re.findall(r"WHERRY_[A-Z_]+", path.read_text()))
    assert set(re.findall(r"WHERRY_[A-Z_]+", TEXTS[page])) <= read_variables() | of_tests


# Exit codes


def test_the_exit_codes_that_are_told_are_those_that_there_are() -> None:
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "docs/exit-codes.md").read_text(), re.MULTILINE)
    raised = {value.exit_code for value in vars(errors).values() if hasattr(value, "exit_code")}
    main = (ROOT / "src/wherry/cli/main.py").read_text()
    returned = set(map(int, re.findall(r"return (\d+)$", main, re.MULTILINE))) | raised
    assert {int(row) for row in rows} == returned


# Files


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.stem)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose(page)):
        path, _, heading = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}, target


def test_readme_links_to_every_page() -> None:
    text = (ROOT / "README.md").read_text()
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f"(docs/{page.name})" not in text] == []


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.stem)
def test_every_test_that_a_page_speaks_of_is_there(page: Path) -> None:
    for name in re.findall(r"`(tests/[\w/.]+|scripts/\w+|deploy/[\w/.]+|bench/[\w/.]+)`", TEXTS[page]):
        assert (ROOT / name).exists(), name


def test_what_make_is_asked_for_is_a_target() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for text in TEXTS.values():
        named = re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)", text, re.MULTILINE)
        assert {a or b for a, b in named} <= targets


# Measurements


def test_every_row_of_the_bench_is_explained() -> None:
    words = [sys.executable, "-m", "bench", "--list"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    page = TEXTS[ROOT / "docs/performance.md"].partition("## The rows")[2].partition("\n## ")[0]
    table = re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)
    told = {name for row in table for name in re.findall(r"`([^`]+)`", row)}
    assert {line.split()[0] for line in listed.splitlines()} == told


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "docs/comparison.md"], ids=lambda page: page.stem
)
def test_the_figures_of_a_table_are_measured_ones(page: Path) -> None:
    """Every number of seconds that a page's table has stands in a result that it links to."""
    linked = re.findall(r"\((?:\.\./)?(bench/results/[^)]+)\)", TEXTS[page])
    measured = set(re.findall(r"\d+\.\d+", "".join((ROOT / name).read_text() for name in set(linked))))
    rows = re.findall(r"^\| [^|]*(?:\| [*\d.\- ]+ ){2,}\|$", TEXTS[page], re.MULTILINE)
    told = {number for row in rows for number in re.findall(r"(?<!\S)\**(\d+\.\d+)", row)}
    assert len(told) > 10 and told <= measured


# Messages

OF_THE_SYSTEM = ("Permission denied", "exec format error")


def test_every_message_of_the_troubles_is_one_that_the_program_has() -> None:
    text = TEXTS[ROOT / "docs/troubleshooting.md"]
    messages = [
        span for line in re.findall(r"^### (.*)", text, re.MULTILINE) for span in SPAN.findall(line)
    ]
    source = "".join(path.read_text() for path in sorted((ROOT / "src/wherry").rglob("*.py")))
    parts = [part.strip() for text in messages if text not in OF_THE_SYSTEM for part in text.split("…")]
    assert len(parts) > 15
    assert [part for part in parts if part not in source] == []

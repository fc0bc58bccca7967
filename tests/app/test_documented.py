"""docs/python.md is true, and importing wherry costs nothing."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

import wherry
from support.checkout import ROOT
from wherry.cli.commands import COMMANDS

TEXT = (ROOT / "docs/python.md").read_text()


@pytest.mark.root
def test_the_example_runs_and_prints_nothing() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_wherry_loads_nothing_else() -> None:
    script = "import sys; before = set(sys.modules); import wherry; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["wherry"]


def test_every_name_that_is_documented_is_there() -> None:
    for name in set(re.findall(r"`wherry\.([A-Za-z]+)`", TEXT)):
        assert getattr(wherry, name).__name__ == name
    assert {"build", "Store", "Runtime"} <= set(dir(wherry))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = wherry.nothing


def test_every_function_that_a_module_of_app_is_said_to_have_is_there() -> None:
    found = 0
    for first, second in re.findall(r"^\| (`wherry\.app\..*?) \| (.*) \|$", TEXT, re.MULTILINE):
        words = re.findall(r"`([\w.]+)`", first)
        names = [
            word if word.startswith("wherry") else f"wherry.app{word}" for word in words if "." in word
        ]
        modules = [importlib.import_module(name) for name in names if name.startswith("wherry.app")]
        for name in set(re.findall(r"`([A-Za-z_]+)`", second)) - COMMANDS.keys():
            assert any(hasattr(module, name) for module in modules), (names, name)
            found += 1
    assert found > 12

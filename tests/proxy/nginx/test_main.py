"""The main file around a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.pods import route
from wherry.proxy.nginx.main import MOST_COMPILED, Binary, MainOptions, main
from wherry.proxy.nginx.render import RenderOptions, render
from wherry.proxy.reload.binary import Nginx
from wherry.proxy.reload.managed import Managed


@pytest.mark.parametrize(
    ("expressions", "compiled"), [(0, True), (MOST_COMPILED, True), (MOST_COMPILED + 1, False)]
)
def test_expressions_are_compiled_where_they_are_few(expressions: int, compiled: bool) -> None:
    text = main(MainOptions("/s"), Binary(), "/s/d", 1, expressions)
    assert ("pcre_jit on;" in text) is compiled


@pytest.mark.parametrize("count", [3, 200])
def test_each_path_with_a_capital_letter_counts(tmp_path: Path, count: int) -> None:
    routes = [route("10.0.0.1:80", path=f"/Api/{n}") for n in range(count)]
    managed = Managed(Nginx("nginx", Binary(), {}), MainOptions(str(tmp_path)))
    managed.stage(render(routes, RenderOptions()), 1)
    assert ("pcre_jit" in (tmp_path / "g1/nginx.conf").read_text()) is (count < MOST_COMPILED)

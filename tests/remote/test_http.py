"""Files over HTTP, by the variables of whoever asked for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.web import running_web
from wherry.errors import ContextError
from wherry.remote.http import Downloads
from wherry.runtime import Runtime
from wherry.store import Store


def test_the_proxy_is_the_one_of_whoever_asks_and_not_of_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    path = str(tmp_path / "got")
    with running_web() as web:
        web.pages["http://files.example/f"] = lambda request: request.answer(200, b"by the proxy")
        store = Store.open(Runtime(str(tmp_path / "with"), env={"HTTP_PROXY": web.url}))
        assert Downloads(store).fetch("http://files.example/f", path).size == 12
        assert Path(path).read_bytes() == b"by the proxy"
        store = Store.open(Runtime(str(tmp_path / "without")))
        with pytest.raises(ContextError, match="could not be fetched"):
            Downloads(store).fetch("http://files.invalid/f", path)
        excepted = {"http_proxy": web.url, "no_proxy": ".example"}
        store = Store.open(Runtime(str(tmp_path / "excepted"), env=excepted))
        with pytest.raises(ContextError, match="could not be fetched"):
            Downloads(store).fetch("http://files.example/f", path)

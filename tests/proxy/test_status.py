"""What the files beside the configuration say, for ``status`` and for whoever reads them with a program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.wherry import Wherry
from wherry.proxy import status
from wherry.proxy.model import Rejected, Table
from wherry.proxy.reload.transaction import Outcome


def test_the_file_names_what_was_set_aside_as_it_always_did(tmp_path: Path) -> None:
    outcome = Outcome("reloaded", 7, quarantined=(Rejected("d/bad:80", "refused-by-nginx", "no"),))
    status.write_outcome(str(tmp_path), outcome, {"reloaded": 1})
    document = json.loads((tmp_path / "status.json").read_text())
    assert document["set_aside"] == [["d/bad:80", "refused-by-nginx", "no"]]
    others = {"kind", "generation", "message", "validating", "reloading", "tries", "written", "totals"}
    assert set(document) == {"set_aside", *others}
    assert status.read_outcome(str(tmp_path)) == document


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "nonsense",
        "\0",
        '{"generation": 1}',
        '{"generation": null, "kind": "x", "written": 1}',
        '{"generation": 1, "kind": "started", "written": "soon"}',
        '{"generation": 1, "kind": "started", "written": null}',
        '{"generation": 1, "kind": "started", "written": 1, "set_aside": [1]}',
        '{"generation": 1, "kind": "started", "written": 1, "set_aside": [["a"]]}',
        '{"generation": 1e400, "kind": "started", "written": 1}',
    ],
)
def test_a_status_that_is_none_of_ours_is_none(tmp_path: Path, wherry: Wherry, text: str) -> None:
    (tmp_path / "status.json").write_text(text)
    status.write_routes(str(tmp_path), Table(()))
    assert status.read_outcome(str(tmp_path)) is None
    shown = wherry("proxy", "status", "--dir", str(tmp_path))
    assert "routes       0" in shown and "generation" not in shown


def test_a_time_that_is_none_is_shown_as_now(tmp_path: Path, wherry: Wherry) -> None:
    text = '{"generation": 7, "kind": "started", "written": 1e400, "message": "\\u001b[31mred"}'
    (tmp_path / "status.json").write_text(text)
    shown = wherry("proxy", "status", "--dir", str(tmp_path))
    assert "generation   7 (started, 0 s ago)" in shown and "\x1b" not in shown

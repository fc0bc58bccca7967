"""What the files beside the configuration say, for ``status`` and for whoever reads them with a program."""

from __future__ import annotations

import json
from pathlib import Path

from wherry.proxy import status
from wherry.proxy.model import Rejected
from wherry.proxy.reload.transaction import Outcome


def test_the_file_names_what_was_set_aside_as_it_always_did(tmp_path: Path) -> None:
    outcome = Outcome("reloaded", 7, quarantined=(Rejected("d/bad:80", "refused-by-nginx", "no"),))
    status.write_outcome(str(tmp_path), outcome, {"reloaded": 1})
    document = json.loads((tmp_path / "status.json").read_text())
    assert document["set_aside"] == [["d/bad:80", "refused-by-nginx", "no"]]
    others = {"kind", "generation", "message", "validating", "reloading", "tries", "written", "totals"}
    assert set(document) == {"set_aside", *others}
    assert status.read_outcome(str(tmp_path)) == document

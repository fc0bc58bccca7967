"""What the generator writes, and what it keeps of what it wrote."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from support.services import endpoint, service, slice_of, snapshot
from wherry.proxy.graph.options import Options
from wherry.proxy.nginx.render import RenderOptions
from wherry.proxy.publish import Publisher
from wherry.proxy.routes import Router

SERVICES = 20


def test_a_thousand_changes_leave_no_object_behind(tmp_path: Path) -> None:
    """Services that move, come with other names, have one address and several: none is remembered."""
    router = Router(Options(slices=True, endpoints=True))
    publisher = Publisher(str(tmp_path), RenderOptions())

    def change_and_count(turns: range) -> int:
        for turn in turns:
            names = [f"s{number}" for number in range(SERVICES - 1)] + [f"new{turn}"]
            ready = [endpoint(f"10.{number}.{turn >> 8}.{turn & 255}") for number in range(2)]
            slices = [slice_of(name, *ready[: 1 + index % 2]) for index, name in enumerate(names)]
            objects = snapshot(*map(service, names), *slices)
            assert publisher.publish(router.build(objects, float(turn))).kind == "written"
        gc.collect()
        return len(gc.get_objects())

    settled = change_and_count(range(100))
    assert abs(change_and_count(range(100, 1100)) - settled) < 10


def test_what_is_no_file_gives_way_to_one(tmp_path: Path) -> None:
    """Whoever left it there: it is neither waited for nor the end."""
    os.mkfifo(tmp_path / "default.conf")
    publisher = Publisher(str(tmp_path), RenderOptions())
    assert publisher.publish(Router(Options()).build(snapshot(), 0.0)).kind == "written"
    assert "server {" in (tmp_path / "default.conf").read_text()

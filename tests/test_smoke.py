from __future__ import annotations

from support.wherry import Wherry


def test_the_busybox_image_runs(bb: Wherry) -> None:
    assert bb("run", "--rm", "bb", "echo", "hello") == "hello"

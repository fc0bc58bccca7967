"""Images that cannot be tried as they are: each says by name what it needs."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import pytest

from support.wherry import Wherry

pytestmark = [pytest.mark.mounts, pytest.mark.runtime]

OF_S390X = b"\x7fELF\2\2\1".ljust(16, b"\0") + struct.pack(">HHIQQQIHHHHHH", 2, 22, 1, 0, *[0] * 9)
NEEDS = """#!/bin/sh
test -n "$DATABASE" || { echo no DATABASE >&2; exit 3; }
test -e /data/there || { echo no /data/there >&2; exit 4; }
test "$(id -u)" = 7 || { echo not 7 >&2; exit 5; }
"""


def made(wherry: Wherry, folder: Path, dockerfile: str) -> None:
    """Build the image ``fat``."""
    wherry.build(folder, dockerfile, "-t", "fat")


def test_what_it_needs_is_passed_through(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/there").touch()
    context = tmp_path / "context"
    context.mkdir()
    (context / "start.sh").write_text(NEEDS)
    (context / "start.sh").chmod(0o755)
    made(bb, context, 'FROM bb\nCOPY start.sh /\nCMD ["/start.sh"]\n')
    words: tuple[str, ...] = ("slim", "fat", "-t", "small")
    for more, missing in (
        (("-e", "DATABASE=x"), "ended with exit code 3, which proves nothing\n    no DATABASE"),
        (
            ("-v", f"{tmp_path}/data:/data"),
            "ended with exit code 4, which proves nothing\n    no /data/there",
        ),
        (("-u", "7"), "ended with exit code 5, which proves nothing\n    not 7"),
    ):
        said = bb.fails(*words, code=1)
        assert missing in said and "hint: does it need --env, --volume or --network?" in said
        words += more
    bb(*words)
    assert bb.run("run", "--rm", *words[4:], "small").returncode == 0


def test_a_network_of_its_own(bb: Wherry, tmp_path: Path) -> None:
    made(bb, tmp_path / "c", 'FROM bb\nCMD ["sh", "-c", "test \\"$(ls /sys/class/net)\\" = lo"]\n')
    bb("slim", "fat", "-t", "small", "--network", "none")


def test_a_program_that_wants_a_terminal(bb: Wherry, tmp_path: Path) -> None:
    made(bb, tmp_path / "c", 'FROM bb\nCMD ["tty"]\n')
    said = bb.fails("slim", "fat", "-t", "small", code=1)
    assert "not a tty" in said and "hint: it wants a terminal, and has none here: --exec COMMAND" in said
    done = bb.run("slim", "fat", "-t", "small", "--exec", "true")
    assert "the image itself fails: the program: exit code 1" in done.stderr and done.returncode == 0


def test_a_foreign_architecture(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "app").write_bytes(OF_S390X)
    (context / "app").chmod(0o755)
    bb.build(
        context, 'FROM scratch\nCOPY app /app\nCMD ["/app"]\n', "-t", "fat", "--platform", "linux/s390x"
    )
    assert "s390x" in bb.fails("slim", "fat", "-t", "small")


def test_a_program_that_is_a_loop_of_links(bb: Wherry, tmp_path: Path) -> None:
    made(bb, tmp_path / "c", 'FROM bb\nRUN ln -s two /one && ln -s one /two\nCMD ["/one"]\n')
    assert "/one" in bb.fails("slim", "fat", "-t", "small", code=1)
    made(bb, tmp_path / "d", 'FROM bb\nRUN mkdir -p /a/b && ln -s .. /a/b/c\nCMD ["ls", "/a/b/c/b"]\n')
    bb("slim", "fat", "-t", "small", "--keep", "/a")
    assert bb("run", "--rm", "small") == "c"


def test_an_image_without_a_shell(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    shutil.copy("/bin/busybox", context / "sleep")
    made(bb, context, 'FROM scratch\nCOPY sleep /bin/\nCMD ["/bin/sleep", "600"]\n')
    bb("slim", "fat", "-t", "small")
    assert '"sh"' in bb.fails("slim", "fat", "-t", "other", "--exec", "sh -c true", code=127)


def test_what_the_image_itself_lacks_is_said(bb: Wherry, tmp_path: Path) -> None:
    made(bb, tmp_path / "c", 'FROM bb\nHEALTHCHECK CMD ["/bin/gone"]\nCMD ["true"]\n')
    done = bb.run("slim", "fat", "-t", "small")
    assert done.returncode == 0, done.stderr
    assert "the image itself lacks /bin/gone" in done.stderr


def test_an_image_that_never_becomes_ready(bb: Wherry, tmp_path: Path) -> None:
    from wherry.containers.create import CreateOptions
    from wherry.errors import WherryError
    from wherry.images.lookup import lookup
    from wherry.slim.experiment import Plan
    from wherry.slim.make import slim
    from wherry.slim.static import Wish
    from wherry.store import Store

    made(bb, tmp_path / "c", 'FROM bb\nCMD ["sh", "-c", "echo waiting; sleep 600"]\n')
    store = Store.open(str(bb.root))
    plan = Plan(CreateOptions(image="fat"), probes=("http://127.0.0.1:1/",), ready=1.0)
    with pytest.raises(
        WherryError, match=r"does not answer http://127.0.0.1:1/ within 1 s\n\s+waiting"
    ) as raised:
        slim(store, lookup(store, "fat"), Wish(), plan)
    assert "--env" in (raised.value.hint or "")

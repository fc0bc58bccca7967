"""What images and containers contain depends on nothing of the caller's: not on what wherry began with."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.ways import WAYS, by_root, may_mount
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]

SHOWN = """
umask; pwd; id; for l in n s f c l t v; do ulimit -S -$l; done
ls /proc/self/fd 2> /dev/null | wc -l; env | sort; tty; uname -m
grep -e ^Sig[BIC] -e ^Groups -e ^Cap /proc/self/status 2> /dev/null
( sh -c 'kill -HUP $$; kill -PIPE $$; kill -TERM $$; echo survived' ) 2> /dev/null
cut -d ' ' -f 7 /proc/self/stat 2> /dev/null
mkdir /made; echo x > /made/f; stat -c '%a %u:%g %n' /made /made/f
"""
DOCKERFILE = """
FROM bb
WORKDIR /w/deep
COPY höhe /ü/new/
ADD --chmod=640 höhe /a/b/
COPY <<E /heredoc
text
E
RUN --mount=type=cache,target=/c/d/e --mount=type=tmpfs,target=/t/u <<'E'
exec > /shown 2> /dev/null
SHOWN
E
USER app
WORKDIR /home/app
RUN --mount=type=cache,target=/new/cache,uid=1000 touch /new/cache/f && cat /shown > /tmp/own
""".replace("SHOWN", SHOWN)

LOW = [
    "prlimit",
    "--nofile=80:",
    "--fsize=50000000:",
    "--stack=1000000:",
    "--core=1000000:",
    "--memlock=4096:",
]
HOSTILE: dict[str, list[str]] = {
    "umask": ["sh", "-c", 'umask 077; exec "$@"', "-"],
    "umask that takes nothing": ["sh", "-c", 'umask 000; exec "$@"', "-"],
    "limits": LOW,
    "a locale that is not UTF-8": ["env", "LC_ALL=C", "PYTHONCOERCECLOCALE=0", "PYTHONUTF8=0"],
    "variables": [
        *("env", "A=1", "HOME=/nowhere", "TMPDIR=/nowhere", "PYTHONWARNINGS=error", "POSIXLY_CORRECT=1"),
        *("TZ=Asia/Tokyo", "LANG=de_DE", "GIT_DIR=/nowhere", "DOCKER_BUILDKIT=0", "SHELL=/bin/false"),
    ],
    "a folder that is gone": ["sh", "-c", 'mkdir gone && cd gone && rmdir ../gone; exec "$@"', "-"],
    "descriptors": ["sh", "-c", 'exec 7< /etc/passwd 9> /dev/null; exec "$@"', "-"],
    "no standard input": ["sh", "-c", 'exec "$@" <&-', "-"],
    "groups": ["setpriv", "--groups=7,8,9"],
    "another group": ["setpriv", "--regid=7", "--clear-groups"],
    "capabilities that are inherited": [
        "setpriv",
        "--inh-caps=+sys_admin,+net_admin",
        "--ambient-caps=+net_admin",
    ],
    "no new privileges": ["setpriv", "--no-new-privs"],
    "another personality": ["setarch", "--addr-no-randomize", "--uname-2.6"],
    "a session without a terminal": ["setsid", "--wait"],
}


def ignoring() -> None:
    for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)


def blocking() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def opening() -> None:
    """A descriptor above every limit that somebody might count to."""
    import resource

    high = min(100_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]) - 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (high + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    file = os.open("/etc/passwd", os.O_RDONLY)
    os.dup2(file, high)
    os.set_inheritable(high, True)


IN_THE_CHILD: dict[str, Callable[[], None]] = {
    "signals ignored": ignoring,
    "signals blocked": blocking,
    "a high descriptor": opening,
}


def everything() -> None:
    opening()
    ignoring()
    blocking()


EVERYTHING = [word for prefix in HOSTILE.values() for word in prefix]
Caller = tuple[list[str], Callable[[], None] | None]
ONE_BY_ONE: dict[str, Caller] = {name: (prefix, None) for name, prefix in HOSTILE.items()}
ONE_BY_ONE |= {name: ([], child) for name, child in IN_THE_CHILD.items()}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, bb: Wherry) -> Wherry:
    return by_root(request.param, bb)


@pytest.fixture
def callers(request: pytest.FixtureRequest) -> dict[str, Caller]:
    """One by one for one way; for the others all at once."""
    return ONE_BY_ONE if "crun" in request.node.name else {"everything": (EVERYTHING, everything)}


def called(way: Wherry, folder: Path, words: list[str], caller: Caller = ([], None)) -> str:
    prefix, child = caller
    done = subprocess.run(
        [*prefix, *way.prefix, *words],
        env=way.env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=child,
    )
    assert "Traceback" not in done.stderr and "error:" not in done.stderr, done.stderr
    return done.stdout


def test_the_same_image_whoever_calls(way: Wherry, callers: dict[str, Caller], tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "höhe").write_text("x")
    (context / "höhe").chmod(0o644)
    (context / "Dockerfile").write_text(DOCKERFILE)
    words = ["build", "-q", "--no-cache", "--reproducible", str(context)]
    expected = called(way, tmp_path, words).strip()
    shown = way("run", "--rm", expected, "cat", "/shown")
    assert shown.startswith("0022\n/w/deep\n")
    for name, caller in callers.items():
        image = called(way, tmp_path, words, caller).strip()
        assert way("run", "--rm", image, "cat", "/shown") == shown, name
        assert image == expected, name


def test_run_shows_the_same_whoever_calls(way: Wherry, callers: dict[str, Caller], tmp_path: Path) -> None:
    places = ["/new", "/new/w", *(["/anon", "/anon/x"] if may_mount(way) else [])]
    flags = ["-w", "/new/w", *(["-v", "/anon/x"] if may_mount(way) else [])]
    script = f"{SHOWN} stat -c '%a %u:%g %n' {' '.join(places)}"
    words = ["run", "--rm", *flags, "bb", "sh", "-c", script]
    expected = called(way, tmp_path, words)
    assert all(f"755 0:0 {place}\n" in expected for place in places)
    for name, caller in callers.items():
        assert called(way, tmp_path, words, caller) == expected, name


def test_a_file_that_the_caller_names_follows_their_umask(bb: Wherry, tmp_path: Path) -> None:
    for umask, mode in (("077", 0o600), ("022", 0o644), ("002", 0o664)):
        target = tmp_path / f"{umask}.tar"
        caller = (["sh", "-c", f'umask {umask}; exec "$@"', "-"], None)
        called(bb, tmp_path, ["save", "-o", str(target), "bb"], caller)
        assert target.stat().st_mode & 0o777 == mode


def test_limits_are_fixed_and_asked_for_ones_count(bb: Wherry, tmp_path: Path) -> None:
    script = "ulimit -S -n; ulimit -S -c; ulimit -S -s; ulimit -S -f"
    assert bb("run", "--rm", "bb", "sh", "-c", script).split() == ["1024", "0", "8192", "unlimited"]
    image = bb.build(tmp_path / "c", f"FROM bb\nRUN ({script}) > /out\n", "--ulimit", "nofile=100:200")
    assert bb("run", "--rm", image, "cat", "/out").split() == ["100", "0", "8192", "unlimited"]


def test_a_closed_stream_takes_no_file_s_place(bb: Wherry, tmp_path: Path) -> None:
    """A message must not end up in a file that got the number of a closed descriptor."""
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        prefix = ["sh", "-c", f'exec "$@" {closed}', "-"]
        subprocess.run([*prefix, *bb.prefix, "run", "--rm", "nonesuch", "true"], env=bb.env, check=False)
        done = subprocess.run(
            [*prefix, *bb.prefix, "run", "--name", "closed", "bb", "sh", "-c", "echo out; echo err >&2"],
            env=bb.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
        assert bb("logs", "closed") == "out"
        bb("rm", "closed")

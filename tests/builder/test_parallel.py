"""Stages that do not need each other run side by side; a step that two need is made once."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from support.waiting import wait_until
from support.wherry import Wherry

pytestmark = pytest.mark.mounts

STAGES = 3
CACHE = "RUN --mount=type=cache,target=/m "
# Ends only where all of them have begun.
MEET = "touch /m/$N; for i in $(seq 300); do [ $(ls /m | wc -l) = 3 ] && exit 0; sleep 0.05; done; exit 9"
# Ends when the test says so.
HELD = "RUN --mount=type=cache,id=held,target=/m echo begun; until [ -e /m/go ]; do sleep 0.02; done; "
LAST = "FROM bb\n" + "".join(f"COPY --from=s{n} /etc/passwd /{n}\n" for n in range(STAGES))


def stages(step: str) -> str:
    return "".join(f"FROM bb AS s{n}\nENV N={n}\n{step}\n" for n in range(STAGES)) + LAST


def layers(wherry: Wherry, image: str) -> list[str]:
    found: list[str] = json.loads(wherry("inspect", image))[0]["RootFS"]["Layers"]
    return found


def says(build: subprocess.Popen[str], *texts: str) -> None:
    """Wait for lines of its progress that end with `texts`, in any order."""
    assert build.stderr is not None
    lines: list[str] = []
    while not all(any(line.endswith(f"{text}\n") for line in lines) for text in texts):
        lines.append(build.stderr.readline())
        assert lines[-1], "".join(lines)


def let_go(wherry: Wherry) -> None:
    """End the steps that are HELD."""
    (held,) = (path.with_suffix("") for path in wherry.root.glob("caches/*.json"))
    (held / "go").touch()


def nothing_runs(mark: str) -> bool:
    return subprocess.run(["pgrep", "-f", mark], capture_output=True, check=False).returncode == 1


def test_stages_that_do_not_need_each_other_run_at_once(bb: Wherry, tmp_path: Path) -> None:
    bb.build(tmp_path / "c", stages(CACHE + MEET))


def test_with_one_job_they_run_one_after_the_other(bb: Wherry, tmp_path: Path) -> None:
    step = CACHE + "test ! -e /m/busy && touch /m/busy && sleep 0.1 && rm /m/busy"
    bb.build(tmp_path / "c", stages(step), "--jobs", "1")


def test_a_stage_waits_only_where_it_needs_another(bb: Wherry, tmp_path: Path) -> None:
    """The last stage's first step ends what the others wait for."""
    wait = CACHE + "for i in $(seq 1200); do [ -e /m/go ] && exit 0; sleep 0.05; done; exit 9"
    last = LAST.replace("FROM bb\n", f"FROM bb\n{CACHE}touch /m/go\n")
    bb.build(tmp_path / "c", stages(wait).replace(LAST, last))


def test_it_is_the_same_image_whether_built_at_once_or_not(bb: Wherry, tmp_path: Path) -> None:
    step = "RUN mkdir -p /a/b && echo $N > /a/b/c && touch -d @1000 /a/b/c /a/b /a"
    one = bb.build(tmp_path / "c", stages(step), "--jobs", "1", "--no-cache")
    many = bb.build(tmp_path / "c", None, "--jobs", "8", "--no-cache")
    assert layers(bb, one) == layers(bb, many)


def test_the_first_failure_ends_the_others_and_is_the_one_that_is_told(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    fails = f"{CACHE}until [ -e /m/0 -a -e /m/1 ]; do sleep 0.02; done; exit 5"
    failing = (
        f"FROM bb AS s0\nRUN echo kept > /kept\n{CACHE}touch /m/0; sleep 654321\n"
        f"FROM bb AS s1\n{CACHE}touch /m/1; sleep 654321\nFROM bb AS s2\n{fails}\n" + LAST
    )
    (context / "Dockerfile").write_text(failing)
    said = bb.fails("build", "--progress", "plain", str(context), code=1)
    assert "did not complete successfully: exit code: 5" in said and "Dockerfile:7" in said
    assert said.count("ERROR") == 1 and said.count("CANCELED") == 2
    assert nothing_runs("sleep 654321")
    (context / "Dockerfile").write_text("FROM bb AS s0\nRUN echo kept > /kept\n")
    again = bb.run("build", "--progress", "plain", str(context))
    assert "CACHED" in again.stderr, "what was finished stays in the cache"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_an_end_in_the_middle_ends_every_stage(bb: Wherry, tmp_path: Path, how: signal.Signals) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "Dockerfile").write_text(stages("RUN echo begun; sleep 765432"))
    build = bb.start("build", "--progress", "plain", str(context))
    for _ in range(STAGES):
        says(build, "begun")
    build.send_signal(how)
    build.communicate(timeout=30)

    def nothing_is_left() -> bool:
        bb("images")
        return nothing_runs("sleep 765432") and not list((bb.root / "tmp").iterdir())

    wait_until(nothing_is_left)


def test_two_stages_with_the_same_step_make_it_once(bb: Wherry, tmp_path: Path) -> None:
    step = HELD + "cat /proc/sys/kernel/random/uuid > /token"
    dockerfile = f"FROM bb AS a\n{step}\nFROM bb AS b\n{step}\nFROM bb\n"
    dockerfile += "COPY --from=a /token /a\nCOPY --from=b /token /b\n"
    context = tmp_path / "c"
    context.mkdir()
    (context / "Dockerfile").write_text(dockerfile)
    build = bb.start("build", "--no-cache", "--progress", "plain", "-t", "image", str(context))
    says(build, "begun", "waiting for another build that makes the same step")
    let_go(bb)
    assert build.communicate(timeout=60) and build.returncode == 0
    image = "image"
    assert bb("run", "--rm", image, "sh", "-c", "cmp /a /b && echo same") == "same"


def test_two_builds_that_need_the_same_step_make_it_once(bb: Wherry, tmp_path: Path) -> None:
    step = HELD + "cat /proc/sys/kernel/random/uuid > /token\n"
    builds = []
    for name, line in ("one", "begun"), ("two", "waiting for another build that makes the same step"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text(f"FROM bb\n{step}LABEL name={name}\n")
        builds.append(bb.start("build", "--progress", "plain", "-t", name, str(tmp_path / name)))
        says(builds[-1], line)
    let_go(bb)
    said = "".join(build.communicate(timeout=60)[1] for build in builds)
    assert [build.returncode for build in builds] == [0, 0], said
    assert layers(bb, "one") == layers(bb, "two")
    assert len(re.findall("^#2 DONE", said, re.M)) == 1 and len(re.findall("CACHED", said)) == 1


def test_who_waits_for_a_build_that_is_killed_makes_the_step_itself(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "Dockerfile").write_text(f"FROM bb\n{HELD}echo done > /done\n")
    first = bb.start("build", "--progress", "plain", str(context))
    says(first, "begun")
    second = bb.start("build", "--progress", "plain", "-t", "second", str(context))
    says(second, "waiting for another build that makes the same step")
    first.kill()
    first.communicate()
    let_go(bb)
    assert "DONE" in second.communicate(timeout=60)[1]
    assert bb("run", "--rm", "second", "cat", "/done") == "done"


def test_lines_of_steps_that_run_at_once_are_whole(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    step = 'RUN for i in $(seq 40); do printf "$N-"; printf "$N-"; printf "$N\\n"; done; printf $N$N'
    (context / "Dockerfile").write_text(stages(step))
    said = bb.run("build", "--progress", "plain", str(context)).stderr
    printed = re.findall(r"^#\d+ \d+\.\d+ (.*)$", said, re.MULTILINE)
    assert sorted(printed) == sorted(["0-0-0", "1-1-1", "2-2-2"] * 40 + ["00", "11", "22"])


def test_many_small_stages(bb: Wherry, tmp_path: Path) -> None:
    """Forks of a process with many threads: none hangs, whatever the threads are doing."""
    many = 24
    dockerfile = "".join(f"FROM bb AS s{n}\nRUN echo {n} > /{n}\nRUN test -e /{n}\n" for n in range(many))
    dockerfile += "FROM bb\n" + "".join(f"COPY --from=s{n} /{n} /\n" for n in range(many))
    image = bb.build(tmp_path / "c", dockerfile, "--jobs", "16")
    shown = bb("run", "--rm", image, "sh", "-c", f"cd /; cat $(seq 0 {many - 1})")
    assert shown.split() == [str(n) for n in range(many)]

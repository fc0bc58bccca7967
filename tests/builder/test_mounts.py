"""RUN with here-documents and --mount, wherever a step may run: with mounts and without."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.wherry import Wherry
from wherry.builder.steps.ssh_agent import Relay

pytestmark = [pytest.mark.root, pytest.mark.runtime]


@pytest.fixture(params=["oci", "chroot", "no mounts"])
def any_bb(request: pytest.FixtureRequest, bb: Wherry) -> Wherry:
    """The command on a store with `bb`, isolated in each of the three ways."""
    if request.param == "chroot":
        bb.env["WHERRY_ISOLATION"] = "chroot"
    elif request.param == "no mounts":
        # What a container with Docker's default profile lacks: CAP_SYS_ADMIN.
        bb.prefix = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", *bb.prefix]
    return bb


def shown(wherry: Wherry, command: str, *args: str) -> str:
    return wherry("run", "--rm", *args, "x", "sh", "-c", command)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "c"
    (folder / "src/deep").mkdir(parents=True)
    (folder / "src/one").write_text("1")
    (folder / "src/deep/two").write_text("2")
    (folder / "hidden").write_text("never")
    (folder / ".dockerignore").write_text("hidden\n")
    return folder


@pytest.mark.parametrize(
    "dockerfile, prints",
    [
        ("RUN <<EOF\necho one > /out\necho $HOME >> /out\nEOF\n", "one\n/root"),
        ("RUN <<EOF cat > /out\nkept $HOME\nEOF\n", "kept /root"),
        ("RUN <<'EOF' cat > /out\nkept $HOME\nEOF\n", "kept $HOME"),
        ("RUN <<A cat > /out && cat <<B >> /out\nfirst\nA\nsecond\nB\n", "first\nsecond"),
        ("RUN <<EOF\n#!/bin/busybox ash\necho by $0 > /out\nEOF\n", "by /dev/pipes/EOF"),
        ("RUN <<-EOF\n\t\techo tabs > /out\n\tEOF\n", "tabs"),
    ],
)
def test_a_here_document_is_the_script(
    any_bb: Wherry, tmp_path: Path, dockerfile: str, prints: str
) -> None:
    any_bb.build(tmp_path / "c", "FROM bb\n" + dockerfile, "-t", "x")
    assert shown(any_bb, "cat /out; ls /dev/pipes 2>/dev/null || true") == prints


def test_a_bind_mount_shows_the_context_without_what_is_ignored(any_bb: Wherry, context: Path) -> None:
    any_bb.build(context, "FROM bb\nRUN --mount=target=/m cd /m && find . | sort > /out\n", "-t", "x")
    listed = shown(any_bb, "cat /out").split("\n")
    assert listed == [
        ".",
        "./.dockerignore",
        "./Dockerfile",
        "./src",
        "./src/deep",
        "./src/deep/two",
        "./src/one",
    ]
    assert shown(any_bb, "ls -d /m 2>&1 || true").endswith("No such file or directory")


def test_what_is_written_to_a_bind_mount_is_thrown_away(any_bb: Wherry, context: Path) -> None:
    dockerfile = "FROM bb\nRUN --mount=target=/m,source=src,rw echo new > /m/one && cat /m/one > /out\n"
    any_bb.build(context, dockerfile, "-t", "x")
    assert shown(any_bb, "cat /out") == "new"
    assert (context / "src/one").read_text() == "1"


def test_a_bind_mount_of_one_file_from_another_stage(any_bb: Wherry, context: Path) -> None:
    dockerfile = (
        "FROM bb AS made\nRUN mkdir /d && echo from a stage > /d/f\n"
        "FROM bb\nRUN --mount=from=made,source=/d/f,target=/etc/f cat /etc/f > /out; ls /etc > /etc-was\n"
    )
    any_bb.build(context, dockerfile, "-t", "x")
    assert shown(any_bb, "cat /out; ls /etc/f 2>/dev/null || echo gone") == "from a stage\ngone"


def test_a_program_on_a_bind_mount_is_found(any_bb: Wherry, context: Path) -> None:
    dockerfile = (
        'FROM bb AS tools\nFROM bb\nRUN --mount=from=tools,target=/t ["/t/bin/busybox", "touch", "/out"]\n'
    )
    any_bb.build(context, dockerfile, "-t", "x")
    assert shown(any_bb, "ls /out") == "/out"


def test_the_content_of_a_bind_mount_counts_and_nothing_beside_it(any_bb: Wherry, context: Path) -> None:
    dockerfile = "FROM bb\nRUN --mount=source=src,target=/m cat /m/one > /out\n"
    first = any_bb.build(context, dockerfile)
    os.utime(context / "src/one", (1, 1))
    (context / "beside").write_text("x")
    assert any_bb.build(context) == first
    (context / "src/one").write_text("changed")
    any_bb.build(context, None, "-t", "x")
    assert shown(any_bb, "cat /out") == "changed"


def test_the_content_of_a_bound_stage_counts_and_not_how_it_was_made(bb: Wherry, tmp_path: Path) -> None:
    second = "FROM bb\nRUN --mount=from=made,source=/d,target=/d cat /d/f > /out; date +%N > /when\n"
    first = bb.build(tmp_path / "c", "FROM bb AS made\nRUN mkdir /d && echo same > /d/f\n" + second)
    again = bb.build(
        tmp_path / "c", "FROM bb AS made\nRUN echo x > /e; mkdir /d && echo same > /d/f\n" + second
    )
    assert first == again
    other = bb.build(tmp_path / "c", "FROM bb AS made\nRUN mkdir /d && echo other > /d/f\n" + second)
    assert other != first


def test_a_cache_mount_outlives_the_build_and_is_in_no_layer(any_bb: Wherry, tmp_path: Path) -> None:
    dockerfile = (
        "FROM bb\nARG N\nRUN --mount=type=cache,target=/var/cache/x,uid=7,mode=0750 "
        "cd /var/cache/x; echo $N >> seen && cp seen /out && stat -c '%u %a' . >> /out\n"
    )
    for n in "12":
        any_bb.build(tmp_path / "c", dockerfile, "-t", "x", "--build-arg", f"N={n}")
    assert shown(any_bb, "cat /out; ls /var/cache 2>/dev/null || echo gone") == "1\n2\n7 750\ngone"


def test_a_cache_begins_as_a_copy_of_what_it_names(any_bb: Wherry, tmp_path: Path) -> None:
    dockerfile = (
        "FROM bb AS seed\nRUN mkdir -p /s/sub && echo seed > /s/sub/f\n"
        "FROM bb\nRUN --mount=type=cache,id=seeded,from=seed,source=/s,target=/c cat /c/sub/f > /out\n"
    )
    any_bb.build(tmp_path / "c", dockerfile, "-t", "x")
    assert shown(any_bb, "cat /out") == "seed"


def test_a_tmpfs_is_empty_and_leaves_nothing(any_bb: Wherry, tmp_path: Path) -> None:
    dockerfile = (
        "FROM bb\nRUN mkdir /t && echo below > /t/f\n"
        "RUN --mount=type=tmpfs,target=/t,size=1m ls /t > /out; echo x > /t/new\n"
    )
    any_bb.build(tmp_path / "c", dockerfile, "-t", "x")
    assert shown(any_bb, "cat /out; ls /t; cat /t/f") == "f\nbelow"


def test_mounts_leave_no_trace_in_the_layer(any_bb: Wherry, context: Path) -> None:
    """The step does nothing, so its layer is the same as that of a step without mounts: an empty one."""
    dockerfile = (
        "FROM bb\nRUN mkdir -p /opaque && touch /opaque/x\nRUN rm -r /opaque && mkdir /opaque\n"
        "RUN --mount=target=/opaque/a/b --mount=type=cache,target=/root/.cache "
        "--mount=type=tmpfs,target=/etc/x "
        "--mount=type=secret,id=s,target=/opaque/secret true\n"
    )
    secret = context.parent / "secret"
    secret.write_text("s3cret")
    any_bb.build(context, dockerfile, "-t", "x", "--secret", f"id=s,src={secret}")
    layers = any_bb("history", "--format", "{{.Size}} {{.CreatedBy}}", "--no-trunc", "x").split("\n")
    assert layers[0].startswith("0B RUN")
    any_bb("save", "-o", str(context.parent / "x.tar"), "x")
    top = subprocess.run(
        ["bash", "-c", "tar xf x.tar && tar tf $(python3 -c 'import json; "
         "print(json.load(open(\"manifest.json\"))[0][\"Layers\"][-1])')"],
        cwd=context.parent, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert [name for name in top if not name.endswith("/")] == []


@pytest.mark.parametrize(
    "mount, path", [("", "/run/secrets/s"), (",target=/etc/s,mode=0440,uid=3,gid=4", "/etc/s")]
)
def test_a_secret_is_there_for_the_step_and_nowhere_else(
    any_bb: Wherry, tmp_path: Path, mount: str, path: str
) -> None:
    value = "s3cr3t-value-of-the-test"
    secret = tmp_path / "secret"
    secret.write_text(value)
    dockerfile = (
        f"FROM bb\nRUN --mount=type=secret,id=s{mount} test $(wc -c < {path}) = {len(value)} "
        f"&& stat -c '%a %u %g' {path} > /out\n"
        f"RUN --mount=type=secret,id=s,env=TOKEN test ${{#TOKEN}} = {len(value)}\n"
    )
    any_bb.build(tmp_path / "c", dockerfile, "-t", "x", "--secret", f"id=s,src={secret}")
    assert shown(any_bb, "cat /out") == ("440 3 4" if mount else "400 0 0")
    assert shown(any_bb, f"ls {path} 2>/dev/null || echo gone") == "gone"
    found = subprocess.run(
        ["grep", "-rl", value, str(any_bb.root)], capture_output=True, text=True, check=False
    ).stdout
    assert found == ""


def test_a_secret_that_a_step_prints_is_masked_on_the_screen_and_in_the_log(
    any_bb: Wherry, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cr3t-value\n")
    context = tmp_path / "c"
    context.mkdir()
    (context / "Dockerfile").write_text(
        "FROM bb\nRUN --mount=type=secret,id=s,env=T set -x; cat /run/secrets/s; echo is $T; exit 3\n"
    )
    said = any_bb.fails("build", "--secret", f"id=s,src={secret}", str(context), code=1)
    assert "s3cr3t-value" not in said and "is ***" in said
    logs = [log.read_text() for log in (any_bb.root / "logs").iterdir()]
    assert len(logs) == 1 and "s3cr3t-value" not in logs[0] and "is ***" in logs[0]


def test_a_secret_from_the_environment(bb: Wherry, tmp_path: Path) -> None:
    dockerfile = "FROM bb\nRUN --mount=type=secret,id=TOKEN cat /run/secrets/TOKEN | wc -c > /out\n"
    bb.build(tmp_path / "c", dockerfile, "-t", "x", "--secret", "id=TOKEN", env={"TOKEN": "12345"})
    assert shown(bb, "cat /out").strip() == "5"


def test_another_secret_is_no_reason_to_run_again(bb: Wherry, tmp_path: Path) -> None:
    dockerfile = "FROM bb\nRUN --mount=type=secret,id=s date +%N > /out\n"
    secret = tmp_path / "s"
    secret.write_text("one")
    first = bb.build(tmp_path / "c", dockerfile, "--secret", f"id=s,src={secret}")
    secret.write_text("two")
    assert bb.build(tmp_path / "c", None, "--secret", f"id=s,src={secret}") == first


@pytest.mark.parametrize(
    "mount, says",
    [
        ("type=secret,id=absent,required", "secret absent: not found"),
        ("type=ssh,required", "ssh agent default: not found"),
        ("type=secret", "one of source, target required"),
        ("source=nothing,target=/m", '"nothing" is not in the build context'),
        ("source=hidden,target=/m", "excluded by .dockerignore line 1"),
        ("source=../up,target=/m", "forbidden path outside the build context"),
        ("from=nobody,target=/m", "neither a stage before this one nor an image that is here"),
        ("target=/", "it would cover the whole image"),
    ],
)
def test_a_mount_that_cannot_be_is_said_with_its_line(
    bb: Wherry, context: Path, mount: str, says: str
) -> None:
    (context / "Dockerfile").write_text(f"FROM bb\n\nRUN --mount={mount} true\n")
    said = bb.fails("build", str(context), code=1)
    assert says in said and "Dockerfile:3" in said


@pytest.mark.parametrize(
    "flags, says",
    [
        (("--secret", "src=x"), "has no id"),
        (("--secret", "id=x,sorce=y"), 'invalid field "sorce=y"'),
        (("--secret", "id=x,src=/nowhere/x"), "there is no file /nowhere/x"),
        (("--secret", "id=x,env=NOT_SET_HERE"), "the variable NOT_SET_HERE is not set"),
        (("--ssh", "default=/etc/passwd"), "/etc/passwd is not the socket of an agent"),
    ],
)
def test_a_flag_that_names_nothing_is_refused_before_the_build(
    bb: Wherry, context: Path, flags: tuple[str, ...], says: str
) -> None:
    (context / "Dockerfile").write_text("FROM bb\n")
    assert says in bb.fails("build", *flags, str(context), code=125)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """Something that answers on a socket as an agent would."""
    path = str(tmp_path / "agent.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            client.sendall(b"answer to " + client.recv(100))
            client.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield path
    listener.shutdown(socket.SHUT_RDWR)
    thread.join()
    listener.close()


def test_a_step_has_the_socket_of_the_ssh_agent(any_bb: Wherry, tmp_path: Path, agent: str) -> None:
    dockerfile = (
        "FROM bb\nRUN --mount=type=ssh,uid=5,mode=0640 test -S $SSH_AUTH_SOCK && "
        "stat -c '%u %a' $SSH_AUTH_SOCK > /out; echo $SSH_AUTH_SOCK >> /out\n"
    )
    any_bb.build(tmp_path / "c", dockerfile, "-t", "x", "--ssh", f"default={agent}")
    assert shown(any_bb, "cat /out; ls /run/buildkit 2>/dev/null || echo gone") == (
        "5 640\n/run/buildkit/ssh_agent.0\ngone"
    )


def test_what_a_step_says_to_the_socket_reaches_the_agent(tmp_path: Path, agent: str) -> None:
    deep = tmp_path / ("d" * 120)  # longer than a unix socket's path may be
    deep.mkdir()
    with Relay(str(deep / "relay"), agent), socket.socket(socket.AF_UNIX) as client:
        folder = os.open(deep, os.O_PATH)
        client.connect(f"/proc/self/fd/{folder}/relay")
        os.close(folder)
        client.sendall(b"question")
        assert client.recv(100) == b"answer to question"
        assert client.recv(100) == b""


def test_a_relay_that_has_ended_accepts_for_nobody_else(tmp_path: Path) -> None:
    """A thread that is about to accept would take a client of who gets the descriptor's number next."""
    with Relay(str(tmp_path / "relay"), str(tmp_path / "agent")) as relay:
        pass
    assert not relay._accepting.is_alive()


def test_locked_caches_are_used_by_one_step_at_a_time(bb: Wherry, tmp_path: Path) -> None:
    step = (
        "RUN --mount=type=cache,id=l,target=/l,sharing=locked mkdir /l/busy && sleep 0.3 && rmdir /l/busy\n"
    )
    builds = []
    for n in range(3):
        (tmp_path / str(n)).mkdir()
        (tmp_path / str(n) / "Dockerfile").write_text(f"FROM bb\nENV N={n}\n{step}")
        builds.append(bb.start("build", "-q", str(tmp_path / str(n))))
    assert [build.wait(60) for build in builds] == [0, 0, 0]

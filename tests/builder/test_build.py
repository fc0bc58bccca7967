"""What `wherry build` makes of a Dockerfile, on a real runtime and a real overlay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]


def config_of(wherry: Wherry, image: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(wherry("inspect", image))
    config: dict[str, Any] = found[0]["Config"]
    return config


def steps(progress: str) -> list[str]:
    return [line for line in progress.splitlines() if line.startswith("#")]


def test_every_instruction_reaches_the_configuration(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(
        tmp_path / "c",
        """\
ARG TAG=latest
FROM bb:${TAG}
MAINTAINER someone
ARG VERSION=1
ENV A=1 B="two words"
ENV C three words
LABEL one=1 "two"='2 3'
WORKDIR /srv
WORKDIR app
EXPOSE 80 53/udp
VOLUME ["/data"]
STOPSIGNAL SIGINT
SHELL ["/bin/sh", "-ec"]
HEALTHCHECK --interval=5s --retries=2 CMD wget -q localhost
USER app:extra
ENTRYPOINT ["/bin/echo", "v${VERSION}"]
CMD echo hi
""",
        "-t",
        "every",
    )
    config = config_of(bb, image)
    assert config["Env"][1:] == ["A=1", "B=two words", "C=three words"]
    assert config["Env"][0].startswith("PATH=")
    assert config["Labels"] == {"one": "1", "two": "2 3"}
    assert config["WorkingDir"] == "/srv/app"
    assert sorted(config["ExposedPorts"]) == ["53/udp", "80/tcp"]
    assert list(config["Volumes"]) == ["/data"]
    assert config["StopSignal"] == "SIGINT"
    assert config["Shell"] == ["/bin/sh", "-ec"]
    assert config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "wget -q localhost"],
        "Interval": 5_000_000_000,
        "Retries": 2,
    }
    assert config["User"] == "app:extra"
    assert config["Entrypoint"] == ["/bin/echo", "v${VERSION}"]
    assert config["Cmd"] == ["/bin/sh", "-ec", "echo hi"]
    assert json.loads(bb("inspect", "every"))[0]["Author"] == "someone"


def test_run_in_shell_and_exec_form_sees_args_env_user_and_folder(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(
        tmp_path / "c",
        """\
FROM bb
ARG WHO=nobody
ENV GREETING=hello
WORKDIR /w
RUN echo "$GREETING $WHO $(pwd) $(id -u)" > one
USER app
RUN ["/bin/sh", "-c", "echo $HOME $(id -u):$(id -g) > /tmp/two"]
RUN echo a && \\
    # a comment between

    echo b > /tmp/three
""",
        "--build-arg",
        "WHO=world",
    )
    assert bb("run", "--rm", image, "cat", "/w/one", "/tmp/two", "/tmp/three") == (
        "hello world /w 0\n/ 1000:1000\nb"
    )


def test_a_second_build_comes_whole_from_the_cache_and_gives_the_same_image(
    bb: Wherry, tmp_path: Path
) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "f").write_text("1")
    first = bb.build(context, "FROM bb\nCOPY f /f\nRUN cat /f > /g\nENV X=1\n")
    (context / "f").touch()
    done = bb.run("build", "--progress", "plain", str(context))
    assert done.stderr.count("CACHED") == 2, done.stderr
    assert bb("build", "-q", str(context)) == first


@pytest.mark.parametrize(
    ("before", "after", "cached"),
    [
        pytest.param("COPY f /f", "COPY f /g", 0, id="another target"),
        pytest.param("RUN true", "RUN true ", 1, id="trailing blanks do not count"),
        pytest.param("ENV A=1\nRUN true", "ENV A=2\nRUN true", 0, id="an environment that RUN sees"),
        pytest.param("RUN true\nENV A=1", "RUN true\nENV A=2", 1, id="an environment that comes later"),
        pytest.param("RUN true\nLABEL a=1", "RUN true\nLABEL a=2", 1, id="a label"),
        pytest.param("USER 0\nRUN true", "USER 1\nRUN true", 0, id="another user"),
    ],
)
def test_what_changes_a_key(bb: Wherry, tmp_path: Path, before: str, after: str, cached: int) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "f").write_text("1")
    bb.build(context, f"FROM bb\n{before}\n")
    (context / "Dockerfile").write_text(f"FROM bb\n{after}\n")
    done = bb.run("build", "--progress", "plain", str(context))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("CACHED") == cached, done.stderr


def test_changed_bytes_miss_and_changed_times_hit(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "f").write_text("1")
    one = bb.build(context, "FROM bb\nCOPY f /f\n")
    (context / "f").write_text("2")
    two = bb.build(context)
    (context / "f").write_text("1")
    assert two != one
    assert bb.build(context) == one


def test_no_cache_runs_every_step_again(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    bb.build(context, "FROM bb\nRUN cat /proc/sys/kernel/random/uuid > /id\n", "-t", "a")
    bb.build(context, None, "--no-cache", "-t", "b")
    assert bb("run", "--rm", "a", "cat", "/id") != bb("run", "--rm", "b", "cat", "/id")


def test_stages_that_the_target_does_not_need_are_not_built(bb: Wherry, tmp_path: Path) -> None:
    dockerfile = """\
FROM bb AS needed
RUN echo needed > /f
FROM bb AS broken
RUN exit 9
FROM bb AS last
COPY --from=needed /f /f
FROM bb AS after
RUN exit 8
"""
    image = bb.build(tmp_path / "c", dockerfile, "--target", "last")
    assert bb("run", "--rm", image, "cat", "/f") == "needed"
    assert "exit code: 9" in bb.fails("build", "--target", "broken", str(tmp_path / "c"), code=1)


def test_copy_from_a_stage_by_number_and_from_an_image(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(
        tmp_path / "c",
        "FROM bb\nRUN echo zero > /f\n"
        "FROM scratch\nCOPY --from=0 /f /from-stage\nCOPY --from=bb /etc/passwd /p\n"
        "COPY --from=bb /bin/busybox /bin/busybox\n",
    )
    assert bb("run", "--rm", image, "/bin/busybox", "cat", "/from-stage") == "zero"
    assert "app:x:1000" in bb("run", "--rm", image, "/bin/busybox", "cat", "/p")


def test_copy_patterns_folders_owners_modes_and_links(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    (context / "d/sub").mkdir(parents=True)
    (context / "a.txt").write_text("a")
    (context / "b.txt").write_text("b")
    (context / "d/sub/deep").write_text("deep")
    (context / "d/link").symlink_to("sub/deep")
    image = bb.build(
        context,
        """\
FROM bb
COPY *.txt /t/
COPY d /d
COPY --chown=app:extra --chmod=640 a.txt b.txt /o/
COPY --chown=7:8 d/sub /own
COPY ["a.txt", "/with space"]
WORKDIR /rel
COPY a.txt .
COPY a.txt b
RUN ln -s /t /alias
COPY b.txt /alias/through
""",
    )

    def out(*words: str) -> str:
        return bb("run", "--rm", image, *words)

    assert (
        out("ls", "/t", "/d", "/rel") == "/d:\nlink\nsub\n\n/rel:\na.txt\nb\n\n/t:\na.txt\nb.txt\nthrough"
    )
    assert out("readlink", "/d/link") == "sub/deep"
    assert (
        out("stat", "-c", "%u:%g %a", "/o/a.txt", "/own", "/own/deep") == "1000:1001 640\n7:8 755\n7:8 644"
    )
    assert out("cat", "/with space") == "a"


def test_add_unpacks_local_archives_and_copy_does_not(bb: Wherry, tmp_path: Path) -> None:
    import tarfile

    context = tmp_path / "c"
    context.mkdir()
    (context / "inner").write_text("inside")
    with tarfile.open(context / "x.tar.gz", "w:gz") as tar:
        tar.add(context / "inner", "folder/inner")
    image = bb.build(context, "FROM bb\nADD x.tar.gz /add/\nCOPY x.tar.gz /copy/\nADD inner /plain\n")
    assert bb("run", "--rm", image, "cat", "/add/folder/inner", "/plain") == "insideinside"
    assert bb("run", "--rm", image, "ls", "/copy") == "x.tar.gz"


def test_deleted_and_replaced_files_are_gone_in_the_image(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(
        tmp_path / "c",
        """\
FROM bb
RUN mkdir -p /d/e && echo 1 > /d/e/f && echo 2 > /file && ln -s /nowhere /l
RUN rm -r /d && mkdir /d && echo new > /d/g && rm /file && mkdir /file && rm /l && echo l > /l
""",
    )
    assert bb("run", "--rm", image, "find", "/d", "/file", "/l") == "/d\n/d/g\n/file\n/l"


def test_metadata_survives_build_save_and_load(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(
        tmp_path / "c",
        """\
FROM bb
RUN echo x > /s && chown 70000:3000000 /s && chmod 6755 /s && ln /s /hard && mkfifo /fifo \
 && mknod /dev-null c 1 3 && touch -d '2001-02-03 04:05:06' /old
RUN dd if=/dev/zero of=/sparse bs=1 count=1 seek=5000000 2>/dev/null
""",
        "-t",
        "meta",
    )
    command = ("stat", "-c", "%n %u:%g %a %F %h", "/s", "/hard", "/fifo", "/dev-null", "/old", "/sparse")
    before = bb("run", "--rm", image, *command)
    assert "/s 70000:3000000 6755 regular file 2" in before
    other = Wherry(tmp_path / "other")
    bb("save", "-o", str(tmp_path / "meta.tar"), "meta")
    other("load", "-i", str(tmp_path / "meta.tar"))
    assert other("run", "--rm", "meta", *command) == before
    assert other("run", "--rm", "meta", "stat", "-c", "%Y", "/old") == "981173106"


def test_dockerfile_from_stdin_iidfile_labels_and_file_elsewhere(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    context.mkdir()
    (context / "f").write_text("f")
    one = bb("build", "-q", "-f", "-", str(context), input="FROM bb\nCOPY f /f\n")
    elsewhere = tmp_path / "Other.dockerfile"
    elsewhere.write_text("FROM bb\nCOPY f /f\n")
    assert bb("build", "-q", "-f", str(elsewhere), str(context)) == one
    iid = tmp_path / "iid"
    bb("build", "-q", "--label", "a=b", "--iidfile", str(iid), "-f", str(elsewhere), str(context))
    assert iid.read_text().startswith("sha256:")
    assert config_of(bb, iid.read_text())["Labels"] == {"a": "b"}
    assert bb("build", "-q", "-", input="FROM bb\nRUN true\n").startswith("sha256:")


def test_dockerignore_hides_files_and_the_error_names_its_line(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    (context / "secret").mkdir(parents=True)
    (context / "secret/key").write_text("k")
    (context / "secret/public").write_text("p")
    (context / ".dockerignore").write_text("# comment\nsecret/*\n!secret/public\n")
    image = bb.build(context, "FROM bb\nCOPY . /c\n")
    assert bb("run", "--rm", image, "ls", "/c/secret") == "public"
    (context / "Dockerfile").write_text("FROM bb\nCOPY secret/key /key\n")
    error = bb.fails("build", str(context), code=1)
    assert "secret/key" in error
    assert "line 2" in error and ".dockerignore" in error
    (context / "Dockerfile.dockerignore").write_text("")
    bb.build(context)


def test_predefined_args_reach_run_but_neither_the_key_nor_the_history(bb: Wherry, tmp_path: Path) -> None:
    context = tmp_path / "c"
    dockerfile = 'FROM bb\nRUN echo "$http_proxy" > /p\n'
    one = bb.build(context, dockerfile, "--build-arg", "http_proxy=http://a:1")
    assert bb("run", "--rm", one, "cat", "/p") == "http://a:1"
    assert bb.build(context, None, "--build-arg", "http_proxy=http://b:2") == one
    assert "a:1" not in bb("history", "--no-trunc", one)


def test_an_unused_build_argument_is_a_warning(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM bb\n")
    done = bb.run("build", "--build-arg", "NOPE=1", str(tmp_path))
    assert done.returncode == 0
    assert "NOPE" in done.stderr


def test_the_environment_of_the_caller_does_not_leak_into_a_step(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(tmp_path / "c", "FROM bb\nRUN env > /env\n", env={"SECRET_TOKEN": "hunter2"})
    assert "hunter2" not in bb("run", "--rm", image, "cat", "/env")


def test_a_step_leaves_nothing_of_the_sandbox_in_its_layer(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(tmp_path / "c", 'FROM scratch\nCOPY --from=bb /bin /bin\nRUN ["/bin/true"]\n')
    assert bb("save", image, "-o", str(tmp_path / "s.tar")) == ""
    history = bb("history", "--format", "{{.CreatedBy}} {{.Size}}", image).splitlines()
    assert history[0].startswith("RUN /bin/true") and history[0].endswith(" 0B")


def test_a_context_that_is_a_tar_on_stdin_is_refused_or_built(bb: Wherry, tmp_path: Path) -> None:
    import io
    import tarfile

    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, text in (("Dockerfile", b"FROM bb\nCOPY f /f\n"), ("f", b"tarred")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    (tmp_path / "context.tar").write_bytes(raw.getvalue())
    with (tmp_path / "context.tar").open() as stdin:
        image = bb("build", "-q", "-", stdin=stdin)
    assert bb("run", "--rm", image, "cat", "/f") == "tarred"

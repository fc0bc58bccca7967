"""How RUN steps run: hosts, limits, shared memory, networks, privileges; and --squash."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.wherry import Wherry

pytestmark = pytest.mark.mounts


@pytest.fixture(params=["oci", "chroot"])
def any_bb(bb: Wherry, request: pytest.FixtureRequest) -> Wherry:
    bb.env["WHERRY_ISOLATION"] = request.param
    return bb


def shown(bb: Wherry, tmp_path: Path, step: str, *args: str) -> str:
    image = bb.build(tmp_path / "c", f"FROM bb\nRUN {step} > /out\n", *args)
    return bb("run", "--rm", image, "cat", "/out")


def test_a_host_is_known_to_the_step_and_to_nobody_else(any_bb: Wherry, tmp_path: Path) -> None:
    args = ("--add-host", "here.example:10.1.2.3", "--add-host=there=[2001:db8::1]")
    assert (
        shown(
            any_bb,
            tmp_path,
            "grep -c -e '10.1.2.3.*here.example' -e '2001:db8::1.*there' /etc/hosts",
            *args,
        )
        == "2"
    )
    image = any_bb.build(tmp_path / "c", None, *args)
    assert "example" not in any_bb("run", "--rm", image, "cat", "/etc/hosts")
    assert any_bb.build(tmp_path / "c", None, *args) == image
    assert any_bb.build(tmp_path / "c", "FROM bb\nRUN true\n", "--add-host", "a:1.2.3.4") != image


def test_the_hosts_name_is_the_steps_own(any_bb: Wherry, tmp_path: Path) -> None:
    before = os.uname().nodename
    assert shown(any_bb, tmp_path, "hostname") == "buildkitsandbox"
    assert any_bb("run", "--rm", "--hostname", "box", "bb", "hostname") == "box"
    assert os.uname().nodename == before


def test_limits(any_bb: Wherry, tmp_path: Path) -> None:
    assert (
        shown(any_bb, tmp_path, "sh -c 'ulimit -n; ulimit -Hn'", "--ulimit", "nofile=100:200") == "100\n200"
    )


def test_shared_memory(any_bb: Wherry, tmp_path: Path) -> None:
    assert shown(any_bb, tmp_path, "df -k /dev/shm", "--shm-size", "3m").split()[8] == "3072"


def test_no_network(any_bb: Wherry, tmp_path: Path) -> None:
    assert shown(any_bb, tmp_path, "grep -c : /proc/net/dev", "--network", "none") == "1"


def test_an_insecure_step_has_all_capabilities_where_that_is_allowed(
    any_bb: Wherry, tmp_path: Path
) -> None:
    step = "--security=insecure grep CapBnd /proc/self/status"
    insecure = shown(any_bb, tmp_path, step, "--allow", "security.insecure")
    assert int(insecure.split()[1], 16) > int(shown(any_bb, tmp_path, step.split(" ", 1)[1]).split()[1], 16)
    (tmp_path / "c/Dockerfile").write_text(f"FROM bb\nRUN {step}\n")
    said = any_bb.fails("build", str(tmp_path / "c"), code=1)
    assert "security.insecure is not allowed" in said and "--allow security.insecure" in said


@pytest.mark.parametrize(
    "words, says",
    [
        (["--add-host", "x"], "invalid value for --add-host: x"),
        (["--add-host", "x:nowhere"], "invalid value for --add-host"),
        (["--ulimit", "nofile"], "invalid ulimit argument"),
        (["--ulimit", "nofiles=1"], "did you mean nofile?"),
        (["--ulimit", "nofile=2:1"], "less than or equal"),
        (["--shm-size", "much"], "invalid size"),
        (["--shm-size", "²"], "invalid size"),
        (["--network", "bridge"], "not supported"),
        (["--allow", "security.insecur"], "did you mean security.insecure?"),
        (["--annotation", "manifst:a=b"], "did you mean manifest?"),
        (["--annotation", "novalue"], "expected key=value"),
    ],
)
def test_mistakes(bb: Wherry, tmp_path: Path, words: list[str], says: str) -> None:
    (tmp_path / "Dockerfile").write_text("FROM bb\n")
    assert says in bb.fails("build", *words, str(tmp_path), code=125)


def test_annotations_are_the_manifests(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(tmp_path / "c", "FROM bb\nLABEL a=1\n", "-t", "x", "--annotation", "org.example=value")
    layout = json.loads((bb.root / "index.json").read_text())
    digest = next(
        m["digest"]
        for m in layout["manifests"]
        if "/x:" in m["annotations"]["org.opencontainers.image.ref.name"]
    )
    manifest = json.loads((bb.root / "blobs/sha256" / digest.removeprefix("sha256:")).read_text())
    assert manifest["annotations"] == {"org.example": "value"} and manifest["config"]["digest"] == image


def test_squash_makes_one_layer_above_the_base(bb: Wherry, tmp_path: Path) -> None:
    dockerfile = (
        "FROM bb\nRUN mkdir -p /a/b && echo 1 > /a/b/c && ln /a/b/c /a/hard && echo gone > /gone\n"
        "RUN rm /gone /bin/vi && rm -r /a/b && mkdir /a/b && echo 2 > /a/b/d && chmod 1770 /a\n"
        "RUN rm -r /tmp && mkdir /tmp && touch /tmp/new && ln -sf busybox /bin/vi\nENV X=1\n"
    )
    plain = bb.build(tmp_path / "c", dockerfile, "-t", "plain")
    squashed = bb.build(tmp_path / "c", None, "--squash", "-t", "squashed")
    layers = {
        name: json.loads(bb("inspect", name))[0]["RootFS"]["Layers"] for name in ("bb", "plain", "squashed")
    }
    assert layers["squashed"][:-1] == layers["bb"] and len(layers["plain"]) == len(layers["bb"]) + 3
    script = (
        "cd / && find a tmp bin/vi -exec stat -c '%n %f %u %s %Y' {} + | sort; ls /gone; cat /a/b/d /a/hard"
    )
    assert (
        bb.run("run", "--rm", plain, "sh", "-c", script).stdout
        == bb.run("run", "--rm", squashed, "sh", "-c", script).stdout
    )
    assert bb.build(tmp_path / "c", None, "--squash") == squashed
    history = bb("history", "--format", "{{.Size}} {{.CreatedBy}}{{.Comment}}", "squashed").splitlines()
    assert (
        "merge 3 layers" in history[0]
        and [line for line in history[1:4] if not line.startswith("0B")] == []
    )

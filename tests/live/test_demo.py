"""``make demo`` wherever it is started: as root, as a plain user, in a container without rights."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.checkout import ROOT, copy_checkout
from support.dockerd import Dockerd
from support.environment import certificates, passed
from support.machine import require
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.network]

PLAIN = 41234  # a user id that no package uses
FIRST_SUBORDINATE = 2_000_000_000


def assert_whole(said: str) -> None:
    """Everything that the demo promises is in what it printed."""
    assert "Traceback" not in said
    sizes = dict(
        re.findall(r"^(repodemo/\S+|golang|small|debian)\s.*?\s([\d.]+[kMG]B)$", said, re.MULTILINE)
    )
    assert {"repodemo/httpd-fat", "repodemo/httpd-target", "repodemo/httpd-small"} <= sizes.keys()
    assert sizes["repodemo/httpd-fat"].endswith("MB") and float(sizes["repodemo/httpd-fat"][:-2]) > 500
    assert float(sizes["repodemo/httpd-multi-stage"][:-2]) < 20
    assert "hello from httpd, you asked for /index.html" in said
    assert "ENTRYPOINT" in said and "<missing>" in said
    assert "every step came from the cache" in said
    pushed = re.search(r"latest: digest: (sha256:[0-9a-f]{64})", said)
    assert pushed and f"Digest: {pushed[1]}" in said
    assert re.search(r"Status: Downloaded newer image for localhost:\d+/xxxx/httpd:latest", said)
    assert re.search(r"^ +\d+ x 200 hello from httpd-2, you asked for /$", said, re.MULTILINE)
    assert re.search(r"\d+ requests, 0 failed", said)


def test_the_demo_as_root(demo_store: tuple[Wherry, str]) -> None:
    wherry, said = demo_store
    assert_whole(said)
    assert wherry("ps", "-aq") == ""


def test_the_demo_again_builds_nothing(demo_store: tuple[Wherry, str]) -> None:
    again = subprocess.run(
        ["make", "demo"],
        cwd=ROOT,
        env={**os.environ, "WHERRY_ROOT": str(demo_store[0].root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert again.returncode == 0, again.stdout
    assert_whole(again.stdout)
    built = re.findall(r"(\d+) steps?, (\d+) from the cache", again.stdout)
    assert built and all(steps == cached for steps, cached in built)
    assert "base image" not in again.stdout


@pytest.mark.rootless
def test_the_demo_as_a_plain_user_with_subordinate_ids(base_images: Path, open_folder: Path) -> None:
    """The user is one of a private mount namespace: nothing of the machine is changed for it."""
    require(os.path.exists("/usr/bin/newuidmap"), "needs newuidmap (Debian's uidmap)")
    home = open_folder / "home"
    copy_checkout(home / "wherry")
    for name in ("passwd", "subuid", "subgid"):
        text = Path(f"/etc/{name}").read_text()
        row = (
            f"plain:x:{PLAIN}:{PLAIN}::{home}:/bin/bash"
            if name == "passwd"
            else (f"plain:{FIRST_SUBORDINATE}:65536")
        )
        (open_folder / name).write_text(f"{text}{row}\n")
    for folder, _, files in os.walk(home):
        for name in [".", *files]:
            os.chown(os.path.join(folder, name), PLAIN, PLAIN)
    script = f"""
set -e
for name in passwd subuid subgid; do mount --bind {open_folder}/$name /etc/$name; done
cd {home}/wherry
setpriv --reuid={PLAIN} --regid={PLAIN} --clear-groups --inh-caps=-all bash -c '
  set -e
  scripts/setup run
  .venv/bin/wherry load -q -i {base_images}
  make demo
  .venv/bin/wherry info --format "{{{{.Reason}}}}"
  .venv/bin/wherry ps -aq | wc -l'
"""
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("WHERRY", "XDG", "UV_", "PYTEST"))
    }
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "bash", "-c", script],
        env={**environment, "HOME": str(home), "USER": "plain"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout
    assert_whole(done.stdout)
    assert "a plain user in a user namespace" in done.stdout
    subprocess.run(["rm", "-rf", str(home)], check=True)


@pytest.mark.dockerd
def test_the_demo_inside_an_unprivileged_container(
    dockerd: Dockerd, base_images: Path, demo_store: tuple[Wherry, str], tmp_path: Path
) -> None:
    copy_checkout(tmp_path / "wherry")
    dockerd.load(base_images)
    script = """
set -e
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends make python3 ca-certificates
cp -r /in/wherry /wherry
cd /wherry
scripts/setup run
.venv/bin/wherry load -q -i /in/bases.tar
make demo
"""
    volumes = ["-v", f"{tmp_path / 'wherry'}:/in/wherry:ro", "-v", f"{base_images}:/in/bases.tar:ro"]
    done = dockerd.run(
        "run",
        "--rm",
        "--network",
        "host",
        *volumes,
        *certificates(),
        *passed(),
        "debian:bookworm",
        "bash",
        "-c",
        script,
        timeout=900,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-5000:]
    assert_whole(said)
    assert "mounting is refused here" in said

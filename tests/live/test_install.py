"""The wheel, installed as docs/install.md says in a container that has a Python and nothing of ours."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.checkout import ROOT
from support.environment import certificates, passed
from support.pages import blocks
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.network]

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
MACHINE = """
FROM debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates man-db \
    nginx-light python3-venv
RUN useradd -m someone
"""
# What is typed in it, below the ways to install of docs/install.md.
BEGIN = """
set -e
mkdir /tmp/work
cd /tmp/work
cp -r /in dist
python3 -m venv /tmp/tools
/tmp/tools/bin/pip install -q pipx uv
export PATH=/root/.local/bin:/tmp/tools/bin:$PATH
"""
END = """
~/wherry/bin/wherry version
export PATH=~/wherry/bin:$PATH
man wherry-build | grep OPTIONS
~/wherry/bin/python -m wherry version
wherry load -q -i /bases.tar
wherry run --rm small echo a container in a container
mkdir /tmp/services
cat >/tmp/services/web.yaml <<END
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {wherry.dev/host: web.test}}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 18999}]
endpoints: [{addresses: [127.0.0.1]}]
END
wherry proxy run --from-dir /tmp/services --listen 127.0.0.1:18998 --access-log off &
proxy=$!
python3 - <<END
import http.server, threading, time, urllib.request
server = http.server.HTTPServer(("127.0.0.1", 18999), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
asked = urllib.request.Request("http://127.0.0.1:18998/", headers={"Host": "web.test"})
for _ in range(200):
    try:
        print("proxied", urllib.request.urlopen(asked).status)
        break
    except OSError:
        time.sleep(0.05)
END
kill $proxy
wait $proxy
"""


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(["scripts/dist", str(folder)], cwd=ROOT, check=True, capture_output=True)
    return folder


def test_the_wheel_and_the_sdist_hold_what_they_should(dist: Path) -> None:
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    assert "wherry-0.1.0.data/data/share/man/man1/wherry-build.1" in zipfile.ZipFile(wheel).namelist()
    assert packed == {str(p.relative_to(ROOT / "src")) for p in (ROOT / "src").rglob("*.py")}
    with tarfile.open(sdist) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {"README.md", "LICENSE", "pyproject.toml", "src/wherry/cli/commands.py"} <= names


def way(name: str) -> list[str]:
    """The blocks of docs/install.md by which it is installed, upgraded and removed."""
    found = [
        b.text for b in blocks(ROOT / "docs/install.md") if "test_install.py" in b.reason and name in b.text
    ]
    assert len(found) == 3
    return found


def typed() -> str:
    """Each way's command works by its name, and is gone when it was removed."""
    lines = [BEGIN]
    for name in ("uv tool", "pipx"):
        install, upgrade, remove = way(name)
        lines += [install, "wherry version", upgrade, "wherry version", remove, "! command -v wherry"]
    install, upgrade, remove = way("~/wherry")
    return "\n".join([*lines, install, upgrade, END, remove])


def test_every_way_to_install_ends_with_a_command_that_works(
    demo_store: tuple[Wherry, str], base_images: Path, dist: Path, tmp_path: Path
) -> None:
    wherry = demo_store[0]
    machine = wherry.build(tmp_path / "machine", MACHINE, timeout=300)
    volumes = ["-v", f"{dist}:/in:ro", "-v", f"{base_images}:/bases.tar:ro", *certificates()]
    done = wherry.run("run", "--rm", *volumes, *passed(), machine, "bash", "-c", typed(), timeout=600)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-5000:]
    assert "Traceback" not in said
    assert done.stdout.count("wherry 0.1.0\n") == 6 and "OPTIONS" in done.stdout, said
    assert "a container in a container" in done.stdout
    assert "proxied 200" in done.stdout


def test_the_image_of_a_ci_job_has_wherry_and_what_its_recipes_use(
    demo_store: tuple[Wherry, str], dist: Path, tmp_path: Path
) -> None:
    wherry = demo_store[0]
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    shutil.copytree(dist, tmp_path / "dist")
    words = ["-f", str(tmp_path / "deploy/ci/Dockerfile"), "--build-arg", "BASE=debian:bookworm"]
    words += ["--build-arg", "PIP_INDEX_URL"]
    if Path(AUTHORITIES).exists():
        words += ["--secret", f"id=certificates,src={AUTHORITIES}"]
    wherry("build", "-q", "-t", "wherry-ci", *words, str(tmp_path), timeout=300)
    script = "wherry version && git --version && ssh -V"
    shown = wherry("run", "--rm", "--network", "none", "wherry-ci", "bash", "-euc", script)
    assert "wherry 0.1.0" in shown and "git version" in shown

"""The images of the nginx pod: small, without a shell, at work as a plain user on a read-only root."""

from __future__ import annotations

import http.client
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from support.podimages import IMAGES, pod_images
from support.ports import free_port
from support.waiting import wait_until
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.network]
LARGEST = 60_000_000
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {wherry.dev/host: web.example}}
spec: {ports: [{port: 1}], clusterIP: 127.0.0.1}
"""


@pytest.fixture(scope="module")
def pods() -> Wherry:
    return pod_images()


def files(wherry: Wherry, image: str) -> set[str]:
    container = wherry("create", image)
    try:
        done = subprocess.run([*wherry.prefix, "export", container], capture_output=True, check=True)
    finally:
        wherry("rm", container)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        return {member.name for member in tar}


@pytest.mark.parametrize("image", ["wherry:0.1.0", *IMAGES.values()])
def test_an_image_of_the_pod_is_small_and_holds_no_shell(pods: Wherry, image: str) -> None:
    (found,) = json.loads(pods("inspect", image))
    assert 20_000_000 < found["Size"] < LARGEST
    assert found["Config"]["User"] == "65532:65532"
    held = files(pods, image)
    places = ("usr/bin/", "usr/sbin/", "bin/", "sbin/")
    programs = {n.rpartition("/")[2] for n in held if n.startswith(places)}
    nginx = {"nginx"} if image in ("wherry:0.1.0", "nginx-reload") else set()
    assert {p for p in programs if p and not p.startswith("python3")} == {"wherry"} | nginx
    known = {"libc6", "libssl3t64"} | nginx
    assert known <= {n.rpartition("/")[2] for n in held if n.startswith("var/lib/dpkg/status.d/")}


def test_together_they_take_little_more_than_one(pods: Wherry) -> None:
    layers = [json.loads(pods("inspect", image))[0]["RootFS"]["Layers"] for image in IMAGES.values()]
    assert layers[0] == layers[1] == layers[2][:-1]


@pytest.mark.parametrize(
    ("image", "user"),
    [("wherry:0.1.0", ""), ("nginx-reload", ""), ("wherry:0.1.0", "1000680000:0")],
    ids=["one", "example", "of-openshift"],
)
def test_init_and_nginx_serve_on_a_read_only_root(
    pods: Wherry, tmp_path: Path, image: str, user: str
) -> None:
    conf, services, port = tmp_path / "conf", tmp_path / "services", free_port()
    conf.mkdir()
    conf.chmod(0o777)
    services.mkdir()
    (services / "web.yaml").write_text(SERVICE)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    mount = ("--read-only", "-v", f"{conf}:/etc/nginx/conf.d", *(("--user", user) if user else ()))
    follow = ("proxy", "render", "--dir", "/etc/nginx/conf.d", "--from-dir", "/services")
    init = "nginx-init" if image == "nginx-reload" else image
    listen = ("--listen", f"127.0.0.1:{port}")
    pods("run", "--rm", *mount, "-v", f"{services}:/services:ro", init, *follow, *listen)
    serving = pods("run", "-d", *mount, image, "proxy", "serve", "--dir", "/etc/nginx/conf.d")
    try:
        wait_until(lambda: "started: generation" in pods.run("logs", serving).stderr, "nginx runs")
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        link.request("GET", "/", headers={"Host": "web.example"})
        assert link.getresponse().status == 502, "there is nothing behind the Service"
        link.close()
    finally:
        pods("rm", "-f", serving)

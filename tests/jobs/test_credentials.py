"""What pods are given of a machine's logins: what is about the build's images, and no more."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from wherry.jobs.credentials import certificates, docker_config, registries_conf
from wherry.jobs.manifest import CERTIFICATES, Given, job, secret
from wherry.jobs.options import PodOptions
from wherry.oci.reference import parse
from wherry.registry.settings import Settings


def auth(user: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:secret of {user}".encode()).decode()}


def test_logins_of_other_registries_stay_here(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    auths = {"one.example": auth("one"), "two.example": auth("two"), "one.example/own": auth("own")}
    auths["https://index.docker.io/v1/"] = auth("hub")
    file.write_text(json.dumps({"auths": auths}))
    names = [parse(n) for n in ("one.example/app", "one.example/own/app", "debian", "none.example/x")]
    assert json.loads(docker_config(Settings((str(file),)), names))["auths"] == {
        "one.example/app": auth("one"),
        "one.example/own/app": auth("own"),
        "https://index.docker.io/v1/": auth("hub"),
    }


def test_only_registries_of_the_build_are_called_insecure(tmp_path: Path) -> None:
    file = tmp_path / "registries.conf"
    tables = [f'[[registry]]\nlocation = "{n}.example"\ninsecure = true\n' for n in ("one", "two")]
    file.write_text("".join(tables))
    settings = Settings(registries_files=(str(file),))
    names = [parse("one.example/app"), parse("three.example/app"), parse("localhost:5000/app")]
    assert registries_conf(settings, names).decode() == tables[0]


def test_certificates_lie_in_the_pod_as_they_do_here(tmp_path: Path) -> None:
    for host in ("one.example:5000", "two.example"):
        (tmp_path / host).mkdir()
        for name in ("ca.crt", "me.cert", "me.key", "README"):
            (tmp_path / host / name).write_text(f"{host} {name}")
    found = certificates(
        Settings(certificate_folders=("/nowhere", str(tmp_path))), [parse("one.example:5000/a")]
    )
    assert list(found) == [f"one.example:5000/1-{name}" for name in ("ca.crt", "me.cert", "me.key")]
    data = secret("n", Given(certificates=found), {"name": "n", "uid": "u"})["data"]
    pod = job("n", [], PodOptions("i"), tuple(found))["spec"]["template"]["spec"]
    (volume,) = (v["secret"] for v in pod["volumes"] if v["name"] == "certificates")
    held = {item["path"]: base64.b64decode(data[item["key"]]) for item in volume["items"]}
    assert held == found
    assert CERTIFICATES in [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]

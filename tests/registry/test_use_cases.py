"""What a program asks of a registry: values in and out, and nothing printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.registry import PASSWORD, USER, Registry
from wherry.app.build import build_images, default_options
from wherry.app.images import images
from wherry.app.inspect import inspect
from wherry.app.registry import login, manifest, pull, push, tags
from wherry.app.request import BuildRequest
from wherry.builder.output.options import Output
from wherry.errors import NotFoundError, RegistryError
from wherry.oci.reference import parse
from wherry.registry.client import Registries
from wherry.registry.credentials import Credentials
from wherry.registry.settings import Settings
from wherry.runtime import Runtime
from wherry.store import Store

pytestmark = [pytest.mark.root, pytest.mark.registry]


def test_an_image_is_built_to_a_registry_and_pulled_from_it(
    registry: Registry, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    here = Store.open(Runtime(str(tmp_path / "here")))
    there = Store.open(Runtime(str(tmp_path / "there")))
    name = parse(f"{registry.host}/use/case:1")
    output = Output("image", names=(name.canonical(),), push=True)
    request = BuildRequest(str(tmp_path), default_options(), outputs=(output,))
    built = build_images(here, request, registries=lambda: Registries(Settings()))
    client = Registries(Settings())
    try:
        pulled = pull(there, client, name)
        assert built.descriptor is not None and pulled.digest == built.descriptor.digest
        assert pulled.image.id == built.image and pulled.is_new
        assert [row.image.id for row in images(there)] == [built.image]
        assert push(there, client, name._replace(tag="1")).digest == pulled.digest
        assert tags(client, name) == ["1"]
        assert json.loads(manifest(client, name).data)["config"]["digest"] == built.image
        with pytest.raises(RegistryError, match="not found"):
            pull(there, client, name._replace(tag="2"))
    finally:
        client.close()
    shown = inspect(there, f"docker://{name.canonical()}", registries=lambda: Registries(Settings()))
    assert shown["Id"] == built.image
    with pytest.raises(NotFoundError):
        inspect(there, f"docker://{name.canonical()}")
    assert capfd.readouterr() == ("", "")


def test_credentials_are_kept_where_the_registry_lets_them_in(
    guarded: Registry, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(login_file=str(tmp_path / "auth.json"), verify=False)
    with pytest.raises(RegistryError):
        login(settings, guarded.host, Credentials(USER, "wrong"))
    assert not (tmp_path / "auth.json").exists()
    done = login(settings, guarded.host, Credentials(USER, PASSWORD))
    assert done == (str(tmp_path / "auth.json"), False, True)
    assert guarded.host in json.loads((tmp_path / "auth.json").read_text())["auths"]
    assert capfd.readouterr() == ("", "")

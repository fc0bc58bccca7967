"""PURE: how an image was built, as SLSA provenance v1 in BuildKit's shape.

Source: slsa.dev, "Provenance v1"; BuildKit's documentation, "SLSA definitions".
"""

from __future__ import annotations

import base64

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


BUILD_TYPE = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"
FRONTEND = "dockerfile.v0"


class Material(NamedTuple):
    """`uri` names it without what lets one in; `digest` is ``sha256:…`` or ``sha1:…`` (a commit)."""

    uri: str
    digest: str


class Request(NamedTuple):
    """What a build was asked for.

    `args` are by BuildKit's words: ``build-arg:A``, ``label:a``, ``target``.
    `secrets` and `agents` are names, never values.  `source` is the context where that came from elsewhere,
    `dockerfile` its name and its text.
    """

    args: Mapping[str, str]
    secrets: Sequence[str]
    agents: Sequence[str]
    dockerfile: tuple[str, str]
    source: Material | None = None


class Run(NamedTuple):
    """How it went: times in RFC 3339, "" where they are not to be told; `platform` is the builder's,
    `target` the image's; `hermetic` that no step had a network: with a context that
    nobody else has, a build is not called so."""

    invocation: str
    started: str
    finished: str
    platform: str
    target: str
    version: str
    hermetic: bool
    reproducible: bool
    builder: str = ""


def provenance(
    request: Request, run: Run, materials: Sequence[Material], *, everything: bool
) -> dict[str, Any]:
    """With `everything` (mode=max) arguments, secrets' names and the Dockerfile are told, too."""
    dependencies = [*([request.source] if request.source else []), *materials]
    metadata: dict[str, Any] = {
        "invocationId": run.invocation,
        "startedOn": run.started,
        "finishedOn": run.finished,
        "buildkit_hermetic": run.hermetic and request.source is not None,
        "buildkit_completeness": {
            "request": everything,
            "resolvedDependencies": request.source is not None,
        },
        "buildkit_reproducible": run.reproducible,
    }
    if everything:
        metadata["buildkit_metadata"] = {"source": {"infos": [_info(*request.dockerfile)]}}
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "configSource": _config_source(request),
                "request": _request(request, everything=everything),
            },
            "internalParameters": {"builderPlatform": run.platform, "targetPlatform": run.target},
            "resolvedDependencies": [_dependency(each) for each in dict.fromkeys(dependencies)],
        },
        "runDetails": {
            "builder": {"id": run.builder, "version": {"wherry": run.version}},
            "metadata": {name: value for name, value in metadata.items() if value not in ("", False)},
        },
    }


def _config_source(request: Request) -> dict[str, Any]:
    value: dict[str, Any] = _dependency(request.source) if request.source else {}
    return {**value, "path": request.dockerfile[0]}


def _request(request: Request, *, everything: bool) -> dict[str, Any]:
    told = {
        name: value
        for name, value in request.args.items()
        if everything or not name.startswith(("build-arg:", "label:"))
    }
    value: dict[str, Any] = {"frontend": FRONTEND, "args": told}
    if request.source is None:
        value["locals"] = [{"name": "context"}, {"name": "dockerfile"}]
    if everything:
        value["secrets"] = [{"id": name} for name in request.secrets]
        value["ssh"] = [{"id": name} for name in request.agents]
    return value


def _dependency(material: Material) -> dict[str, Any]:
    algorithm, _, digest = material.digest.partition(":")
    return {"uri": material.uri, **({"digest": {algorithm: digest}} if digest else {})}


def _info(name: str, text: str) -> dict[str, str]:
    data = base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
    return {"filename": name, "language": "Dockerfile", "data": data}

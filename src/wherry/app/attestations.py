"""What a build says of its image: what is in it, and how it was made."""

from __future__ import annotations

import os
import time

from wherry.builder.attest.options import NOTHING
from wherry.builder.progress import underway
from wherry.oci.attestation import SLSA, SPDX, Attestation
from wherry.oci.times import rfc3339, rfc3339_seconds
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.app.opened import Opened
    from wherry.app.request import BuildRequest
    from wherry.builder.attest.options import Attest
    from wherry.builder.attest.provenance import Material
    from wherry.builder.execute.build import Build
    from wherry.builder.progress import Progress
    from wherry.images.view import Image
    from wherry.store import ImageRecord


def attestations(
    build: Build,
    record: ImageRecord,
    request: BuildRequest,
    opened: Opened,
    began: float,
    progress: Progress,
) -> Sequence[Attestation]:
    """What `request` asks for, of an image that was built from `began` (Unix seconds) until now."""
    attest = request.attest or NOTHING
    found = []
    if attest.sbom:
        with underway(progress, "generating sbom"):
            found.append(Attestation(SPDX, _sbom(build, record, request)))
    if attest.provenance:
        found.append(Attestation(SLSA, _provenance(build, request, opened, began, attest)))
    return found


def _sbom(build: Build, record: ImageRecord, request: BuildRequest) -> dict[str, object]:
    from wherry import __version__
    from wherry.builder.attest.spdx import document
    from wherry.images.view import Image
    from wherry.layers.view import View
    from wherry.packages.find import find_packages

    image = Image(build.store, record)
    found = find_packages(View(image.layer_paths()))
    names = [name for output in request.outputs for name in output.names]
    return document(found, names[0] if names else "", record.id, _seconds(image), f"wherry-{__version__}")


def _seconds(image: Image) -> str:
    """An image's time without fractions, as SPDX has it; 1970 where it tells none."""
    created = image.config.created
    return f"{created[:19]}Z" if len(created) >= 20 else rfc3339_seconds(0)


def _provenance(
    build: Build, request: BuildRequest, opened: Opened, began: float, attest: Attest
) -> dict[str, object]:
    from wherry import __version__
    from wherry.builder.attest.provenance import Material, Request, Run, provenance
    from wherry.remote.urls import shown
    from wherry.sandbox.machine import machine

    options, given = build.options, build.options.given
    args = {f"build-arg:{name}": shown(value) for name, value in options.args.items()}
    args |= {f"label:{name}": shown(value) for name, value in options.labels.items()}
    args |= {"target": options.target} if options.target else {}
    asked = Request(
        args,
        sorted(given.secrets) if given else (),
        sorted(given.agents) if given else (),
        (os.path.basename(build.dockerfile.name), shown(build.dockerfile.text)),
        Material(*opened.source) if opened.source else None,
    )
    # A reproducible image says nothing of when and where it was made.
    timed = not options.reproducible
    run = Run(
        os.urandom(16).hex() if timed else "",
        rfc3339(began) if timed else "",
        rfc3339(time.time()) if timed else "",
        str(machine()),
        str(options.platform),
        __version__,
        hermetic=_is_hermetic(build),
        reproducible=attest.reproducible or options.reproducible,
        builder=attest.builder,
    )
    return provenance(asked, run, list(_materials(build)), everything=attest.provenance == "max")


def _materials(build: Build) -> Iterator[Material]:
    """In an order of their own: stages run side by side."""
    from wherry.builder.attest.provenance import Material
    from wherry.oci.purl import image_uri
    from wherry.oci.reference import parse

    images = []
    for (text, platform), record in build.bases.used.items():
        name = parse(text)
        at = f"{name._replace(tag='', digest='').canonical()}@"
        known = build.store.names.digests_of(record.id)
        digests = [found.removeprefix(at) for found in known if found.startswith(at)]
        images.append(Material(image_uri(name, platform), digests[0] if digests else record.manifest))
    yield from sorted(images)
    yield from sorted({Material(*each) for each in build.materials})


def _is_hermetic(build: Build) -> bool:
    """Whether no step had a network.  What ADD fetches is told with its digest, and does not count."""
    from wherry.dockerfile.ast import Run

    network = build.options.sandbox.network
    for number in build.plan.order:
        for instruction in build.plan.stages[number].stage.instructions:
            if isinstance(instruction, Run):
                own = instruction.network
                if (network if own in (None, "default") else own) != "none":
                    return False
    return True

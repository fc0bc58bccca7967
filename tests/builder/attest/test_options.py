"""What --attest, --sbom and --provenance ask for, in buildx's words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from wherry.builder.attest.options import NOTHING, Attest, parse_attest
from wherry.errors import WherryError


@pytest.mark.parametrize(
    ("attest", "sbom", "provenance", "found"),
    [
        ([], None, None, NOTHING),
        (["type=sbom"], None, None, Attest(sbom=True)),
        (["type=sbom,disabled=true"], None, None, NOTHING),
        ([], "true", None, Attest(sbom=True)),
        ([], "false", "0", NOTHING),
        (["type=sbom"], "false", None, NOTHING),
        ([], None, "true", Attest(provenance="min")),
        ([], None, "mode=max", Attest(provenance="max")),
        (["type=provenance,mode=min"], None, "mode=max", Attest(provenance="max")),
        (["type=provenance,disabled=1"], None, None, NOTHING),
        (
            ["type=provenance,mode=max,builder-id=https://ci/7,reproducible=true"],
            None,
            None,
            Attest(provenance="max", builder="https://ci/7", reproducible=True),
        ),
        ([], None, "mode=max,version=v1,inline-only=true", Attest(provenance="max")),
    ],
)
def test_what_is_asked_for(
    attest: Sequence[str], sbom: str | None, provenance: str | None, found: Attest
) -> None:
    assert parse_attest(attest, sbom, provenance) == found


@pytest.mark.parametrize(
    ("attest", "sbom", "provenance", "says"),
    [
        (["sbom"], None, None, "type=sbom"),
        (["mode=max"], None, None, "not specified"),
        (["type=sbmo"], None, None, "did you mean type=sbom"),
        ([], "generator=docker/scout-sbom-indexer", None, "reads the packages itself"),
        ([], None, "mode=all", "min or max"),
        ([], None, "version=v0.2", "v0.2 is not written"),
        ([], None, "mod=max", "did you mean mode"),
        ([], None, "max", "mode=max"),
        ([], None, "disabled=maybe", "true or false"),
    ],
)
def test_what_is_refused(
    attest: Sequence[str], sbom: str | None, provenance: str | None, says: str
) -> None:
    with pytest.raises(WherryError) as refused:
        parse_attest(attest, sbom, provenance)
    assert says in f"{refused.value} {refused.value.hint}"

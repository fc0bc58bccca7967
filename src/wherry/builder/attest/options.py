"""PURE: what ``--attest``, ``--sbom`` and ``--provenance`` ask for, in buildx's words."""

from __future__ import annotations

from wherry.booleans import FALSE, TRUE
from wherry.commas import separated
from wherry.errors import UnsupportedError, UsageError, nearest
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ATTRIBUTES = {
    "sbom": ("disabled", "generator"),
    "provenance": ("disabled", "mode", "version", "builder-id", "reproducible", "inline-only"),
}
MODES = ("min", "max")


class Attest(NamedTuple):
    """`provenance` is "", "min" or "max"; `builder` is its builder's ID (a URL)."""

    sbom: bool = False
    provenance: str = ""
    builder: str = ""
    reproducible: bool = False

    @property
    def anything(self) -> bool:
        return self.sbom or bool(self.provenance)


NOTHING = Attest()


def parse_attest(attest: Sequence[str], sbom: str | None, provenance: str | None) -> Attest:
    """Nothing is attested unless it is asked for.  Raises UsageError, UnsupportedError."""
    found: dict[str, dict[str, str]] = {}
    for text in attest:
        values = _values(text, "--attest")
        kind = values.pop("type", "")
        if kind not in ATTRIBUTES:
            near = nearest(kind, list(ATTRIBUTES))
            said = f"unsupported attestation type {kind!r}" if kind else "attestation type not specified"
            raise UsageError(
                said, hint=f"did you mean type={near}?" if near else "type=sbom or type=provenance"
            )
        found[kind] = values
    for kind, word in (("sbom", sbom), ("provenance", provenance)):
        if word is not None:
            found[kind] = _shorthand(word, f"--{kind}")
    for kind, values in found.items():
        for key in values:
            if key not in ATTRIBUTES[kind]:
                near = nearest(key, ATTRIBUTES[kind])
                known = f"did you mean {near}?" if near else f"known: {', '.join(ATTRIBUTES[kind])}"
                raise UsageError(f"unknown attribute {key} of the {kind} attestation", hint=known)
    return Attest(
        _sbom(found["sbom"]) if "sbom" in found else False,
        _mode(found["provenance"]) if "provenance" in found else "",
        found.get("provenance", {}).get("builder-id", ""),
        _truth(found.get("provenance", {}), "reproducible"),
    )


def _shorthand(word: str, flag: str) -> dict[str, str]:
    """``true``, ``false``, or attributes."""
    if word in TRUE:
        return {}
    if word in FALSE:
        return {"disabled": "true"}
    return _values(word, flag)


def _values(text: str, flag: str) -> dict[str, str]:
    values = {}
    for field in separated(text, flag):
        key, equals, value = field.partition("=")
        if not equals:
            raise UsageError(f"invalid value {field} for {flag}", hint="write it as type=sbom, or mode=max")
        values[key.strip().lower()] = value
    return values


def _sbom(values: Mapping[str, str]) -> bool:
    if values.get("generator"):
        raise UnsupportedError(
            f"SBOM generator {values['generator']} is not run: wherry reads the packages itself",
            hint="leave generator= out",
        )
    return not _truth(values, "disabled")


def _mode(values: Mapping[str, str]) -> str:
    if _truth(values, "disabled"):
        return ""
    version, mode = values.get("version", "v1"), values.get("mode", "min")
    if version != "v1":
        raise UnsupportedError(
            f"SLSA provenance {version} is not written", hint="leave version= out: it is v1"
        )
    if mode not in MODES:
        raise UsageError(f"invalid mode {mode!r} of the provenance attestation", hint="min or max")
    return mode


def _truth(values: Mapping[str, str], key: str) -> bool:
    value = values.get(key, "false")
    if value not in TRUE | FALSE:
        raise UsageError(f"invalid value {value!r} of {key}", hint="true or false")
    return value in TRUE

"""Every harness: what was found before, what is right, and what hypothesis thinks of."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.harnesses import HARNESSES, try_one
from tests.fuzz.seeds import seeds

FOUND = sorted(path for path in (Path(__file__).parent / "found").glob("*/*") if path.is_file())
SLOW = {"archive", "response", "libraries", "tar", "layer", "image"}
"""They make files or sockets: fewer examples."""


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.name[-8:]}")
def test_what_was_found_once_is_a_value_or_an_error_of_ours(path: Path) -> None:
    try_one(path.parent.name, path.read_bytes())


@pytest.mark.parametrize("name", HARNESSES)
def test_what_is_right_is_taken(name: str) -> None:
    for seed in seeds(name):
        try_one(name, seed)


def test_the_inputs_to_begin_with_are_those_of_a_parser() -> None:
    assert {path.parent.name for path in FOUND} <= set(HARNESSES)


@st.composite
def mutated(draw: st.DrawFn, name: str) -> bytes:
    """A right input with a few bytes changed, or any bytes."""
    begin = seeds(name)
    if not begin or draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=300))
    data = bytearray(draw(st.sampled_from(begin)))
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        data[place : place + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(data)


@pytest.mark.parametrize("name", HARNESSES)
def test_any_bytes_are_a_value_or_an_error_of_ours(name: str) -> None:
    @settings(
        max_examples=25 if name in SLOW else 150,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(name))
    def check(data: bytes) -> None:
        try_one(name, data)

    check()


def test_none_of_it_takes_much_memory() -> None:
    """Of this process, after all of the above: an input of some kilobytes has not asked for gigabytes."""
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 << 20, "kilobytes"

"""Medians, figures, winners, tables: everything between the samples and the page."""

from __future__ import annotations

import pytest
from bench.bounds import bounds_table
from bench.proxy.tables import Section
from bench.report import FAILED, NOT_HERE, Cell, TableRow, median, table, three_digits, winners


def cells(**seconds: float) -> dict[str, Cell]:
    return {name: Cell((value,)) for name, value in seconds.items()}


@pytest.mark.parametrize(
    ("samples", "middle"),
    [
        ((3.0,), 3.0),
        ((9.0, 1.0, 2.0), 2.0),
        ((4.0, 1.0, 3.0, 2.0), 2.5),
        ((5.0, 5.0, 1.0, 100.0, 6.0), 5.0),
    ],
)
def test_the_median_is_the_middle_whatever_the_order(samples: tuple[float, ...], middle: float) -> None:
    assert median(samples) == middle


def test_no_samples_have_no_median() -> None:
    with pytest.raises(ValueError, match="no samples"):
        median(())


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.06524, "0.0652"),
        (0.0700, "0.0700"),
        (0.0099951, "0.0100"),
        (0.9996, "1.00"),
        (1.1, "1.10"),
        (9.995, "9.99"),
        (9.996, "10.0"),
        (12.34, "12.3"),
        (99.96, "100"),
        (1234.0, "1230"),
        (0.0, "0.00"),
    ],
)
def test_figures_have_three_significant_digits_and_no_powers_of_ten(seconds: float, shown: str) -> None:
    assert three_digits(seconds) == shown


def test_the_least_wins() -> None:
    assert winners(cells(a=2.0, b=1.0, c=3.0)) == {"b"}


def test_figures_that_print_alike_win_together() -> None:
    assert winners(cells(a=0.06521, b=0.06524, c=0.0653)) == {"a", "b"}


def test_figures_are_compared_as_numbers() -> None:
    assert winners(cells(a=9.5, b=10.2)) == {"a"}


def test_alone_nobody_wins() -> None:
    assert winners({**cells(a=1.0), "b": Cell(problem=NOT_HERE), "c": Cell()}) == frozenset()


def test_who_failed_once_does_not_win() -> None:
    failed = Cell((0.1, 0.1), "exited 1")
    assert winners({"a": failed, **cells(b=1.0, c=2.0)}) == {"b"}
    assert failed.seconds is None


def test_a_table_shows_losses_absences_and_failures_as_they_are() -> None:
    rows = [
        TableRow("nothing changed", {"w": Cell((0.07, 0.09, 0.08)), "d": Cell((0.0652,))}),
        TableRow(
            "run", {"w": Cell((1.0,)), "d": Cell(problem="exited 2\nlong"), "p": Cell(problem=NOT_HERE)}
        ),
    ]
    assert table("seconds", {"w": "wherry", "d": "docker 20.10", "p": "podman"}, rows) == (
        "| seconds | wherry | docker 20.10 | podman |\n"
        "|---|---|---|---|\n"
        "| nothing changed | 0.0800 | **0.0652** | – |\n"  # noqa: RUF001
        f"| run | 1.00 | {FAILED} | {NOT_HERE} |\n"
    )


def bounds(figures: dict[tuple[str, str], float]) -> str:
    own = {"version": "seconds"}
    return bounds_table(
        lambda row, column: figures.get((row, column)),
        lambda row: f"<{row}>",
        lambda column: f"[{column}]",
        lambda row: own.get(row, "wherry"),
    )


def test_a_promise_holds_at_its_limit_and_not_beyond() -> None:
    kept = bounds({("unchanged", "wherry"): 0.065, ("unchanged", "buildkit"): 0.065})
    assert kept.splitlines()[2:] == ["| <unchanged> | 0.0650 | [buildkit] = 0.0650 | yes |"]
    broken = bounds({("unchanged", "wherry"): 0.0651, ("unchanged", "buildkit"): 0.065})
    assert broken.splitlines()[2:] == ["| <unchanged> | 0.0651 | [buildkit] = 0.0650 | **no** |"]


def test_the_promise_of_the_version_is_a_factor_and_a_sum() -> None:
    shown = bounds({("version", "seconds"): 0.03, ("bare-python", "seconds"): 0.009})
    assert shown.splitlines()[2:] == [
        "| <version> | 0.0300 | 2 × <bare-python> + 10 ms = 0.0280 | **no** |"  # noqa: RUF001
    ]


def test_a_promise_without_both_figures_is_not_shown() -> None:
    assert bounds({("copy-first", "wherry"): 5.0, ("copy-first", "buildkit"): 5.0}) == ""


def test_a_bound_may_be_a_number() -> None:
    assert "| 2.30 | 2.30 | yes |" in bounds({("parallel", "wherry"): 2.3})
    assert "| 2.31 | 2.30 | **no** |" in bounds({("parallel", "wherry"): 2.31})


def test_of_very_many_samples_the_page_keeps_percentiles() -> None:
    few, many = [0.5, 0.25], [n / 10_000 for n in range(1, 10_001)]
    kept = Section("", "", (), (), {"few": few, "load": {"seconds": many, "counts": {"ok": 3}}}).as_json()
    assert kept["samples"]["few"] == few
    load = kept["samples"]["load"]
    assert load["counts"] == {"ok": 3} and len(load["seconds"]) < 20
    assert (load["seconds"]["count"], load["seconds"]["p50"], load["seconds"]["p100"]) == (10_000, 0.5, 1.0)

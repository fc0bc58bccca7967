"""Faults are counted by kind, and each says how it is repeated."""

from __future__ import annotations

from tests.soak.report import Fault, Report, kind_of


def test_faults_that_differ_in_digests_numbers_and_folders_are_of_one_kind() -> None:
    one = Fault("kills:run:1", f"/tmp/wherry-soak-x1/kills-0/store: containers/ keeps 1: {'ab' * 32}")
    two = Fault(
        "kills:rm:7", f"/tmp/wherry-soak-y2/kills-1/store: containers/ keeps 2: {'cd' * 32}, {'ef' * 32}"
    )
    assert kind_of(one) == kind_of(two) == "kills: …/store: containers/ keeps N: …"


def test_the_table_counts_steps_and_faults_and_says_how_to_repeat_them() -> None:
    report = Report(7)
    report.step("kills:load:0", "", [])
    report.step("kills:load:1", "", ["one", "two"])
    table = report.table().splitlines()
    assert table[1].split() == ["kills", "load", "2", "1", "2"]
    assert "make soak SEED=7 ONLY=kills:load:1" in table[-1]

"""What Prometheus is told, read as its own client reads it."""

from __future__ import annotations

import os

import pytest
from prometheus_client.parser import text_string_to_metric_families

from wherry.proxy.exposition import Family, Histogram, Sample, text
from wherry.proxy.metrics import Metrics
from wherry.proxy.monitor import Monitor


def parsed(document: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(document.decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("value", ["", "plain", 'a "quoted" word', "back\\slash\\n", "two\nlines", "é}{,="])
def test_any_value_of_a_label_comes_back(value: str) -> None:
    family = Family("m", "gauge", 'Words\nand \\ "more"', [Sample(1.5, (("a", value), ("b", "c")))])
    assert parsed(text([family])) == {("m", (("a", value), ("b", "c"))): 1.5}
    (found,) = text_string_to_metric_families(text([family]).decode())
    assert (found.type, found.documentation) == ("gauge", family.help)


def test_a_histogram_counts_what_is_at_most_its_bounds() -> None:
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        histogram.observe(seconds)
    found = parsed(text([Family("h", "histogram", "", [*histogram.samples((("phase", "x"),))])]))
    phase = ("phase", "x")
    assert [found["h_bucket", (("le", le), phase)] for le in ("0.1", "1.0", "+Inf")] == [2, 3, 4]
    assert found["h_count", (phase,)] == 4 and found["h_sum", (phase,)] == pytest.approx(7.65)


def test_a_source_that_was_never_heard_of_is_infinitely_old() -> None:
    found = parsed(Metrics(Monitor(("cluster",))).text())
    assert found["wherry_proxy_last_event_age_seconds", (("source", "cluster"),)] == float("inf")


def test_the_process_is_told_of_under_the_names_that_clients_use() -> None:
    found = parsed(Metrics(Monitor()).text())
    assert 3 <= found["process_open_fds", ()] <= found["process_max_fds", ()]
    assert found["process_resident_memory_bytes", ()] > os.sysconf("SC_PAGE_SIZE")
    assert found["process_start_time_seconds", ()] > 1e9
    assert found["process_cpu_seconds_total", ()] >= 0 and found["process_virtual_memory_bytes", ()] > 0

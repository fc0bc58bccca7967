"""Rules, and which of them an image breaks."""

from __future__ import annotations

import pytest

from explore.drawn import explored, layer
from wherry.errors import UsageError
from wherry.explore.limits import DEFAULT, Limits, check, parse

IMAGE = explored(
    layer(("a", "1234"), ("var/lib/apt/lists/x", "1")), layer(("a", "1234"), ("b/.git/x", "12"))
)
RULES = """
lowest-efficiency = 0.5
highest-wasted-bytes = "3B"
highest-wasted-percent = 50
highest-size = "1 kB"
highest-layers = 1
highest-duplicate-bytes = 0
absent = ["**/.git", "*.key"]
[categories]
package-caches = 0
documentation = "1MB"
"""


def test_each_rule_is_checked_and_says_what_it_found() -> None:
    found = {one.rule: (one.passed, one.found) for one in check(IMAGE, parse(RULES, "rules"))}
    assert found == {
        "lowest-efficiency": (True, pytest.approx(7 / 11)),
        "highest-wasted-percent": (False, pytest.approx(400 / 6)),
        "highest-wasted-bytes": (False, 4),
        "highest-duplicate-bytes": (True, 0),
        "highest-size": (True, 11),
        "highest-layers": (False, 2),
        "categories.package-caches": (False, 1),
        "categories.documentation": (True, 0),
        "absent **/.git": (False, 1),
        "absent *.key": (True, 0),
    }
    assert [one.example for one in check(IMAGE, Limits({}, {}, ("**/.git",)))] == ["b/.git/x"]


def test_the_defaults_pass_an_image_that_wastes_nothing() -> None:
    assert all(one.passed for one in check(explored(layer(("a", "1"))), DEFAULT))
    assert all(one.passed for one in check(explored(), DEFAULT))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b", "not TOML"),
        ("lowest-eficiency = 1", "did you mean lowest-efficiency?"),
        ("lowest-efficiency = 1.5", "from 0 to 1"),
        ("lowest-efficiency = true", "from 0 to 1"),
        ("highest-size = -1", "number of bytes"),
        ("highest-size = 'many'", "number of bytes"),
        ("categories = 1", "is a table"),
        ("[categories]\nx = 1", "there is no category 'x'"),
        ("absent = 'x'", "a list"),
    ],
)
def test_a_mistake_is_said(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "rules")
    assert words in f"{caught.value.message} {caught.value.hint}"

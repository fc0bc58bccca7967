"""YAML that is read without libyaml: the same values, or none."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wherry.proxy.sources import plain
from wherry.proxy.sources.documents import DEEPEST

MANIFEST = """\
---
# kubectl's way of writing one
apiVersion: v1
kind: Service
metadata:
  name: a
  annotations:
    wherry.dev/host: 'a.example, *.b.example'
    wherry.dev/body-size: "0"
    wherry.dev/read-timeout: 30s
  labels: {}
spec:
  clusterIP: 10.0.0.1
  ports:
  - name: http
    port: 80
  - targetPort: web
    port: 8080

  publishNotReadyAddresses: true
  externalIPs:
    - 192.0.2.1
    - 192.0.2.2
  selector:
  healthCheck: null
status:
  loadBalancer: {}
"""


def read(text: str) -> dict[str, Any] | None:
    found = plain.read(text.encode(), DEEPEST)
    return found[1] if found is not None else None


def test_what_manifests_are_written_in_is_read() -> None:
    assert plain.read(MANIFEST.encode(), DEEPEST) == (3, yaml.safe_load(MANIFEST))


VALUES = (
    "x", "", "", "a b: c", "a:b", "a  b", "word #c", "w/x.y-z", "/p", "_", "it's", "y", "yes", "on",
    "TRUE", "Null", "true", "false", "~", "0", "1", "007", "00", "0x1", "0o7", "1_0", "1.5", "12.", "1e3",
    "9e", "30s", "1:30", "10.0.0.1", "10.0.0.1.2", "1.2.3.4 x", "2026-01-01", "2001:db8::1",
    "123456789012345678901", '\'q: "\'', "'it''s'", '"d # {"', '"\\n"', '"', "{}", "[]", "{a: 1}", "[1]",
    "|", ">", "&a x", "*a", "!!str 1", "<<", "=", "- x", "a\t", "é",
)  # fmt: skip
KEYS = ("a", "b", "wherry.dev/host", "y", "on", "No", "k-", "a b", "1", "<<", "'q'", "?")
BARE = ("", "---", "--- ", "...", "# c", "  # c", "   ", "%YAML 1.1", "x", "- - x", "\t")


@st.composite
def lines(draw: st.DrawFn) -> str:
    blanks, item = " " * draw(st.integers(0, 6)), draw(st.sampled_from(("", "", "- ", "-  ")))
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(BARE))
    value = draw(st.sampled_from(VALUES))
    if draw(st.integers(0, 9)) == 0:
        return blanks + item + value
    key = draw(st.sampled_from(KEYS))
    return f"{blanks}{item}{key}:{draw(st.sampled_from((' ', '  '))) if value else ''}{value}"


@given(st.lists(lines(), max_size=8).map("\n".join))
def test_of_no_text_anything_else_is_read_than_yaml_says(text: str) -> None:
    found = plain.read(text.encode(), DEEPEST)
    if found is None:
        return
    (node,) = yaml.compose_all(text, Loader=yaml.SafeLoader)
    line, value = found
    assert line == node.start_mark.line + 1
    assert repr(value) == repr(yaml.safe_load(text))  # True is not 1


@pytest.mark.parametrize("value", [v for v in VALUES if v])
def test_a_value_alone_is_what_yaml_says_or_is_not_read(value: str) -> None:
    found = read(f"a: {value}\nb:\n- {value}\n")
    if found is not None:
        assert repr(found) == repr(yaml.safe_load(f"a: {value}\nb:\n- {value}\n"))


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\na: 2\n",
        "a: 1\n  b: 2\n",
        "a:\n  b: 1\n c: 2\n",
        "a: 1\n- b\n",
        "- a\n",
        "a:\n- b\n  c: d\n",
        "",
        "---\n",
        "a:1\n",
    ],
)
def test_what_is_no_mapping_of_plain_lines_is_not_read(text: str) -> None:
    assert read(text) is None


def test_levels_and_lines_are_bounded() -> None:
    def nested(levels: int) -> str:
        return "".join(f"{' ' * level}a:\n" for level in range(levels))

    assert read(nested(DEEPEST)) is not None and read(nested(DEEPEST + 1)) is None
    assert read(f"a: {'x' * (plain.LONGEST - 3)}") is not None
    assert read(f"a: {'x' * (plain.LONGEST - 2)}") is None

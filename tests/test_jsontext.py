"""JSON without `json` says what `json` says."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry import jsontext

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(VALUES, st.booleans(), st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_what_is_written_is_what_json_writes(
    value: object, ascii: bool, ordered: bool, separators: tuple[str, str]
) -> None:
    text = jsontext.dumps(value, ensure_ascii=ascii, sort_keys=ordered, separators=separators)
    assert text == json.dumps(value, ensure_ascii=ascii, sort_keys=ordered, separators=separators)
    assert jsontext.loads(text) == jsontext.loads(text.encode("utf-8", "surrogatepass")) == json.loads(text)


@settings(deadline=None)
@given(st.binary(max_size=40) | st.text(alphabet=' \n\ufeff[]{}",:\\u0dE-+.1aNfIntrye', max_size=30))
def test_what_is_no_json_is_the_same_error(data: bytes | str) -> None:
    try:
        expected = json.loads(data)
    except Exception as error:
        with pytest.raises(type(error)) as raised:
            jsontext.loads(data)
        assert str(raised.value) == str(error)
    else:
        assert repr(jsontext.loads(data)) == repr(expected)


@pytest.mark.parametrize("data", ["  [1] \n", b"\xef\xbb\xbf[1]", "[1]".encode("utf-16"), "[NaN]"])
def test_what_json_takes_is_taken(data: str | bytes) -> None:
    assert repr(jsontext.loads(data)) == repr(json.loads(data))


def test_what_is_no_value_of_json_is_refused() -> None:
    for value in ({1, 2}, b"x", object()):
        with pytest.raises(TypeError, match="is not JSON serializable"):
            jsontext.dumps([value])
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular"):
        jsontext.dumps(circle)


def test_neither_re_nor_json_is_loaded() -> None:
    script = "import sys; from wherry.jsontext import *; loads(dumps([1, 2.5, None])); print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not {"re", "json"} & set(loaded)


BROKEN = (
    *("", "[", "[ 1 -eq 2 ]", '{"a"', '{"a" 1}', '{"a":1,}', "{1:2}", '"\n"', '"\\x"', '"\\u12"'),
    *("[1,]", "1 2", "nul", '{"a":}', '["a', "\ufeff[1]"),
)


def test_the_first_error_of_a_process_is_json_s_own() -> None:
    """Before `json` is loaded its scanner has no class for errors (CPython before 3.13)."""
    script = (
        "import sys; sys.path[:0] = %r\n"
        "from wherry.jsontext import loads\n"
        "try: loads(%r)\n"
        "except ValueError as error: print(type(error).__name__, error)"
    )
    for text in BROKEN:
        command = [sys.executable, "-I", "-S", "-c", script % (sys.path, text)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        with pytest.raises(json.JSONDecodeError) as raised:
            json.loads(text)
        assert said == f"JSONDecodeError {raised.value}"

"""JSON without the start-up of `json`, which compiles regular expressions: a tenth of a cached build.

CPython's own scanner and encoder are taken as `json` takes them.  Whatever they stumble over is left to
`json`, so that errors are its own.
"""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    def loads(data: str | bytes) -> Any: ...

    def dumps(
        value: object,
        *,
        ensure_ascii: bool = True,
        separators: tuple[str, str] = (", ", ": "),
        sort_keys: bool = False,
    ) -> str: ...
else:
    try:
        from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

        make_encoder({}, None, encode_basestring, None, ":", ",", False, False, True)
    except (ImportError, TypeError):  # the names are private, and another Python may have others
        from json import dumps, loads
    else:

        class _Defaults:
            """What json.JSONDecoder says of itself to its scanner."""

            strict = True
            object_hook = object_pairs_hook = None
            parse_float, parse_int = float, int
            parse_constant = {"-Infinity": -float("inf"), "Infinity": float("inf"), "NaN": float("nan")}.get

        _scan = make_scanner(_Defaults)

        def loads(data):
            """See json.loads."""
            try:
                text = (data if isinstance(data, str) else str(data, "utf-8")).strip(" \t\n\r")
                value, end = _scan(text, 0)
                if end == len(text):
                    return value
            except (StopIteration, ValueError, SystemError):
                pass  # SystemError: before 3.13 the scanner finds no class for its errors without `json`
            import json

            return json.loads(data)

        def dumps(value, *, ensure_ascii=True, separators=(", ", ": "), sort_keys=False):
            """See json.dumps."""
            text = encode_basestring_ascii if ensure_ascii else encode_basestring
            item, key = separators
            encode = make_encoder({}, _refuse, text, None, key, item, sort_keys, False, True)
            return "".join(encode(value, 0))

        def _refuse(value):
            raise TypeError(f"Object of type {value.__class__.__name__} is not JSON serializable")

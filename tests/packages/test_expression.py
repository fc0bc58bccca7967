"""Which texts have the form of an SPDX license expression."""

from __future__ import annotations

import pytest

from wherry.packages.expression import is_expression


@pytest.mark.parametrize(
    "text",
    [
        "MIT",
        " GPL-2.0+ ",
        "MIT OR Apache-2.0",
        "(MIT)",
        "GPL-2.0-only WITH Classpath-exception-2.0 AND (MIT OR (BSD-3-Clause))",
    ],
)
def test_an_expression(text: str) -> None:
    assert is_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "MIT License",
            "MIT, BSD",
            "AND",
            "MIT AND",
            "OR MIT",
            "MIT AND OR BSD",
            "()",
            ")(",
            "(MIT",
        ),
        *(
            "MIT)",
            "MIT (BSD)",
            "(MIT) BSD",
            "(MIT) WITH x",
            "MIT WITH (x)",
            "LicenseRef-mine",
            "MIT\0",
            "É",
        ),
        "(" * 100_000,
    ],
)
def test_no_expression(text: str) -> None:
    assert not is_expression(text)

"""What ``inspect`` commands print: JSON, or a template for each object."""

from __future__ import annotations

import json

from wherry.cli.core.each import each
from wherry.cli.core.template import Template
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def show_objects(names: Sequence[str], find: Callable[[str], dict[str, Any]], form: str | None) -> int:
    """Print what `find` gives for each name; the exit code is each()'s.  `form` is ``--format``'s.

    Raises UsageError for a bad template, before anything is looked for.
    """
    template = Template(form) if form not in (None, "json") else None
    found: list[dict[str, Any]] = []
    code = each(names, lambda name: found.append(find(name)))
    if template is not None:
        for value in found:
            print(template.render(value))
    elif form == "json":
        print(json.dumps(found))
    else:
        print(json.dumps(found, indent=4, ensure_ascii=False))
    return code

"""What a run leaves: the Markdown page and the same as JSON with every sample."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.bounds import bounds_table
from bench.proxy.tables import markdown
from bench.report import TableRow, table
from bench.scenarios import BUILDERS, EXPLORES, MOVES, START

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.proxy.tables import Section
    from bench.report import Cell
    from bench.scenarios import Row

OF_PEERS = (BUILDERS, MOVES, EXPLORES)
"""Sections with a column for each peer."""
COLUMNS: dict[str, Mapping[str, str]] = {START: {"seconds": "seconds"}}


class Results:
    """`about` says what machine and versions, `sections` is the proxy's part."""

    def __init__(self, rounds: int, about: Mapping[str, str]) -> None:
        self.rounds = rounds
        self.about = dict(about)
        self.sections: Sequence[Section] = ()
        self._columns = dict(COLUMNS)
        self._rows: dict[str, Row] = {}
        self._cells: Mapping[tuple[str, str], Cell] = {}
        self._missing: Mapping[str, str] = {}

    def add_builders(
        self,
        titles: Mapping[str, str],
        rows: Sequence[Row],
        cells: Mapping[tuple[str, str], Cell],
        missing: Mapping[str, str],
    ) -> None:
        """`cells` are by row and column key."""
        self._columns = {**dict.fromkeys(OF_PEERS, titles), **COLUMNS}
        self._rows = {row.key: row for row in rows}
        self._cells = cells
        self._missing = missing

    def markdown(self) -> str:
        about = ", ".join(f"{name} {value}" for name, value in self.about.items() if name != "date")
        parts = [f"# Measured on {self.about['date']}\n", f"{about}.\n"]
        if self._rows:
            parts.append(f"Seconds; medians of {self.rounds} interleaved rounds; a row's best is bold.\n")
        for section in dict.fromkeys(row.section for row in self._rows.values()):
            parts += [f"## {section}\n", self._table(section)]
        promises = bounds_table(self._figure, self._title, self._heading, self._own_column)
        if promises:
            parts += ["## Promises\n", promises]
        if self.sections:
            parts.append(markdown(self.sections))
        return "\n".join(parts)

    def json(self) -> str:
        rows = [
            {
                "row": row.key,
                "title": row.title,
                "section": row.section,
                "seconds": {c: cell.seconds for (r, c), cell in self._cells.items() if r == row.key},
                "samples": {c: list(cell.samples) for (r, c), cell in self._cells.items() if r == row.key},
            }
            for row in self._rows.values()
        ]
        value = {
            "about": self.about,
            "rounds": self.rounds,
            "not here": sorted(self._missing),
            "rows": rows,
            "proxy": [section.as_json() for section in self.sections],
        }
        return json.dumps(value, indent=1, ensure_ascii=False) + "\n"

    def write(self, folder: Path) -> None:
        """``DATE.md`` and ``DATE.json``, replacing those of the same day."""
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in ((".md", self.markdown()), (".json", self.json())):
            path = folder / (self.about["date"] + suffix)
            temporary = path.with_suffix(suffix + ".new")
            temporary.write_text(text)
            temporary.rename(path)

    def _table(self, section: str) -> str:
        columns = self._columns[section]
        rows = [
            TableRow(row.title, {c: cell for (r, c), cell in self._cells.items() if r == row.key})
            for row in self._rows.values()
            if row.section == section
        ]
        return table("seconds" if section in OF_PEERS else "", columns, rows)

    def _figure(self, row: str, column: str) -> float | None:
        cell = self._cells.get((row, column))
        return None if cell is None else cell.seconds

    def _title(self, row: str) -> str:
        return self._rows[row].title

    def _heading(self, column: str) -> str:
        return self._columns[BUILDERS].get(column, column)

    def _own_column(self, row: str) -> str:
        found = self._rows.get(row)
        return "seconds" if found is not None and found.section == START else "wherry"

"""A container's record, and the file of it that lies beside its data.

    containers/<id>/record.json   the record as JSON

The database is what commands ask.  The file is for the day on which that is lost: a container's data and
volumes are the user's, and nothing else says what they belong to.
"""

from __future__ import annotations

import json
import os

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

NAME = "record.json"


class ContainerRecord(NamedTuple):
    """Times are Unix seconds, 0 for never.  `status` is "created", "running" or "exited"."""

    id: str
    name: str
    image_id: str
    image_name: str
    created: float
    config: dict[str, Any]
    pid: int = 0
    started: float = 0
    finished: float = 0
    exit_code: int = 0
    status: str = "created"


def write(folder: str, record: ContainerRecord) -> None:
    """Is atomic.  Nothing is raised: it is a copy, and the database has the record."""
    temporary = os.path.join(folder, f"{NAME}.{os.getpid()}")
    try:
        file = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, json.dumps(record._asdict()).encode())
        finally:
            os.close(file)
        os.rename(temporary, os.path.join(folder, NAME))
    except OSError:
        pass


def read(folder: str) -> ContainerRecord | None:
    """The record in a container's folder; None where there is none that is whole."""
    try:
        with open(os.path.join(folder, NAME), encoding="utf-8") as file:
            record = ContainerRecord(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None
    return record if isinstance(record.config, dict) and isinstance(record.name, str) else None

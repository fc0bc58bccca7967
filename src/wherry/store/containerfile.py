"""The record of a container that lies beside its data.

    containers/<id>/record.json   the record as JSON

The database is what commands ask.  The file is for the day on which that is lost: a container's data and
volumes are the user's, and nothing else says what they belong to.
"""

from __future__ import annotations

import contextlib
import os

from wherry import jsontext as json
from wherry.errors import NewerRecordError, StorageError
from wherry.store.containerconfig import from_json, to_json
from wherry.store.containerrecord import ContainerRecord
from wherry.store.regular import read_regular
from wherry.store.temporary import write_file

NAME = "record.json"


def write(folder: str, record: ContainerRecord, temporary: str) -> None:
    """Is atomic.  Nothing is raised: it is a copy, and the database has the record."""
    with contextlib.suppress(OSError):
        value = {**record._asdict(), "config": to_json(record.config)}
        write_file(temporary, os.path.join(folder, NAME), json.dumps(value).encode())


def read(folder: str) -> ContainerRecord | None:
    """The record in a container's folder; None where there is none that is whole.

    Raises NewerRecordError for one that a newer wherry wrote.
    """
    try:
        record = ContainerRecord(**json.loads(read_regular(os.path.join(folder, NAME))))
        record = record._replace(config=from_json(record.config, str(record.name)))
    except NewerRecordError:
        raise
    except (OSError, ValueError, TypeError, RecursionError, StorageError):
        return None
    return record if isinstance(record.name, str) else None

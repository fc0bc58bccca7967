"""PURE.  The tables of the store, and what brings those of an older version to this one."""

from __future__ import annotations

SCHEMA_VERSION = 3

SCHEMA = """
CREATE TABLE images (
    id TEXT PRIMARY KEY, manifest TEXT NOT NULL, added REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE names (
    name TEXT PRIMARY KEY, image TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE layers (
    diff_id TEXT PRIMARY KEY, size INTEGER NOT NULL, tar_size INTEGER NOT NULL, added REAL NOT NULL,
    mark TEXT NOT NULL DEFAULT '?', packed TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE layer_blobs (
    diff_id TEXT NOT NULL, media_type TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (diff_id, media_type, digest)) WITHOUT ROWID;
CREATE TABLE cache (
    key TEXT PRIMARY KEY, value TEXT NOT NULL, components TEXT NOT NULL,
    created REAL NOT NULL, used REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE containers (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, image_id TEXT NOT NULL, image_name TEXT NOT NULL,
    created REAL NOT NULL, config TEXT NOT NULL, pid INTEGER NOT NULL, started REAL NOT NULL,
    finished REAL NOT NULL, exit_code INTEGER NOT NULL, status TEXT NOT NULL) WITHOUT ROWID;
"""
VOLUMES = """
CREATE TABLE volumes (
    name TEXT PRIMARY KEY, created REAL NOT NULL, maker TEXT NOT NULL, labels TEXT NOT NULL) WITHOUT ROWID
"""
SCHEMA += VOLUMES

# What brings a store of each version to the next one.
MIGRATIONS = {
    1: (
        "ALTER TABLE layers ADD COLUMN mark TEXT NOT NULL DEFAULT '?'",
        "ALTER TABLE layers ADD COLUMN packed TEXT NOT NULL DEFAULT ''",
    ),
    2: (VOLUMES,),
}


def statements(version: int) -> list[str]:
    """What brings a database of a version (0: an empty one) to SCHEMA_VERSION."""
    if version == 0:
        return [statement for statement in SCHEMA.split(";") if statement.strip()]
    return [statement for each in range(version, SCHEMA_VERSION) for statement in MIGRATIONS[each]]

"""Everything a house wrote down, in the forms it could hide a secret in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tests.canary.forms import unwrapped

type Text = tuple[str, bytes]

# Belongs to somebody else (the tenant), or is where a secret belongs.
_NOT_OURS = ("tenant.sqlite3", "tenant-secret-key", "secrets/")
# Where a gateway keeps its own token, in its own home.
_OF_GATEWAYS = "/.defenseclaw/.env"


def of_house(var_dir: Path, output: list[Path]) -> Iterator[Text]:
    """Where each text was found, and the text.

    Files are read whole, so that the free pages and the journal of a database count too, and each
    value of each table once more, because pages may split a long one.
    """
    for path in sorted(p for p in [*var_dir.rglob("*"), *output] if p.is_file()):
        inside = path.is_relative_to(var_dir)
        name = str(path.relative_to(var_dir)) if inside else path.name
        if inside and (name.startswith(_NOT_OURS) or name.endswith(_OF_GATEWAYS)):
            continue
        try:
            raw = path.read_bytes()
        except FileNotFoundError:  # a message or a journal that was just used up
            continue
        yield name, raw
        if name.startswith("evidence"):  # sealed: random bytes, and no end of them
            continue
        database = raw.startswith(b"SQLite format 3\0")
        for text in unwrapped(raw, 1 if database else 2):
            yield f"{name} (unwrapped)", text
        if database:
            yield from _values(name, path)


def _values(name: str, path: Path) -> Iterator[Text]:
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)
    database.text_factory = bytes
    try:
        tables = [row[0].decode() for row in database.execute(_TABLES)]
        for table in tables:
            cursor = database.execute(f'SELECT * FROM "{table}"')
            columns = [column[0] for column in cursor.description]
            for row in cursor:
                for column, value in zip(columns, row, strict=True):
                    if isinstance(value, bytes) and len(value) > 20:
                        yield f"{name}: {table}.{column}", value
                        if column not in _HASHES:
                            for text in unwrapped(value):
                                yield f"{name}: {table}.{column} (unwrapped)", text
    finally:
        database.close()


# Hashes, and digests of index words; the file as a whole was unwrapped once.
_HASHES = ("hashes", "root", "leaf_hash", "terms")
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"

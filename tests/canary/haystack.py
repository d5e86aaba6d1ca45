"""Everything a house wrote down, in the forms it could hide a secret in."""

from __future__ import annotations

import base64
import binascii
import pickle
import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

type Text = tuple[str, bytes]

# Belongs to somebody else (the tenant), or is where a secret belongs.
_NOT_OURS = ("tenant.sqlite3", "tenant-secret-key", "secrets/")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{60,}={0,2}")


def of_house(var_dir: Path, output: list[Path]) -> Iterator[Text]:
    """Where each text was found, and the text."""
    for path in sorted(p for p in [*var_dir.rglob("*"), *output] if p.is_file()):
        inside = path.is_relative_to(var_dir)
        name = str(path.relative_to(var_dir)) if inside else path.name
        if inside and name.startswith(_NOT_OURS):
            continue
        try:
            raw = path.read_bytes()
        except FileNotFoundError:  # a message or a journal that was just used up
            continue
        yield name, raw
        yield from _unwrapped(name, raw)
        if raw.startswith(b"SQLite format 3\0"):
            yield from _values(name, path)


def _unwrapped(name: str, raw: bytes) -> Iterator[Text]:
    if name.startswith("cache/"):
        yield from ((f"{name} (unpacked)", text) for text in _cached(raw))
    if name.startswith("broker/"):
        for match in _BASE64.finditer(raw):
            try:
                yield f"{name} (decoded)", base64.b64decode(match[0])
            except binascii.Error:
                continue


def _cached(raw: bytes) -> Iterator[bytes]:
    """Django's file cache: a pickled expiry, then a compressed pickle."""
    start = raw.find(b"\x78\x9c")
    if start >= 0:
        try:
            yield repr(pickle.loads(zlib.decompress(raw[start:]))).encode()
        except (zlib.error, pickle.UnpicklingError):
            return


def _values(name: str, path: Path) -> Iterator[Text]:
    """Each value of each table: pages of the file may split a long one."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)
    database.text_factory = bytes
    try:
        tables = [row[0].decode() for row in database.execute(_TABLES)]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    if isinstance(value, bytes) and len(value) > 20:
                        yield f"{name}: {table}", value
    finally:
        database.close()


_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"

"""One row of a DefenseClaw table: its identity with us, and the digest of its content."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson

DERIVED_COLUMNS: Final = frozenset({"retention_timestamp_unix_nano"})
"""Columns that DefenseClaw's own migrations fill in later from others; no part of the content."""

ID_COLUMNS: Final[Mapping[str, str]] = {
    "audit_events": "id",
    "activity_events": "id",
    "scan_results": "id",
    "findings": "id",
    "scan_findings": "id",
    "network_egress_events": "id",
    "alert_acknowledgement_operations": "operation_id",
}
"""The tables that hold evidence, in the order in which they are read, and what names a row."""

MAX_ID_LENGTH: Final = 200
REJECTED_AS: Final = "rejected"
"""Key in `SourceRow.joined` of why the reader rejects a row, a code of `quarantine.writer`."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row as read. `values` leaves NULL out; text that is no UTF-8 holds lone surrogates.

    `joined` is what the reader looked up elsewhere in the same database (a finding's scan).
    """

    table: str
    number: int  # SQLite's rowid; -1 of what was pushed
    values: Mapping[str, Any]
    joined: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0  # about how many bytes its values have

    @property
    def id(self) -> str:
        """The row's own id; empty when it has no usable one."""
        value = self.values.get(ID_COLUMNS[self.table])
        if not isinstance(value, str) or len(value) > MAX_ID_LENGTH:
            return ""
        return value if value.isprintable() and value.strip() else ""

    @property
    def label(self) -> str:
        """What to call the row: its id, else its place in the table; of a push there is none."""
        return self.id or (f"rowid:{self.number}" if self.number >= 0 else "pushed")

    def text(self, column: str) -> str:
        """A column as text; empty for NULL, absent and binary values."""
        value = self.values.get(column)
        if isinstance(value, str):
            return value
        return "" if value is None or isinstance(value, bytes) else str(value)


def _binary(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$base64": b64encode(value).decode()}
    raise TypeError(f"SQLite has no {type(value).__name__}")


_ENCODE: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_binary
).encode


def content_digest(row: SourceRow) -> bytes:
    """SHA-256 over the table and the row's values, exact to the byte.

    NULLs are left out, so that a later DefenseClaw that only adds columns changes no digest.
    """
    content = {k: v for k, v in row.values.items() if k not in DERIVED_COLUMNS}
    body = f"ata.row.v1\n{row.table}\n".encode() + _encoded(content)
    return hashlib.sha256(body).digest()


def _encoded(content: Mapping[str, Any]) -> bytes:
    """The content as JSON; `orjson` writes the same bytes where nothing is fractional or binary."""
    if {str, int}.issuperset(map(type, content.values())) and "".join(content).isascii():
        try:
            return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        except TypeError:  # text that is no UTF-8
            pass
    return encoded(_ENCODE(content))


def encoded(text: str) -> bytes:
    """The bytes that a text was read from; a surrogate that JSON wrote out is three bytes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def event_id(instance: str, table: str, row_id: str) -> UUID:
    """The id of the event that a row becomes, the same at every import (UUIDv8, RFC 9562 §5.8)."""
    name = "\n".join(("ata.imported.v1", instance, table, row_id))
    return _uuid8(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest())


def change_id(event: UUID, digest: bytes) -> UUID:
    """The id of the event that says a row has become other content."""
    return _uuid8(hashlib.sha256(b"ata.row_changed.v1\n" + event.bytes + digest).digest())


def misuse_id(event: UUID, tag: str) -> UUID:
    """The id of the event that says that a row has a tag which it should not have."""
    return _uuid8(hashlib.sha256(b"ata.tag_misused.v1\n" + event.bytes + tag.encode()).digest())


def gap_id(name: str) -> UUID:
    """The id of the event that says that pushes are missing."""
    return _uuid8(hashlib.sha256(b"ata.push_gap.v1\n" + name.encode()).digest())


def bypass_id(event: UUID) -> UUID:
    """The id of the event that says that the act of a row is part of no decision."""
    return _uuid8(hashlib.sha256(b"ata.bypass.v1\n" + event.bytes).digest())


def _uuid8(digest: bytes) -> UUID:
    value = int.from_bytes(digest[:16])
    value = value & ~(0xF << 76) | 0x8 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)

"""A report of an outpost, `ata.outpost.report.v1`: its shape, its bytes and its signature.

Cells are text or whole numbers. A fraction is `{"$real": text}`, a blob `{"$hex": digits}`, and
text that is no UTF-8 or has a NUL `{"$text": digits}`: so there is one canonical form (RFC 8785).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from audit.importing.source_row_identity import ID_COLUMNS, SourceRow
from audit.ledger.format.canonical import canonical
from enforcement.outposts import device_id_and_signature
from enforcement.outposts.command_results import CommandResult

SCHEMA: Final = "ata.outpost.report.v1"
_PREFIX: Final = f"{SCHEMA}\n".encode()
FORM: Final = "outpost"
"""How the importer calls the way by which these rows arrived."""
MOST_ROWS: Final = 1000
MOST_RANGES: Final = 200
MOST_RESULTS: Final = 100

type Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
type RowId = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]
type Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
type Cell = str | int | dict[str, str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Row(_Strict):
    """One row with the columns that its action lets out; `scan` has those of a finding's scan, and
    the digest of what was scanned, where the gateway has one."""

    table: Name
    rowid: RowId
    row: dict[Name, Cell] = Field(max_length=100)
    scan: dict[Literal["timestamp", "target", "scanner", "run_id", "digest"], str] = {}

    @model_validator(mode="after")
    def _can_be_taken_in(self) -> Row:
        source_row(self)
        return self


class Range(_Strict):
    """Rows that stay at the gateway: the Merkle root (RFC 6962) over the SHA-256 of each."""

    table: Name
    first: RowId
    last: RowId
    count: int = Field(ge=1)
    root: Hex64

    @model_validator(mode="after")
    def _is_a_range(self) -> Range:
        if not 1 <= self.count <= self.last - self.first + 1:
            raise ValueError("more rows than the range has numbers")
        return self


class Dropped(_Strict):
    """Rows that the bounded spool of the outpost lost before they were reported."""

    table: Name
    first: RowId
    last: RowId


class Report(_Strict):
    """One report. What is null was not read since the last one, or did not change."""

    schema_: Literal["ata.outpost.report.v1"] = Field(alias="schema")
    outpost: str = Field(pattern=r"^[0-9a-f]{32}$")
    n: int = Field(ge=0, le=2**53 - 1)
    previous: Hex64
    time: str = Field(max_length=40)
    version: str = Field(max_length=60, pattern=r"^[A-Za-z0-9._+-]*$")
    instance: str = Field(max_length=60)
    rows: list[Row] = Field([], max_length=MOST_ROWS)
    ranges: list[Range] = Field([], max_length=MOST_RANGES)
    dropped: list[Dropped] = Field([], max_length=MOST_RANGES)
    entries: list[dict[str, Any]] | None = Field(None, max_length=20_000)
    quarantine: list[str] | None = Field(None, max_length=20_000)
    config: dict[str, Any] | None = None
    health: dict[str, Any] | None = None
    commands: list[CommandResult] = Field([], max_length=MOST_RESULTS)
    lag_s: int = Field(0, ge=0, le=2**53 - 1)
    restarted: bool = False
    why: str = Field("", max_length=200)


def signed_bytes(report: Mapping[str, Any]) -> bytes:
    """What the signature of a report covers after its prefix.

    Raises:
        EntryError: a value without a canonical form.
    """
    return canonical(report)


def digest_of(signed: bytes) -> str:
    """How the next report names this one."""
    return hashlib.sha256(signed).hexdigest()


def is_signed(public_key: str, signature: str, signed: bytes) -> bool:
    """Whether the device key signed these bytes as a report."""
    return device_id_and_signature.verifies(public_key, signature, _PREFIX + signed)


def source_row(row: Row) -> SourceRow:
    """A reported row as the importer takes it.

    Raises:
        ValueError: a table of another name, or a cell that is none.
    """
    if row.table not in ID_COLUMNS:
        raise ValueError(f"{row.table} is no table of events")
    values = {name: _cell(value) for name, value in row.row.items()}
    size = sum(len(value) for value in values.values() if isinstance(value, str | bytes))
    joined: dict[str, Any] = {str(name): value for name, value in row.scan.items()}
    return SourceRow(row.table, row.rowid, values, joined | {"form": FORM}, size)


def _cell(value: Cell) -> str | int | float | bytes:
    if not isinstance(value, dict):
        return value
    match value:
        case {"$hex": digits, **rest} if not rest:
            return bytes.fromhex(digits)
        case {"$text": digits, **rest} if not rest:
            return bytes.fromhex(digits).decode("utf-8", "surrogateescape")
        case {"$real": text, **rest} if not rest and math.isfinite(found := float(text)):
            return found
    raise ValueError("a cell is text, a whole number, $hex, $text or $real")

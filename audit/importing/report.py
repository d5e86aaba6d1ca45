"""What an import did, in figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID


@dataclass(slots=True)
class Counts:
    """Rows of one table; `rows` is the sum of the other three."""

    rows: int = 0
    imported: int = 0
    duplicates: int = 0
    quarantined: int = 0


@dataclass(slots=True)
class ImportReport:
    """Figures of one run.

    Attributes:
        by_table: counts of each evidence table that the file has.
        not_imported: rows of the tables that hold no events.
        reasons: rows set aside, by reason (`audit.importing.quarantine.writer.REASONS`).
        changed: rows that were noticed to have other content than when first imported, by kind.
        integrity: newly imported rows by seal status
            (`audit.importing.defenseclaw_seals.STATUSES`).
        mismatches: newly imported rows whose columns contradict their sealed record.
        provenance: newly imported rows by how well their actor is known.
        misused: newly imported rows with a tag of ours that was made for another row.
        masked: secrets masked in newly imported rows.
        key_id: id of the key the seals were checked with; empty without one.
        event: the `audit.imported` event.
        seconds: how long it took.
    """

    instance: str
    key_id: str = ""
    by_table: dict[str, Counts] = field(default_factory=dict)
    not_imported: dict[str, int] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    integrity: Counter[str] = field(default_factory=Counter)
    mismatches: int = 0
    provenance: Counter[str] = field(default_factory=Counter)
    misused: int = 0
    masked: int = 0
    event: UUID | None = None
    seconds: float = 0.0

    @property
    def total(self) -> Counts:
        """Counts of all tables together."""
        tables = self.by_table.values()
        return Counts(
            sum(t.rows for t in tables),
            sum(t.imported for t in tables),
            sum(t.duplicates for t in tables),
            sum(t.quarantined for t in tables),
        )

    def as_json(self) -> dict[str, Any]:
        """The contract's object: rows = imported + duplicates + quarantined, and per table."""
        by_table = {table: asdict(counts) for table, counts in self.by_table.items()}
        return {**asdict(self.total), "by_table": by_table, "not_imported": self.not_imported}

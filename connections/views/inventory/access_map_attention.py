"""The cell of the access map to open first: an account with write access and no use seen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from connections.inventory.component_map import Cell, Map, Row
from connections.inventory.declared_fit import IDLE, idle_before
from connections.scopes import catalogue


@dataclass(frozen=True, slots=True)
class Attention:
    """Cells of accounts that a component can write or delete with, and how long no use was seen.

    Attributes:
        unseen: `for 90 days`, or since when the portal watches where that is less.
        show: the filter of the list of accounts that finds such accounts.
    """

    cells: Sequence[tuple[Row, Cell]]
    unseen: str
    show: str

    @property
    def headline(self) -> str:
        """How many components and accounts those are."""
        components = len({cell.component for _, cell in self.cells})
        accounts = len({row.account.id for row, _ in self.cells})
        return (
            f"{_plural(components, 'component')} can write or delete through "
            f"{_plural(accounts, 'account')} with no use seen "
            f"{self.unseen if self.show == 'idle' else 'yet'}"
        )

    @property
    def meaning(self) -> str:
        """Since when use is recorded, where the headline does not say how long none was seen."""
        return "" if self.show == "idle" else f"Use is recorded only {self.unseen}"


def attention(found: Map, refused: Collection[str], now: datetime) -> Attention | None:
    """Those not seen in use for 90 days; without any, those never seen since they are watched.

    Args:
        refused: components that the broker gives no token now.
    """
    cut = idle_before(now)
    risky = [
        (row, cell)
        for row in found.rows
        for cell in row.cells
        if cell.now.may and cell.component not in refused and _writes(row, cell)
    ]
    if idle := [(row, cell) for row, cell in risky if (since := _quiet(row)) and since < cut]:
        return Attention(idle, f"for {IDLE.days} days", "idle")
    unseen = [(row, cell) for row, cell in risky if row.account.watched_since and not _used(row)]
    days = {row.account.watched_since.date() for row, _ in unseen if row.account.watched_since}
    if not unseen:
        return None
    if len(days) > 1:
        return Attention(unseen, "since tracking of each began", "unseen")
    (day,) = days
    return Attention(unseen, f"since tracking began on {day.day} {day:%b %Y}", "unseen")


def first_cell(found: Map, at: Attention | None) -> tuple[Row, Cell] | None:
    """The cell to show where none was chosen: what needs attention, else the last one used."""
    if at:
        return at.cells[0]
    usable = [(row, cell) for row in found.rows for cell in row.cells if cell.now.may]
    used = [(row, cell) for row, cell in usable if cell.now.uses]
    return max(used, key=lambda one: one[1].now.uses[0].last) if used else next(iter(usable), None)


def _writes(row: Row, cell: Cell) -> bool:
    """Whether its manifest names a scope of the account that changes, sends or deletes things."""
    have = set(row.account.scopes).intersection(cell.now.scopes)
    return catalogue.any_risky(row.account.connection, have)


def _used(row: Row) -> bool:
    return row.account.last_used_at is not None or row.account.elsewhere_since is not None


def _quiet(row: Row) -> datetime | None:
    """The last use, from any source; without one, when the portal began to watch."""
    account = row.account
    uses = [at for at in (account.last_used_at, account.elsewhere_since) if at is not None]
    return max(uses, default=account.watched_since)


def _plural(count: int, one: str) -> str:
    return f"{count:,} {one if count == 1 else f'{one}s'}"

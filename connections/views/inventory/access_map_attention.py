"""Accounts of the access map to check first: those with write access and no use seen."""

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
        """How many accounts those are."""
        accounts = self.accounts
        return (
            f"Components can write or delete through {accounts:,} "
            f"account{'' if accounts == 1 else 's'} with no use seen "
            f"{self.unseen if self.show == 'idle' else 'yet'}"
        )

    @property
    def accounts(self) -> int:
        """How many accounts those are; several components may use one."""
        return len({row.account.id for row, _ in self.cells})

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

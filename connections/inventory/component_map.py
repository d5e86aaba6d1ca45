"""The inventory as a map: accounts by components, at one instant and at an earlier one.

A cell holds what the log recorded: whether the component's manifest names the connection, whether
the account gave tokens, and which agents used it. An empty cell means that neither a declaration
nor a use was recorded; an agent may still be able to, since callers choose the names of agents and
components. No database is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from connections.auth_ibom.inventory_records import Account, Used
from connections.auth_ibom.replay import Inventory
from connections.status.account_status import ENDED, USABLE, Code

RECENT: Final = timedelta(days=7)
UNNAMED: Final = ""
"""The column of uses that named no component."""


class Mark(StrEnum):
    """What a cell shows. Each has another shape."""

    RECENT = "recent"  # used in the last seven days
    BEFORE = "before"  # used earlier
    UNUSED = "unused"  # its manifest names it, no use was seen
    BARRED = "barred"  # the account gives no tokens now
    ENDED = "ended"  # the account is revoked or gone
    NOTHING = ""  # no manifest names it and no use was seen


@dataclass(frozen=True, slots=True)
class Spot:
    """A component and an account at one instant.

    Attributes:
        declared: whether its manifest names the account's connection.
        scopes: those that the manifest names.
        uses: by agent, newest first; the names are asserted.
    """

    mark: Mark = Mark.NOTHING
    declared: bool = False
    scopes: tuple[str, ...] = ()
    uses: tuple[Used, ...] = ()

    @property
    def may(self) -> bool:
        """Whether the manifest names it and the account gives tokens."""
        return self.declared and self.mark not in {Mark.BARRED, Mark.ENDED}


@dataclass(frozen=True, slots=True)
class Cell:
    """A component and an account at both instants."""

    component: str
    now: Spot
    then: Spot

    @property
    def change(self) -> str:
        """`gained`, `lost` or empty."""
        if self.now.may == self.then.may:
            return ""
        return "gained" if self.now.may else "lost"

    @property
    def agents(self) -> list[str]:
        """Agents that were seen, newest first; one without a name is `unnamed`."""
        return list(dict.fromkeys(use.agent or "unnamed" for use in self.now.uses))


@dataclass(frozen=True, slots=True)
class Row:
    """One account at the later instant."""

    account: Account
    cells: tuple[Cell, ...]

    @property
    def ended(self) -> bool:
        """Whether it is revoked or gone."""
        return self.account.state in ENDED

    @property
    def usable(self) -> bool:
        """Whether it gives tokens."""
        return self.account.state in USABLE


@dataclass(frozen=True, slots=True)
class Map:
    """Rows by owner and connection; columns by name, uses without a component last."""

    components: tuple[str, ...]
    rows: tuple[Row, ...]


def component_of(skill: str) -> str:
    """A component as one name, `kind:name`: a bare name in the header is a skill."""
    return skill if ":" in skill or not skill else f"skill:{skill}"


def component_map(before: Inventory, after: Inventory, then: datetime, now: datetime) -> Map:
    """The map of `after`, each cell with what it was in `before`."""
    accounts = [
        account
        for account in after.accounts.values()
        if account.state not in ENDED or _stood(before.accounts.get(account.id))
    ]
    accounts.sort(key=lambda one: (one.email or one.sub, one.iss, one.sub, one.connection, one.id))
    columns = _components(before, accounts) | _components(after, accounts)
    names = tuple(sorted(columns, key=lambda name: (name == UNNAMED, name)))
    needs_then, needs_now = _needs(before), _needs(after)
    return Map(
        names,
        tuple(
            Row(
                account,
                tuple(
                    Cell(
                        name,
                        spot(account, name, needs_now, now),
                        spot(old, name, needs_then, then) if old else Spot(),
                    )
                    for name in names
                ),
            )
            for account, old in ((one, before.accounts.get(one.id)) for one in accounts)
        ),
    )


def _stood(account: Account | None) -> bool:
    return account is not None and account.state not in ENDED


type _Needs = Mapping[tuple[str, str], tuple[str, ...]]


def _needs(inventory: Inventory) -> dict[tuple[str, str], tuple[str, ...]]:
    """Scopes that manifests name, by component and connection."""
    return {
        (f"{kind}:{name}", connection): scopes
        for (kind, name), declared in inventory.manifests.items()
        for connection, scopes in declared.needs
    }


def _components(inventory: Inventory, accounts: Iterable[Account]) -> set[str]:
    shown = {account.id for account in accounts}
    found = {f"{kind}:{name}" for kind, name in inventory.manifests}
    for account in inventory.accounts.values():
        if account.id in shown:
            found |= {component_of(skill) for _, skill in account.uses}
    return found


def spot(account: Account, component: str, needs: _Needs, at: datetime) -> Spot:
    """What is known of a component and an account at an instant."""
    scopes = needs.get((component, account.connection))
    uses = tuple(use for use in account.users if component_of(use.skill) == component)
    mark = _mark(account, uses, at, known=scopes is not None)
    return Spot(mark, scopes is not None, scopes or (), uses)


def _mark(account: Account, uses: tuple[Used, ...], at: datetime, *, known: bool) -> Mark:
    if not known and not uses:
        return Mark.NOTHING
    if account.state in ENDED:
        return Mark.ENDED
    if Code(account.state) not in USABLE:
        return Mark.BARRED
    if not uses:
        return Mark.UNUSED
    return Mark.RECENT if uses[0].last > at - RECENT else Mark.BEFORE

"""One cell of the map explained: what a component may use of an account, and what it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count

from approvals import clock
from approvals.models import Approval
from audit.models import EventRow
from audit.recording.actors import Actor
from connections.auth_ibom import replay
from connections.auth_ibom.fact_collection import Compared
from connections.auth_ibom.inventory_records import Account
from connections.component_manifests import (
    allow_required_before_credentials,
    enforcement_decision_hook,
)
from connections.inventory.component_map import RECENT, UNNAMED, Cell, Map, Row
from connections.lifecycle import bulk_decisions
from connections.models import ConnectedAccount
from connections.scopes import catalogue, permissions_in_third_person
from connections.status.account_status import Code

_DECIDED: Final = {
    enforcement_decision_hook.ALLOW: "allowed",
    enforcement_decision_hook.BLOCK: "blocked: the broker refuses it",
    enforcement_decision_hook.HOLD: "on hold: the broker refuses it",
}


@dataclass(frozen=True, slots=True)
class Live:
    """What only the rows of now have.

    Attributes:
        decision: on the component; empty where uses name none.
        token_until: when the newest token of the account that the broker issued expires.
        waiting: requests about the account, alone or in a selection, that wait for an answer.
    """

    decision: str
    token_until: datetime | None
    waiting: Sequence[Approval]


@dataclass(frozen=True, slots=True)
class Panel:
    """What is known of one cell."""

    row: Row
    cell: Cell
    component: str
    service: str
    sentence: str
    scopes: list[catalogue.Scope]
    missing: list[catalogue.Scope]  # its manifest names them, the account does not have them
    recent: list[tuple[str, int]]  # agent, and uses in the last seven days
    total: int
    event: str
    index: int | None
    live: Live | None


def chosen(found: Map, account: str, component: str) -> tuple[Row, Cell] | None:
    """The cell of `?account=` and `?component=`, or None."""
    row = next((one for one in found.rows if one.account.id == account), None)
    if row is None or component not in found.components:
        return None
    return row, row.cells[found.components.index(component)]


def panel(row: Row, cell: Cell, compared: Compared, me: Actor, *, live: bool) -> Panel:
    """The panel of a cell for this reader; `live`: the later instant is now."""
    account, spot = row.account, cell.now
    event, index = compared.after.last.get(account.id, ("", None))
    recent = _recent(row, cell, compared)
    granted = set(account.scopes)
    named = [scope for scope in spot.scopes if scope in granted] if spot.declared else granted
    missing = [scope for scope in spot.scopes if scope not in granted]
    return Panel(
        row=row,
        cell=cell,
        component=called(cell.component),
        service=catalogue.title(account.connection),
        sentence=_sentence(row, cell),
        scopes=in_words(account, sorted(named), me),
        missing=in_words(account, missing, me),
        recent=recent,
        total=sum(count for _, count in recent),
        event=event,
        index=index,
        live=_live(account.id, cell.component) if live else None,
    )


def in_words(account: Account, scopes: Sequence[str], me: Actor) -> list[catalogue.Scope]:
    """Permissions of an account as they concern this reader, its owner or somebody else."""
    found = catalogue.in_words(account.connection, scopes)
    own = (account.iss, account.sub) == (me.iss, me.sub)
    return found if own else permissions_in_third_person.for_others(found)


def called(component: str) -> str:
    """A component as people read it."""
    return component or "no component named"


def _sentence(row: Row, cell: Cell) -> str:
    spot, name = cell.now, called(cell.component)
    service = catalogue.title(row.account.connection)
    state = Code(row.account.state).label
    if spot.declared and row.usable:
        return f"The manifest of {name} names {service}, and the account gives tokens."
    if spot.declared:
        return f"The manifest of {name} names {service}. The account gives no tokens: {state}."
    if not spot.uses:
        return "No manifest names it and no use was seen. It does not say that an agent cannot."
    if cell.component == UNNAMED:
        return f"Callers that named no component used this {service} account."
    return f"No manifest of {name} names {service} now. It was used all the same, or before."


def _recent(row: Row, cell: Cell, compared: Compared) -> list[tuple[str, int]]:
    skills = sorted({use.skill for use in cell.now.uses})
    if not skills:
        return []
    found = EventRow.objects.filter(
        action=replay.USE,
        target_kind="connection",
        target_name=row.account.id,
        skill__in=skills,
        seq__lt=compared.found.size,
        time__gt=compared.now - RECENT,
        time__lte=compared.now,
    )
    counted = found.order_by().values("agent").annotate(n=Count("pk")).order_by("-n", "agent")
    return [(agent or "unnamed", n) for agent, n in counted.values_list("agent", "n")]


def _live(account: str, component: str) -> Live:
    row = ConnectedAccount.objects.filter(pk=account).first()
    until = row.last_token_expires_at if row else None
    return Live(
        decision=_decision(component),
        token_until=until if until and until > clock.now() else None,
        waiting=list(bulk_decisions.pending_requests_about(account)[:5]),
    )


def _decision(component: str) -> str:
    if component == UNNAMED:
        return ""
    kind, _, name = component.partition(":")
    decided = enforcement_decision_hook.decision_of(kind, name)
    undecided = allow_required_before_credentials.is_open()
    return _DECIDED.get(
        decided, "not decided, and left open" if undecided else "not decided: the broker refuses it"
    )

"""Access as a map: accounts by components, as of one instant and compared with an earlier one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import actor, needs_role
from approvals import clock
from approvals.models import Person
from audit.recording.actors import Actor
from connections.auth_ibom import fact_collection
from connections.auth_ibom.inventory_records import ERASED
from connections.component_manifests import refused_components
from connections.inventory import component_map
from connections.inventory.component_map import Cell, Map, Mark, Row
from connections.models import FrozenKind
from connections.scopes import catalogue
from connections.status.account_status import Code
from connections.views.inventory import (
    access_map_attention,
    access_map_changes,
    access_map_panel,
)
from connections.views.inventory.access_map_attention import Attention

SHOWN: Final = 200
"""Accounts on the page; the list of accounts has all of them."""
FIRST: Final = 5
"""Accounts above the map, of those that the headline counts."""
WEEK: Final = timedelta(days=7)
MARKS: Final = {
    Mark.RECENT: "used in the last 7 days",
    Mark.BEFORE: "used before",
    Mark.UNUSED: "in its manifest, no use seen",
    Mark.BARRED: "account gives no tokens",
    Mark.ENDED: "account ended",
}
type _Owner = tuple[str, str, list[dict[str, Any]]]  # name, e-mail address, rows
_CHANGES: Final = {"gained": "newly usable", "lost": "no longer usable"}


@never_cache
@needs_role("admin", "auditor")
@require_safe
def access_map(request: HttpRequest) -> HttpResponse:
    """`now` and `compare` are numbers of entries, dates or times; now, and a week ago, without."""
    week = (clock.now() - WEEK).date().isoformat()
    compare = request.GET.get("compare", "")[:40].strip() or week
    now = request.GET.get("now", "")[:40].strip()
    context: dict[str, Any] = {"compare": compare, "now": now, "today": clock.now().date()}
    try:
        compared = fact_collection.compare(compare, now)
    except fact_collection.BadMoment as bad:
        words = str(bad).replace("from:", "Compared with:").replace("to:", "As of:")
        problem = words.replace("`to`", "that")
        return render(request, "connections/map.html", context | {"problem": problem}, status=422)
    found = component_map.component_map(
        compared.before, compared.after, compared.then, compared.now
    )
    lines = access_map_changes.lines(compared)
    signs = Counter(line.sign for line in lines)
    live = not now
    refused = refused_components.among(_declared(found)) if live else set()
    attention = access_map_attention.attention(found, refused, compared.now) if live else None
    picked = access_map_panel.chosen(
        found, request.GET.get("account", ""), request.GET.get("component", "-")
    )
    marks = {cell.now.mark for row in found.rows for cell in row.cells}
    ranks = _ranks(found, attention)
    owners = _owners(_risky_first(found.rows, ranks)[:SHOWN], actor(request))
    owners.sort(key=lambda one: min(ranks[shown["account"].id] for shown in one[2]))
    context |= {
        "compared": compared,
        "title": attention.headline if attention else headline(found, live=live),
        "facts": facts(found, refused),
        "first": _first(owners, attention) if attention else [],
        "columns": [(name, *_split(name)) for name in found.components],
        "owners": owners,
        "panel_owner": _owner_of(picked, owners, actor(request)),
        "left": max(0, len(found.rows) - SHOWN),
        "gained": signs["+"],
        "lost": signs["−"],
        "changed": signs["·"],
        "frozen_agents": {name for kind, name in compared.after.frozen if kind == FrozenKind.AGENT},
        "marks": [(mark.value, words) for mark, words in MARKS.items() if mark in marks],
        "rings": {cell.change for row in found.rows for cell in row.cells},
        "lines": lines[: access_map_changes.SHOWN],
        "total": len(lines),
        "ticks": access_map_changes.ticks(lines, compared.then, compared.now),
        "query": urlencode(
            {key: value for key, value in (("compare", compare), ("now", now)) if value}
        ),
        "attention": attention,
        "panel": access_map_panel.panel(*picked, compared, actor(request), live=live)
        if picked
        else None,
        "may_decide": "admin" in actor(request).roles,
    }
    return render(request, "connections/map.html", context)


def _first(owners: Sequence[_Owner], attention: Attention) -> list[dict[str, Any]]:
    """The rows that the headline counts, each with its owner and the components that may use it."""
    through: dict[str, list[str]] = defaultdict(list)
    for row, cell in attention.cells:
        through[row.account.id].append(cell.component)
    return [
        shown | {"owner": name, "through": through[shown["account"].id]}
        for name, _, rows in owners
        for shown in rows
        if shown["account"].id in through
    ][:FIRST]


def _owner_of(picked: tuple[Row, Cell] | None, owners: Sequence[_Owner], me: Actor) -> str:
    """The name of the owner of a cell's row, which may not be among the rows of the page."""
    if picked is None:
        return ""
    row, _ = picked
    for name, _, rows in owners:
        if any(one["row"] is row for one in rows):
            return name
    return _owners([row], me)[0][0]


def _ranks(found: Map, attention: Attention | None) -> dict[str, int]:
    """By account: 0 where the headline counts it, 1 where it can write or delete, else 2."""
    counted = {row.account.id for row, _ in attention.cells} if attention else set()
    risky = {
        row.account.id
        for row in found.rows
        if row.usable and catalogue.any_risky(row.account.connection, row.account.scopes)
    }
    ids = (row.account.id for row in found.rows)
    return {one: 0 if one in counted else 1 if one in risky else 2 for one in ids}


def _risky_first(rows: Sequence[Row], ranks: Mapping[str, int]) -> list[Row]:
    """Rows of the owners with the riskiest account first; those of one owner stay together."""
    best: dict[tuple[str, str], int] = {}
    for row in rows:
        whose = (row.account.iss, row.account.sub)
        best[whose] = min(ranks[row.account.id], best.get(whose, 2))

    def place(row: Row) -> tuple[int, tuple[str, str], int]:
        whose = (row.account.iss, row.account.sub)
        return best[whose], whose, ranks[row.account.id]

    return sorted(rows, key=place)


def headline(found: Map, *, live: bool) -> str:
    """How many components are declared for accounts of how many people, where those give tokens."""
    may = [(row, cell) for row in found.rows for cell in row.cells if cell.now.may]
    components = len(_declared(found))
    people = len({(row.account.iss, row.account.sub) for row, _ in may})
    if not may:
        said = "is" if live else "was"
        return f"No component {said} declared for a usable account"
    said = ("is" if live else "was") if components == 1 else ("are" if live else "were")
    return (
        f"{_plural(components, 'component')} {said} declared for usable accounts of "
        f"{_plural(people, 'person', 'people')}"
    )


def facts(found: Map, refused: Collection[str]) -> str:
    """What stands under the headline; `refused`: components that the broker gives no token now."""
    rows = [row for row in found.rows if not row.ended]
    states = [row for row in rows if not row.usable]
    risky = [row for row in rows if catalogue.any_risky(row.account.connection, row.account.scopes)]
    unused = [row for row in rows if row.account.last_used_at is None]
    parts = [_plural(len(rows), "account")]
    parts += [f"{len(states)} {_state_of(states)}"] if states else []
    parts += [f"{len(risky)} can write or delete"] if risky else []
    parts += [f"{len(unused)} with no use seen"] if unused else []
    if refused:
        parts.append(
            f"{_plural(len(refused), 'component')} blocked, on hold or not allowed: the broker "
            f"refuses {'it' if len(refused) == 1 else 'them'}"
        )
    return " · ".join(parts)


def _declared(found: Map) -> set[str]:
    """Components that are declared for an account that gives tokens."""
    return {cell.component for row in found.rows for cell in row.cells if cell.now.may}


def _state_of(rows: Sequence[Row]) -> str:
    """The state of accounts that give no tokens, where it is one and its name fits any number."""
    states = {Code(row.account.state) for row in rows}
    if len(states) == 1 and states <= {Code.FROZEN, Code.SUSPENDED, Code.ASLEEP}:
        return states.pop().label
    return f"{'gives' if len(rows) == 1 else 'give'} no tokens"


def _plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def _split(component: str) -> tuple[str, str]:
    """Name and kind of a column."""
    kind, colon, name = component.partition(":")
    return (name, kind) if colon else ("no component", "named")


def _owners(rows: Sequence[Row], me: Actor) -> list[_Owner]:
    """Rows under the names and e-mail addresses of their owners."""
    people = Person.objects.filter(sub__in={row.account.sub for row in rows})
    known = {(person.iss, person.sub): person for person in people}
    owners: dict[tuple[str, str], _Owner] = {}
    for row in rows:
        whose = (row.account.iss, row.account.sub)
        person = known.get(whose)
        name = str(person) if person else row.account.email or row.account.sub
        name = "owner erased" if row.account.sub == ERASED else name
        email = person.email if person and person.name else ""
        owners.setdefault(whose, (name, email, []))[2].append(_shown(row, me))
    return sorted(owners.values(), key=lambda one: one[0])


def _shown(row: Row, me: Actor) -> dict[str, Any]:
    account = row.account
    scopes = access_map_panel.in_words(account, account.scopes, me)
    return {
        "row": row,
        "account": account,
        "title": catalogue.title(account.connection),
        "can": scopes[0] if scopes else None,
        "more": max(0, len(scopes) - 1),
        "state": Code(account.state),
        "cells": [(cell, _words(cell)) for cell in row.cells],
    }


def _words(cell: component_map.Cell) -> str:
    """A cell for who cannot see its shape."""
    said = MARKS.get(cell.now.mark, "nothing declared or seen")
    return f"{said}, {_CHANGES[cell.change]}" if cell.change else said

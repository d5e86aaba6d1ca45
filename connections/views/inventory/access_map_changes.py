"""What changed between the two instants of the map: a line each, and how many on each day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import batched
from typing import Any, Final

from audit.models import EventRow
from connections.auth_ibom.changes_between import Change
from connections.auth_ibom.fact_collection import Compared
from connections.auth_ibom.inventory_records import ERASED, Declared
from connections.models import AccessState
from connections.scopes import catalogue
from connections.status.account_status import USABLE
from connections.views.inventory import changes_between_dates

SHOWN: Final = 8
LONGEST: Final = 92
"""Days that fit side by side."""
_BATCH: Final = 500
_SIGNS: Final = {"vanished": "−", "frozen": "−", "unfrozen": "+"}
_GAVE: Final = USABLE | {AccessState.LIVE}
"""States in which what appeared gives access."""


@dataclass(frozen=True, slots=True)
class Line:
    """One change: `sign` is + gained, − lost or · neither; `risky` what needs a look."""

    sign: str
    risky: bool
    title: str
    owner: str
    text: str
    gained: list[catalogue.Scope]
    lost: list[catalogue.Scope]
    time: datetime | None
    url: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Changes of one day: how many, and where its bar stands."""

    day: date
    count: int
    x: float
    y: int
    height: int


def lines(compared: Compared) -> list[Line]:
    """Every change, newest first."""
    times = _times(compared.found.changes)
    frozen = changes_between_dates.freeze_titles(compared.found.changes)
    names = changes_between_dates.owner_names(compared.found.changes)
    found = sorted(compared.found.changes, key=lambda one: -(one.index or 0))
    return [_line(change, compared, times, frozen, names) for change in found]


def _times(changes: Iterable[Change]) -> Mapping[int, datetime]:
    found: dict[int, datetime] = {}
    places = sorted({change.index for change in changes if change.index is not None})
    for some in batched(places, _BATCH):
        rows = EventRow.objects.filter(seq__in=some).values_list("seq", "time")
        found |= {seq: time for seq, time in rows if seq is not None}
    return found


def _line(
    change: Change,
    compared: Compared,
    times: Mapping[int, datetime],
    frozen: Mapping[str, str],
    names: Mapping[tuple[str, str], str],
) -> Line:
    shown: dict[str, str] = changes_between_dates.title_of(
        frozen.get(change.name, change.name), change.account, change.access
    )
    whose = change.account or change.access
    gained = changes_between_dates.scopes_of(change, change.gained)
    return Line(
        sign=_sign(change),
        risky=any(scope.risk for scope in gained) or _widens(change, compared),
        title=shown["title"],
        owner=names.get((whose.iss, whose.sub), whose.email or whose.sub)
        if whose and whose.sub != ERASED
        else "",
        text=_text(change),
        gained=gained,
        lost=changes_between_dates.scopes_of(change, change.lost),
        time=times.get(change.index) if change.index is not None else None,
        url=f"/audit/events/{change.event}/" if change.event else "",
    )


def _text(change: Change) -> str:
    said = changes_between_dates.sentence(change)
    return f"{said} (names not proven)" if change.what == "first_use" else said


def _sign(change: Change) -> str:
    match change.what:
        case "appeared":
            return "+" if change.after in _GAVE else "·"
        case "state":
            was, now = change.before in USABLE, change.after in USABLE
            return "·" if was == now else "+" if now else "−"
        case "scopes" | "apis":
            return "+" if change.gained else "−"
        case "manifest":
            return "−" if change.after == "removed" else "·" if change.before else "+"
    return _SIGNS.get(change.what, "·")


def _widens(change: Change, compared: Compared) -> bool:
    """Whether a manifest gained a scope that can change, send or delete things at large."""
    if change.what != "manifest":
        return False
    kind, _, name = change.name.partition(":")
    before = _needed(compared.before.manifests.get((kind, name)))
    after = _needed(compared.after.manifests.get((kind, name)))
    return any(catalogue.describe(*one).risk for one in after - before)


def _needed(declared: Declared | None) -> set[tuple[str, str]]:
    needs = declared.needs if declared else ()
    return {(connection, scope) for connection, scopes in needs for scope in scopes}


def ticks(found: Sequence[Line], then: datetime, now: datetime) -> dict[str, Any] | None:
    """A bar for each day with changes; None where there are none, or too many days."""
    last, days = now.date(), (now.date() - then.date()).days + 1
    counts = Counter(line.time.date() for line in found if line.time)
    if not counts or days > LONGEST:
        return None
    highest = max(counts.values())
    width, bar = days * 8, round(days / 25, 2)  # as wide on the page for few days as for many
    step = (width - bar) / max(1, days - 1)  # from the first label's edge to the last one's
    return {
        "width": width,
        "bar": bar,
        "days": [
            Tick(
                day,
                n,
                round(width - bar - (last - day).days * step, 2),
                20 - _bar(n, highest),
                _bar(n, highest),
            )
            for day, n in sorted(counts.items())
            if day >= then.date()
        ],
    }


def _bar(count: int, highest: int) -> int:
    return max(4, round(20 * count / highest))

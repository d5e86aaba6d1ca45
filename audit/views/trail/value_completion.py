"""`/audit/values/`: what the filter box offers while it is typed into: keys, and values that occur.

Each value has how many events of the rest of the filter have it. The counts per period answer for
the keys that they know; the others are estimated from a sample of the log, which costs the same
whatever its size. No name comes from anywhere but the events that the page shows.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from audit.evidence import log_proof_levels
from audit.ledger.format.allowed_field_values import SEVERITIES
from audit.ledger.query import KEYS, EventQuery, query_bar_syntax
from audit.search import rollup_counts, rollups
from audit.search.exact_or_estimated_matches import ACTOR, about, take_sample
from audit.search.query_plan import Plan, plan_of
from audit.views.read_permissions import for_readers
from audit.views.trail.filter_from_address import read

MOST: Final = 20
"""Values offered at once."""
_LAST: Final = re.compile(r'(?:^|(?<=\s))(-?)([A-Za-z_]+)(?:(:)(?:"([^"]*)|(\S*)))?$')
_COLUMNS: Final = {
    "instance": "r.instance",
    "connection": "r.connection",
    "agent": "r.agent",
    "actor": ACTOR,
    "target": "r.target_name",
}
"""Keys that the counts per period do not know, and what `audit_eventrow r` has of each."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to go on: the text of the whole box, and what stands next to it."""

    text: str
    words: str


@require_safe
@for_readers
def values(request: HttpRequest) -> HttpResponse:
    """Options for the last part of the box, as a piece of the page."""
    bar = request.GET.get("bar", "")
    found = _LAST.search(bar[-200:])
    offers: list[Offer] = []
    if found:
        before = bar[: len(bar) - len(found[0])]
        offers = _keys(before, found) if found[3] is None else _values(request.GET, before, found)
    return render(request, "audit/_values.html", {"offers": offers})


def _keys(before: str, found: re.Match[str]) -> list[Offer]:
    return [
        Offer(f"{before}{found[1]}{name}:", key.phrase.replace("{}", "…"))
        for name, key in KEYS.items()
        if name.startswith(found[2].casefold()) and not (key.paging or name == "q")
    ]


def _values(params: QueryDict, before: str, found: re.Match[str]) -> list[Offer]:
    sign, key, typed = found[1], found[2], (found[4] or found[5] or "").casefold()
    if key not in _COLUMNS and _column(key) not in rollups.FACETS:
        return []
    rest = params.copy()
    rest["bar"] = before
    reading = read(rest)
    if reading.mistakes:
        return []
    query = reading.query.at("").dropping(key).dropping(key, excluded=True)
    counts, exact = _counted(query, key)
    fitting = [(value, n) for value, n in counts.most_common() if typed in value.casefold()]
    offers = []
    for value, n in fitting[:MOST]:
        text = before + query_bar_syntax.write([(key, bool(sign), value)])
        said = f"{n:,}" if exact else f"about {about(n):,}"
        # Browsers offer what has the typed text in it, and a quote was perhaps not typed.
        quoted = f"{before}{sign}{key}:{value}, " if text.endswith('"') else ""
        offers.append(Offer(text, quoted + said))
    return offers


def _counted(query: EventQuery, key: str) -> tuple[Counter[str], bool]:
    """How often each value of a key occurs in the signed log, and whether that is exact."""
    sizes = log_proof_levels.current()
    plan = replace(plan_of(query, sizes), pending=False)
    if _column(key) in rollups.FACETS and rollup_counts.can_answer(query, plan):
        takes, place = rollup_counts.test_of(query), rollups.FACETS.index(_column(key))
        counts: Counter[str] = Counter()
        for cell, n in rollup_counts.cells(plan).items():
            if takes(cell):
                counts[_name(key, cell[place])] += n
        return _with_families(counts) if key == "action" else counts, True
    return _sampled(plan, key, sizes.signed)


def _sampled(plan: Plan, key: str, size: int) -> tuple[Counter[str], bool]:
    # The time comes first because SQLite's driver needs its zone set.
    column = _COLUMNS.get(key, f"r.{_column(key)}")
    sample = take_sample([plan], f"r.time, {column} AS value", size)
    weight = sample.weight
    counts = Counter(_name(key, row[1]) for row in sample.rows)
    counts.pop("", None)
    scaled = Counter({value: max(round(n * weight), 1) for value, n in counts.items()})
    return _with_families(scaled) if key == "action" else scaled, sample.tested == size


def _column(key: str) -> str:
    """The column that has the values of a key; a category is the first part of an action."""
    return "action" if key == "category" else key


def _name(key: str, value: str | int) -> str:
    if key == "category":
        return str(value).partition(".")[0]
    return SEVERITIES[value] if key == "severity" and isinstance(value, int) else str(value)


def _with_families(counts: Counter[str]) -> Counter[str]:
    families: Counter[str] = Counter()
    for action, n in counts.items():
        families[f"{action.partition('.')[0]}.*"] += n
    return counts + families

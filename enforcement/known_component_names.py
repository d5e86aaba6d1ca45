"""The names of skills, servers, plugins and tools that are known here, and the nearest to a typo.

A name is known when a gateway lists it, its outpost reported an entry about it or its quarantine, a
scan or a finding is about it, a decision or a hold stands on it, or a manifest declares it. A
decision about any other name has to be confirmed: at a gateway a typo would be recorded as done and
stop nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from itertools import islice
from typing import Final

from django.db.models import Q, QuerySet

from approvals import registry
from approvals.errors import UnknownName
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target
from enforcement.component_kinds import KINDS, called
from enforcement.decisions.block_allow_hold import OPERATOR
from enforcement.gateways import instances
from enforcement.models import Asset, Decision, Finding, Scan, Watch
from enforcement.outposts import reported_facts

_COMPARED: Final = 2000
"""Names that a typo is compared with: comparing takes time for each."""
_OFFERED: Final = 3
_NOT_LETTERS: Final = re.compile(r"[\W_]+")

declared_names: list[Callable[[str], Iterable[str]]] = []
"""The names of one kind that other packages know, by the portal's wiring."""


def enforces(verb: str, target: Target) -> bool:
    """Whether a verb decides what gateways do with a thing."""
    named = target.kind in KINDS and verb.partition(".")[0] == target.kind
    return named and verb in registry.names()


def check(actor: Actor, verb: str, target: Target, *, new: bool) -> None:
    """Ask for a confirmation (`new`) where an operator decides about a name that nothing knows.

    A caller who may not decide learns nothing about names here: the pipeline refuses them.

    Raises:
        UnknownName: the name is not known and `new` is not set.
    """
    if (
        new
        or not enforces(verb, target)
        or not actor.roles & OPERATOR
        or not target.name.isprintable()
    ):
        return
    if not is_known(target.kind, target.name):
        thing = called(target.kind, safe_display.in_sentence(target.name))
        words = f"No gateway, scan, finding or manifest knows {thing}"
        raise UnknownName(words, nearest(target.kind, target.name))


def is_known(kind: str, name: str) -> bool:
    """Whether anything here knows the name."""
    about = Q(kind=kind, name=name)
    if any(rows.filter(about).exists() for rows in _tables()):
        return True
    return any(name in names for names in _elsewhere(kind))


def nearest(kind: str, name: str) -> tuple[str, ...]:
    """The known names that are most like a name, the most alike first; at most three."""
    wanted = _letters(name)
    by_letters: dict[str, str] = {}
    for known in _names(kind):
        by_letters.setdefault(_letters(known), known)
        if len(by_letters) >= _COMPARED:
            break
    close = get_close_matches(wanted, by_letters, n=_OFFERED, cutoff=0.7)
    return tuple(by_letters[letters] for letters in close)


def names(kind: str) -> list[str]:
    """Known names of one kind, at most as many as a typo is compared with."""
    return list(islice(dict.fromkeys(_names(kind)), _COMPARED))


def find(text: str, limit: int) -> list[tuple[str, str]]:
    """Kind and name of at most `limit` known things whose name contains a text, by name."""
    found: set[tuple[str, str]] = set()
    for rows in _tables():
        named = rows.filter(kind__in=KINDS, name__icontains=text)
        found.update(named.order_by("name", "kind").values_list("kind", "name").distinct()[:limit])
    wanted = text.casefold()
    for kind in KINDS:
        for names in _elsewhere(kind):
            found.update((kind, name) for name in names if wanted in name.casefold())
    return sorted(found, key=lambda one: (one[1].casefold(), one[0]))[:limit]


def every(kind: str) -> list[str]:
    """All known names of one kind, in order."""
    found = set[str]()
    for rows in _tables():
        found.update(rows.filter(kind=kind).values_list("name", flat=True).distinct())
    return sorted(found.union(*_elsewhere(kind)))


def _tables() -> tuple[QuerySet[Scan] | QuerySet[Finding] | QuerySet[Asset], ...]:
    stands = ~Q(decision=Decision.NONE) | ~Q(holder="")
    return Asset.objects.filter(stands), Scan.objects.all(), Finding.objects.all()


def _elsewhere(kind: str) -> Iterator[Iterable[str]]:
    for watch in Watch.objects.exclude(name=""):
        yield {line["name"] for line in (*watch.blocked, *watch.allowed) if line["kind"] == kind}
    for report in reported_facts.last_reports(instances.fleet().outposts).values():
        yield report.names(kind)
    for names in declared_names:
        yield names(kind)


def _names(kind: str) -> Iterator[str]:
    for rows in _tables():
        yield from rows.filter(kind=kind).values_list("name", flat=True).distinct()[:_COMPARED]
    for names in _elsewhere(kind):
        yield from names


def _letters(name: str) -> str:
    """A name without what people mistype most: case, hyphens, underscores and spaces."""
    return _NOT_LETTERS.sub("", name.casefold())[:100]

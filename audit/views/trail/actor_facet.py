"""The facet of actors: one row a person, by name, whatever their events show of them.

An event shows the e-mail, else the name, else the subject of its actor, and the facet counts those
texts; the directory knows which of them are one person.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q

from approvals.models import Person

_LOOKED_UP: Final = 50
"""Texts whose persons are looked up; fewer rows are shown."""


@dataclass(frozen=True, slots=True)
class ActorRow:
    """One actor: a label, the texts that `actor:` finds their events by, and how many there are."""

    label: str
    texts: tuple[str, ...]
    count: int


def rows(counted: Sequence[tuple[str, int]], on: Iterable[str]) -> list[ActorRow]:
    """One row an actor, the most frequent first; those that the filter names are there at zero."""
    counts = Counter(dict(counted))
    counts.update(dict.fromkeys(on, 0))
    of_person = _persons(list(dict.fromkeys([*on, *(text for text, _ in counted[:_LOOKED_UP])])))
    grouped: defaultdict[Person | str, list[str]] = defaultdict(list)
    for text in counts:
        grouped[of_person.get(text, text)].append(text)
    labels = Counter(str(actor) for actor in grouped)
    found = [
        ActorRow(
            str(actor) if labels[str(actor)] == 1 else _apart(actor),
            tuple(texts),
            sum(counts[text] for text in texts),
        )
        for actor, texts in grouped.items()
    ]
    return sorted(found, key=lambda row: (-row.count, row.label))


def _persons(texts: list[str]) -> dict[str, Person]:
    """The one person whom each text can mean; a name that two people have means neither. One query
    for all of them."""
    known = Person.objects.filter(Q(email__in=texts) | Q(name__in=texts) | Q(sub__in=texts))
    meant: defaultdict[str, set[Person]] = defaultdict(set)
    for person in known:
        for text in filter(None, (person.email, person.name, person.sub)):
            meant[text].add(person)
    return {text: people.pop() for text, people in meant.items() if len(people) == 1}


def _apart(actor: Person | str) -> str:
    """A label that tells two people of one name apart."""
    if isinstance(actor, str):
        return actor
    return f"{actor} ({actor.email or actor.sub})"

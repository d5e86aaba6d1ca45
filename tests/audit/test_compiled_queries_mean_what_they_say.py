"""A compiled query finds and changes what Django's own would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F, QuerySet

from audit.actor import SYSTEM
from audit.compiled import compiled, compiled_update
from audit.models import EventRow
from audit.record import record

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@compiled
def since(agent: str, moment: datetime) -> QuerySet[EventRow]:
    return EventRow.objects.filter(agent=agent, time__gte=moment).order_by("time")


@compiled
def one(event: UUID) -> QuerySet[EventRow]:
    return EventRow.objects.filter(event=event)


@compiled_update
def noted(event: UUID, words: str, more: int) -> tuple[QuerySet[EventRow], dict[str, Any]]:
    changes = {"sentence": words, "severity": F("severity") + more}
    return EventRow.objects.filter(event=event), changes


def test_rows_are_found_with_every_kind_of_argument(db: None) -> None:
    events = [
        record(SYSTEM, "audit.viewed", agent=agent, time=NOON + timedelta(hours=hours))
        for agent, hours in (("a", 0), ("a", 2), ("a", 1), ("b", 2), ("a", -1))
    ]
    for _ in range(2):
        found = since("a", NOON)
        assert [row.event for row in found] == [events[n].id for n in (0, 2, 1)]
        assert found == list(EventRow.objects.filter(agent="a", time__gte=NOON).order_by("time"))
    assert found[0].time == NOON
    assert since("'; --", NOON) == []
    assert [row.agent for row in one(events[3].id)] == ["b"]


def test_changes_reach_exactly_the_rows_that_are_meant(db: None) -> None:
    first, second = (record(SYSTEM, "audit.viewed") for _ in range(2))
    before = EventRow.objects.get(event=second.id)
    assert noted(first.id, "x' OR 1=1", 2) == 1
    row = EventRow.objects.get(event=first.id)
    assert (row.sentence, row.severity) == ("x' OR 1=1", before.severity + 2)
    assert EventRow.objects.get(event=second.id).sentence == before.sentence
    assert noted(UUID(int=1), "nobody", 1) == 0


def test_an_argument_that_the_query_bends_is_refused(db: None) -> None:
    @compiled
    def like(agent: str) -> QuerySet[EventRow]:
        return EventRow.objects.filter(agent__startswith=agent)

    @compiled
    def told(words: bool) -> QuerySet[EventRow]:
        return EventRow.objects.filter(sentence=words)

    with pytest.raises(TypeError, match="holds each argument as it is"):
        like("a")
    with pytest.raises(TypeError, match="takes no bool"):
        told(True)

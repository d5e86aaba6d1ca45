"""A pack of events that lost values to an erasure brings the entry that certifies it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit import clock, packs
from audit.erasure import erase_openings, subject_and_store_registry
from audit.ledger.packs import missing_values
from audit.ledger.packs.pack_check_result import PackReport
from audit.models import EventRow
from audit.recording.actors import Target
from audit.recording.record import record
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer
from tests.audit.factories import ADA, OLU
from tests.packs.act import BEN, Act
from tests.packs.bending import members_of

pytestmark = pytest.mark.django_db


def erase_ben(*, certified: bool) -> list[int]:
    """Ben's values go; returns the entries that lost some."""
    lost: list[int] = []
    whose = subject_and_store_registry.identify(BEN.key)
    while erase_openings.erase_some(whose, lambda seqs: lost.extend(seqs)):
        pass
    if certified:
        data = {"certificate": True, "subject": BEN.key, "ranges": erase_openings.ranges(lost)}
        record(ADA, "subject.erased", target=Target("subject", BEN.key), data=data)
        sequencer.run_once()
    return lost


def missing(report: PackReport) -> dict[int, tuple[str, str]]:
    """What the check of missing values came to, by entry."""
    return {
        event.index: (one.state, one.detail)
        for event in report.events
        for one in event.checks
        if one.name == missing_values.VALUES_CHECK
    }


def test_it_brings_the_certificate_and_names_its_entry(act: Act) -> None:
    whole = act.check(act.pack().body)
    assert whole.intact and missing(whole) == {}
    lost = erase_ben(certified=True)
    at = EventRow.objects.get(action="subject.erased").seq
    report = act.check(act.pack().body)
    assert [event.index for event in report.events][-1] == at
    found = missing(report)
    assert found and set(found) == {e.index for e in report.events} & set(lost)
    assert all(state == "ok" and f"entry {at} certifies" in said for state, said in found.values())
    assert not any("Values that are missing" in line for line in report.not_proven)


def test_without_a_certificate_it_is_not_called_an_erasure(act: Act) -> None:
    erase_ben(certified=False)
    report = act.check(act.pack().body)
    found = missing(report)
    assert found and all(state == "unchecked" for state, _ in found.values())
    assert all("no certificate of erasure" in said for _, said in found.values())
    assert f"{missing_values.VALUES_CHECK}: not checked here." in report.not_proven


def test_who_gets_their_own_events_gets_the_certificate_without_its_values(act: Act) -> None:
    erase_ben(certified=True)
    at = EventRow.objects.get(action="subject.erased").seq
    selection = packs.of_event(load(act.blocked), person=OLU.key)
    body = packs.build(selection, clock.now(), lambda item: False).body
    opened: dict[str, Any] = json.loads(members_of(body)[f"events/{at:012d}.openings.json"])
    assert opened == {"openings": []}
    found = missing(act.check(body))
    assert found and at not in found  # they are named as withheld

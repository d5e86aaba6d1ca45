"""What others report stays apart from operations of ours, and names nobody in clear."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from audit import packs
from audit.clock import uuid7
from audit.importing.mapping.mapped_facts import opaque
from audit.ingest import reported_events
from audit.ingest.clear_or_committed_fields import FIELD
from audit.models import Event, EventRow
from audit.packs import event_selection
from audit.recording import stored_event_loader
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from audit.views.event import event_details
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, OLU, DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db

REPORTER = Actor(iss="https://issuer/", sub="ci", via="api")
MAIL = "mia.member@example.com"


def _reported(**fields: Any) -> dict[str, Any]:
    (result,) = reported_events.report(REPORTER, [{"action": "deploy.started", **fields}])
    assert "id" in result, result
    return stored_event_loader.load(UUID(result["id"]))


def test_a_report_belongs_to_no_operation_of_ours() -> None:
    event = _reported(operation="op-1")
    assert event["operation"] == ""
    assert event["data"][FIELD] == {"operation": "op-1"}


@pytest.mark.parametrize("field", ["agent", "skill", "connection", "instance"])
def test_a_field_that_names_nothing_known_is_committed(field: str) -> None:
    event = _reported(**{field: MAIL})
    assert event[field] == "" and event["data"][FIELD] == {field: MAIL}
    assert all(MAIL.encode() not in bytes(one.entry) for one in Event.objects.all())


def test_a_target_or_person_hides_no_name_in_what_stands_in_clear() -> None:
    target = {"kind": "Mia Member", "name": "x", "instance": MAIL}
    actor = {"iss": f"mailto:{MAIL}", "sub": "1"}
    event = _reported(target=target, actor=actor)
    assert event["target"] == {"kind": "", "name": "x", "instance": ""}
    assert event["actor"]["iss"] == ""
    assert set(event["data"][FIELD]) == {"target.kind", "target.instance", "actor.iss"}
    hidden = (b"mia member", MAIL.lower().encode())  # a salt may hold "mia" by chance
    entries = [bytes(one.entry).lower() for one in Event.objects.all()]
    assert not [name for name in hidden for entry in entries if name in entry]


def test_a_field_that_names_something_known_stands_in_clear() -> None:
    record(
        OLU, "token.refused", target=Target("skill", "pdf-exfil", "edge-1"),
        agent="claude", connection="github",
    )  # fmt: skip
    sequencer.run_once()
    fields = {"agent": "claude", "connection": "github", "skill": "pdf-exfil", "instance": "edge-1"}
    event = _reported(**fields)
    assert {name: event[name] for name in fields} == fields
    assert FIELD not in event["data"]


def test_a_name_that_only_reports_have_is_not_known() -> None:
    for _ in range(2):
        assert _reported(agent="made-up")["agent"] == ""
        sequencer.run_once()


@pytest.mark.parametrize("name", ["reported_by", FIELD])
def test_what_the_portal_says_of_a_report_cannot_be_reported(name: str) -> None:
    (result,) = reported_events.report(REPORTER, [{"action": "deploy.started", "data": {name: 1}}])
    assert result["code"] == "invalid_event"


def _operation_with_reports(own: int, reports: int) -> dict[str, Any]:
    ids = list(record_many(DraftFactory.build(operation="op-1") for _ in range(own)))
    list(record_many(_of_before() for _ in range(reports)))
    sequencer.run_once()
    return stored_event_loader.load(ids[-1])


def _of_before() -> Any:
    """A report as versions before recorded it: with the operation that it names."""
    return DraftFactory.build(operation="op-1", source="external", action="external.noise.n")


def test_reports_take_no_place_in_a_pack_and_are_said_to_be_left_out() -> None:
    event = _operation_with_reports(own=5, reports=300)
    selection = packs.of_event(event)
    own = EventRow.objects.exclude(source="external").filter(operation="op-1")
    assert set(selection.ids) == set(own.values_list("event", flat=True))
    assert selection.about == {"event": event["id"], "left_out": 300}
    assert "300 events that name it were left out" in selection.words


def test_a_report_of_approval_and_operation_is_left_out_once() -> None:
    [id] = record_many([DraftFactory.build(operation="op-1", approval="a-1")])
    noise = [
        DraftFactory.build(
            operation=operation, approval=approval, source="external", action="external.noise.n"
        )
        for operation, approval in (("op-1", "a-1"), ("op-1", "a-1"), ("op-1", ""), ("", "a-1"))
    ]
    list(record_many(noise))
    sequencer.run_once()
    assert packs.of_event(stored_event_loader.load(id)).about["left_out"] == 4


def test_a_pack_of_one_person_has_only_their_events_of_the_operation() -> None:
    mine = DraftFactory.build(actor=OLU, operation="op-1", source="portal")
    others = DraftFactory.build(actor=ADA, operation="op-1", source="portal")
    own, _ = list(record_many([mine, others]))
    sequencer.run_once()
    assert packs.of_event(stored_event_loader.load(own), person=OLU.key).ids == (own,)
    assert len(packs.of_event(stored_event_loader.load(own)).ids) == 2


def test_an_operation_of_more_events_than_a_pack_takes_says_how_many_are_missing() -> None:
    event = _operation_with_reports(own=230, reports=0)
    selection = packs.of_event(event)
    assert UUID(event["id"]) in selection.ids
    assert selection.about["left_out"] == 230 - len(selection.ids) == 29


def test_more_than_are_counted_is_said_as_a_lower_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_selection, "_COUNTED", 210)
    selection = packs.of_event(_operation_with_reports(own=5, reports=230))
    assert selection.about["left_out"] == 210 and selection.about["left_out_at_least"] is True
    assert "At least 210 events that name it were left out" in selection.words


@pytest.mark.parametrize(("own", "left_out"), [(5, 210), (230, 220), (450, 220)])
def test_reports_are_counted_however_many_own_events_there_are(
    monkeypatch: pytest.MonkeyPatch, own: int, left_out: int
) -> None:
    monkeypatch.setattr(event_selection, "_COUNTED", 210)
    selection = packs.of_event(_operation_with_reports(own=own, reports=230))
    assert selection.about["left_out"] == left_out
    assert selection.about["left_out_at_least"] is True


def test_the_page_of_an_event_shows_its_own_operation_and_says_what_is_left_out() -> None:
    event = _operation_with_reports(own=25, reports=50)
    story = event_details._story(event)
    assert len(story) == 21 and story[-1]["text"] == "5 more events of this operation"
    assert not any("noise" in item["text"] for item in story)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("claude-code", True), ("skill:pdf@1.2", True), (MAIL, False), ("Mia Member", False)],
)
def test_an_imported_id_in_clear_is_code_and_no_address(text: str, kept: bool) -> None:
    assert opaque(text) == (text if kept else "")


CLAIMED = {
    "repeats": "tag",
    "code": "42-17-08",
    "requested_by": "Olu Operator",
    "policy_words": "Approved by two admins",
    "policy": "ab" * 32,
    "finding": "CRITICAL exfiltration",
    "ip": "192.0.2.7",
    "actor_provenance": "portal-verified",
    "approver": {"sub": OLU.sub, "name": "Olu Operator"},
}


def test_what_a_report_claims_is_no_fact_of_its_page() -> None:
    decided = uuid7().hex
    record(OLU, "skill.allowed", target=Target("skill", "x", "edge-1"), operation=decided)
    data = CLAIMED | {"repeats_operation": decided}
    event = _reported(actor={"name": "Olu Operator"}, data=data)
    sequencer.run_once()
    shown = event_details.exhibit_of(stored_event_loader.load_recorded(UUID(event["id"])))
    facts = {fact.label: fact for fact in shown.facts}
    assert not {
        "Decision",
        "Policy",
        "Policy version",
        "Code",
        "Finding",
        "Asked by",
        "Address",
    } & (facts.keys())
    assert (
        facts["Who"].value == "Olu Operator" and facts["Who"].note == "claimed by who reported it"
    )
    assert "Approved by two admins" in shown.data
    assert shown.data_label == "Claims of ci, not checked here"
    assert "matches the decision of" not in text_of(browser_of(ADA).get(shown.url))


def test_the_facts_of_our_own_events_stand_on_their_page() -> None:
    data = {"code": "42-17-08", "requested_by": "Olu Operator"}
    id = record(OLU, "skill.allowed", target=Target("skill", "x", "edge-1"), data=data).id
    shown = event_details.exhibit_of(stored_event_loader.load_recorded(id))
    facts = {fact.label: fact.value for fact in shown.facts}
    assert (facts["Code"], facts["Asked by"]) == ("42-17-08", "Olu Operator")
    assert shown.data_label == "Details as recorded"

"""Recording: one transaction, no personal value in the entry, a sentence anybody understands."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from django.db.transaction import TransactionManagementError

from audit import clock
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError
from audit.ledger.format.commitment import Opening
from audit.ledger.merkle import leaf_hash
from audit.models import Event, EventRow, Openings
from audit.recording import action_registry
from audit.recording.actors import SYSTEM, EvidenceRef, Subject, Target
from audit.recording.record import Draft, Prepared, prepare, prepared, record
from audit.recording.sentences import phrase
from audit.recording.stored_event_loader import load, openings_of
from tests.audit.factories import ADA, MIA, NOON, OLU, DraftFactory
from tests.support.legible import legible
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db


def test_an_event_is_its_entry_its_openings_and_its_row() -> None:
    event = record(
        OLU, "skill.blocked", target=Target("skill", "pdf-exfil", "edge-1"), reason="exfiltrates"
    )
    stored = Event.objects.get(id=event.id)
    assert bytes(stored.leaf_hash) == leaf_hash(bytes(stored.entry))
    assert entries.parse(bytes(stored.entry))["id"] == str(event.id)
    row = EventRow.objects.get(event=event.id)
    assert (row.seq, row.family, row.actor_name) == (None, "skill", "Olu Operator")
    assert (row.instance, row.target_name, row.human) == ("edge-1", "pdf-exfil", "H0")


def test_personal_values_stand_in_openings_and_never_in_the_entry() -> None:
    event = record(
        MIA,
        "connection.revoked",
        target=Target("connection", "mia-private-calendar"),
        on_behalf_of=Subject(ADA.iss, ADA.sub, ADA.name, ADA.email),
        reason="left the company",
        changes={"state": ["active", "revoked-by-mia"]},
        private={"note": "her@home"},
        data={"scopes": 3},
    )
    entry = legible(bytes(event.entry))
    for secret in (
        "Mia",
        "auth0|mia",
        "auth0|ada",
        "calendar",
        "left",
        "revoked-by",
        "home",
        "192.",
    ):
        assert secret not in entry
    assert '"scopes":3' in entry
    by_subject = {o.subject: set(o.values) for o in Openings.objects.filter(event=event.id)}
    assert by_subject[ADA.key] == {"on_behalf_of.sub", "on_behalf_of.name", "on_behalf_of.email"}
    assert {"actor.sub", "private.note", "private.ip", "reason"} <= by_subject[MIA.key]


def test_what_was_recorded_is_read_back_whole() -> None:
    event = record(
        MIA,
        "connection.revoked",
        target=Target("connection", "github"),
        on_behalf_of=Subject(ADA.iss, ADA.sub, ADA.name, ADA.email),
        connection="github",
        changes={"state": ["active", "revoked"]},
        private={"note": "nul \0 and ü"},
        data={"scopes": 3},
        time=datetime(2026, 11, 1, 9, tzinfo=UTC),
    )
    public = load(event.id)
    assert public["actor"]["email"] == "Mia@Acme.example"
    assert public["on_behalf_of"]["name"] == "Ada Auditor"
    assert public["data"] == {"scopes": 3, "note": "nul \0 and ü", "ip": "192.0.2.7"}
    assert public["time"] == "2026-11-01T09:00:00.000000Z"
    assert (public["via"], public["index"], public["human"], public["log"]) == (
        "cli",
        None,
        "H0",
        "L0",
    )


def test_an_unknown_action_is_refused_and_the_nearest_is_named() -> None:
    with pytest.raises(action_registry.UnknownAction, match=r"did you mean skill\.blocked"):
        record(OLU, "skill.bloked")
    with pytest.raises(action_registry.UnknownAction):
        record(OLU, "defenseclaw.")
    assert not Event.objects.exists()


def test_a_value_that_cannot_be_logged_names_its_place_and_writes_nothing() -> None:
    with pytest.raises(EntryError, match="/data/size"):
        record(OLU, "skill.blocked", data={"size": 2**60})
    with pytest.raises(EntryError, match="/outcome"):
        record(OLU, "skill.blocked", outcome="fine")
    assert not Event.objects.exists() and not EventRow.objects.exists()


def test_a_decision_that_rolls_back_leaves_no_event() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record(OLU, "skill.blocked", target=Target("skill", "a"))
        raise ZeroDivisionError
    assert not Event.objects.exists() and not EventRow.objects.exists()
    assert not Openings.objects.exists()


def test_one_id_is_recorded_once() -> None:
    id = clock.uuid7()
    record(SYSTEM, "audit.imported", id=id)
    with pytest.raises(IntegrityError), transaction.atomic():
        record(SYSTEM, "audit.imported", id=id)
    assert Event.objects.count() == EventRow.objects.count() == 1


def test_nobody_goes_on_after_an_event_that_could_not_be_written() -> None:
    id = clock.uuid7()
    record(SYSTEM, "audit.imported", id=id)
    with transaction.atomic():
        other = record(SYSTEM, "audit.imported")
        with pytest.raises(IntegrityError):
            record(SYSTEM, "audit.imported", id=id)
        with pytest.raises(TransactionManagementError):
            record(SYSTEM, "audit.imported")
    assert not Event.objects.filter(id=other.id).exists()


def test_many_events_are_recorded_as_single_ones_are() -> None:
    drafts = [DraftFactory.build(id=clock.uuid7(), private={"n": i}) for i in range(7)]
    ids = list(record_many(drafts, batch=3))
    assert ids == [draft.id for draft in drafts] == sorted(ids)
    twin = replace(drafts[4], id=None)
    fields = {name: getattr(twin, name) for name in Draft.__slots__ if name not in ("id",)}
    single = record(fields.pop("actor"), fields.pop("action"), **fields)
    one, many = load(single.id), load(ids[4])
    for public in (one, many):
        del public["id"], public["recorded_at"]
    assert one == many
    assert len(openings_of(ids)[ids[4]]) == len(openings_of([single.id])[single.id])


def test_events_made_beside_each_other_are_as_those_made_alone() -> None:
    drafts = [
        replace(draft, reason=f"ﬁrst\0{at}" if at % 3 else "", changes={"a": [at, None]})
        for at, draft in enumerate(DraftFactory.build_batch(150))
    ]
    drafts[70] = replace(drafts[70], on_behalf_of=Subject(ADA.iss, ADA.sub, ADA.name, ADA.email))
    drafts = [replace(draft, id=clock.uuid7()) for draft in drafts]
    together = prepared(drafts)
    alone = [prepare(draft, one.event[3]) for draft, one in zip(drafts, together, strict=True)]
    assert [one.row for one in together] == [one.row for one in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.id == other.id
        assert one.event[2] == leaf_hash(one.event[1])
        assert _opened(one) == _opened(other)
    salts = [
        salt for one in together for _, _, values in one.openings for salt, _ in values.values()
    ]
    assert len(set(salts)) == len(salts)


def _opened(one: Prepared) -> dict[str, Any]:
    """The public event that an entry and its openings tell."""
    openings = [
        Opening(path, subject, b64decode(salt), value)
        for _, subject, values in one.openings
        for path, (salt, value) in values.items()
    ]
    return entries.reveal(entries.parse(one.event[1]), openings, index=None)


def test_a_batch_with_a_bad_draft_is_not_written_and_those_before_stay() -> None:
    drafts = [DraftFactory.build(), DraftFactory.build(), DraftFactory.build(action="no.such")]
    stream = record_many(drafts, batch=2)
    assert len([next(stream), next(stream)]) == 2
    with pytest.raises(action_registry.UnknownAction):
        next(stream)
    assert Event.objects.count() == 2


def test_sign_in_evidence_travels_with_the_actor() -> None:
    reference = EvidenceRef("id_token", "ab" * 32)
    event = record(replace(OLU, evidence=(reference,)), "skill.allowed", evidence=[reference])
    assert json.loads(bytes(event.entry))["evidence"] == [{"kind": "id_token", "digest": "ab" * 32}]


def test_severity_defaults_to_that_of_the_action() -> None:
    assert load(record(SYSTEM, "ledger.alarm").id)["severity"] == "CRITICAL"
    assert load(record(OLU, "skill.blocked", severity="LOW").id)["severity"] == "LOW"


@pytest.mark.parametrize(
    ("draft", "words", "sentence"),
    [
        (
            DraftFactory.build(
                target=Target("skill", "pdf-exfil", "edge-1"),
                data={"code": "42-17-08", "channel": "ciba"},
            ),
            "blocked {target}",
            "Olu Operator blocked skill pdf-exfil on edge-1 after approving code 42-17-08 by phone",
        ),
        (
            DraftFactory.build(
                target=Target("mcp", "files"),
                private={"approver": {"sub": ADA.sub, "name": ADA.name}},
                data={"code": "11-22-33", "channel": "passkey"},
            ),
            "allowed {target}",
            "Olu Operator allowed mcp files after Ada Auditor approved code 11-22-33 by passkey",
        ),
        (
            DraftFactory.build(target=Target("skill", "x"), outcome="failure"),
            "blocked {target}",
            "Olu Operator blocked skill x (failed)",
        ),
        (
            DraftFactory.build(target=None, agent="coder", connection="github"),
            "issued {agent} a token for {connection}",
            "Olu Operator issued coder a token for github",
        ),
    ],
)
def test_a_phrase_says_who_did_what_where_and_after_which_approval(
    draft: Draft, words: str, sentence: str
) -> None:
    (id,) = record_many([draft])
    assert phrase(words)(load(id)) == sentence
    assert EventRow.objects.get(event=id).sentence == action_registry.sentence(load(id))


def test_what_another_system_reported_says_who_told_us() -> None:
    draft = DraftFactory.build(
        actor=SYSTEM,
        action="external.deploy-done",
        source="external",
        target=Target("skill", "x", "edge-2"),
        data={"reported_by": "ci"},
    )
    (id,) = record_many([draft])
    expected = "ci reported deploy done of skill x on edge-2 by Auth0-ATA"
    assert EventRow.objects.get(event=id).sentence == expected


def test_every_registered_action_has_a_label_and_a_sentence() -> None:
    (id,) = record_many([DraftFactory.build()])
    public = load(id)
    for name in action_registry.names():
        spec = action_registry.get(name)
        assert spec.label and "{" not in spec.sentence(public | {"action": name})


def test_an_action_is_registered_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        action_registry.register("skill.blocked", label="Again", sentence="blocked")


def test_ids_sort_in_the_order_in_which_they_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_last", 0)  # a test that travelled in time may have raised it
    ids = [clock.uuid7() for _ in range(5000)]
    assert ids == sorted(set(ids))
    assert all(id.version == 7 and id.variant == UUID(int=0b10 << 62).variant for id in ids)
    assert abs((ids[0].int >> 80) / 1000 - clock.now().timestamp()) < 5
    assert clock.rfc3339(NOON) == "2026-11-03T12:00:00.000000Z"

"""Entries: what stands in clear, what is committed, what erasure leaves, what is refused."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
import rfc8785

from audit.ledger.format import entry
from audit.ledger.format.commitment import Opening, check, commit, subject_key
from audit.ledger.format.entry import EntryError
from tests.support.legible import legible

ID = UUID("0197a3c0-1111-7222-8333-444455556666")
WHEN = datetime(2026, 3, 1, 12, 30, 5, 123456, tzinfo=UTC)
ISS = "http://localhost:8100/"
FIELDS: dict[str, Any] = {
    "time": WHEN,
    "recorded_at": WHEN + timedelta(seconds=1),
    "action": "skill.blocked",
    "outcome": "success",
    "severity": "HIGH",
    "source": "portal",
    "instance": "edge-1",
    "via": "cli",
    "actor": {
        "iss": ISS,
        "sub": "auth0|olu",
        "name": "Olu Operator",
        "email": "operator@acme.example",
        "roles": ["operator", "auditor"],
    },
    "on_behalf_of": {"iss": ISS, "sub": "auth0|mia", "name": "Mia Member"},
    "target": {"kind": "skill", "name": "mail-of-mia", "instance": "edge-1"},
    "intent_hash": "ab" * 32,
    "reason": "It mailed Mia's address book.",
    "changes": {"state": ["allowed", "blocked"]},
    "data": {"finding": 7, "ratio": 0.5},
    "private": {
        "ip": "192.0.2.7",
        "approver": {"iss": ISS, "sub": "auth0|amir", "name": "Amir Admin"},
        "note": "",
    },
    "evidence": [{"kind": "id_token", "digest": "cd" * 32}],
}


def build(**changes: Any) -> entry.Built:
    return entry.build(FIELDS | changes, id=ID)


def test_an_entry_is_canonical_json_and_parses_to_itself() -> None:
    built = build()
    document = entry.parse(built.entry)
    assert rfc8785.dumps(document) == built.entry
    assert document == json.loads(built.entry) == built.document
    assert document["time"] == "2026-03-01T12:30:05.123456Z"
    assert document["actor"]["roles"] == ["auditor", "operator"]
    assert len(document["salt"]) == 32


def test_no_personal_value_stands_in_an_entry() -> None:
    written = legible(build().entry)
    for value in ("auth0|", "Olu", "operator@", "Mia", "mail-of", "192.0.2", "Amir", "allowed"):
        assert value not in written
    assert "edge-1" in written and "skill.blocked" in written


def test_revealing_with_all_openings_gives_back_every_value() -> None:
    built = build()
    event = entry.reveal(built.entry, built.openings, index=9, human="H1", log="L1")
    assert event["actor"] == FIELDS["actor"] | {"roles": ["auditor", "operator"]}
    assert event["on_behalf_of"] == FIELDS["on_behalf_of"] | {"email": ""}
    assert event["target"] == FIELDS["target"]
    assert event["reason"] == FIELDS["reason"] and event["changes"] == FIELDS["changes"]
    assert event["data"] == FIELDS["data"] | FIELDS["private"] | {"note": None}
    assert (event["index"], event["human"], event["log"]) == (9, "H1", "L1")
    assert "salt" not in event and "private" not in event
    assert event["connection"] == event["session"] == ""


def test_an_erased_value_is_shown_as_erased_and_the_rest_stays() -> None:
    built = build()
    mia = subject_key(ISS, "auth0|mia")
    event = entry.reveal(built.entry, [o for o in built.openings if o.subject != mia])
    assert event["on_behalf_of"]["sub"] == event["on_behalf_of"]["name"] == {"erased": True}
    assert event["on_behalf_of"]["iss"] == ISS
    assert event["actor"]["name"] == "Olu Operator"
    assert entry.reveal(built.entry, [])["changes"] == {"erased": True}


def test_values_belong_to_the_person_they_are_about() -> None:
    owners = {opening.path: opening.subject for opening in build().openings}
    olu, mia = subject_key(ISS, "auth0|olu"), subject_key(ISS, "auth0|mia")
    assert owners["actor.email"] == owners["private.ip"] == owners["reason"] == olu
    assert owners["on_behalf_of.name"] == mia
    assert owners["private.approver"] == subject_key(ISS, "auth0|amir")
    moved = entry.build(FIELDS, id=ID, subjects={"target.name": mia, "private.ip": ""})
    owners = {opening.path: opening.subject for opening in moved.openings}
    assert (owners["target.name"], owners["private.ip"]) == (mia, "")


def test_nobody_known_owns_nothing() -> None:
    built = build(actor={"name": "Auth0-ATA"}, on_behalf_of=None, private={"ip": "::1"})
    assert {opening.subject for opening in built.openings} == {""}
    assert entry.reveal(built.entry, built.openings)["on_behalf_of"] is None


def test_equal_values_get_unequal_commitments_and_salts() -> None:
    first, second = build(), build()
    assert first.entry != second.entry
    salts = [opening.salt for built in (first, second) for opening in built.openings]
    assert len(set(salts)) == len(salts) and {len(salt) for salt in salts} == {16}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"on_behalf_of": None, "target": None, "changes": None, "private": {}},
        {"actor": {"iss": ISS}, "reason": "", "target": {"kind": "skill"}},
    ],
)
def test_the_document_of_what_was_just_made_is_what_its_bytes_say(changes: dict[str, Any]) -> None:
    built = build(**changes)
    assert built.document == entry.parse(built.entry)


def test_an_entry_depends_on_its_salts_alone() -> None:
    def fixed(count: int) -> bytes:
        return b"\x05" * count

    assert (
        entry.build(FIELDS, id=ID, salt_source=fixed).entry
        == entry.build(FIELDS, id=str(ID), salt_source=fixed).entry
    )


def test_a_commitment_follows_its_published_recipe() -> None:
    from base64 import b64encode
    from hashlib import sha256

    salt = bytes(range(16))
    body = b"ata.commit.v1\nprivate.ip\n" + salt + b'"192.0.2.7"'
    assert commit("private.ip", salt, "192.0.2.7") == b64encode(sha256(body).digest()).decode()
    with pytest.raises(EntryError, match="3 bytes instead of 16"):
        commit("private.ip", b"abc", 1)


@pytest.mark.parametrize(
    "change",
    [
        {"value": "operator@acme.exampl"},
        {"salt": bytes(16)},
        {"path": "actor.name"},
    ],
)
def test_an_opening_fits_only_the_value_salt_and_field_it_was_made_for(
    change: dict[str, Any],
) -> None:
    (mail,) = (o for o in build().openings if o.path == "actor.email")
    parts = {"path": mail.path, "subject": mail.subject, "salt": mail.salt, "value": mail.value}
    commitment = commit(mail.path, mail.salt, mail.value)
    assert check(commitment, mail)
    assert not check(commitment, Opening(**(parts | change)))


def test_a_changed_or_stray_opening_is_refused_by_name() -> None:
    built = build()
    changed = [
        Opening(o.path, o.subject, o.salt, "mallory") if o.path == "actor.name" else o
        for o in built.openings
    ]
    with pytest.raises(EntryError, match="/actor/name: the opening does not match"):
        entry.reveal(built.entry, changed)
    stray = Opening("private.other", "", os.urandom(16), 1)
    with pytest.raises(EntryError, match="/private/other: an opening was given"):
        entry.reveal(built.entry, [*built.openings, stray])


def test_times_are_written_in_utc() -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    document = entry.parse(build(time=datetime(2026, 1, 1, tzinfo=east)).entry)
    assert document["time"] == "2025-12-31T18:30:00.000000Z"
    again = entry.parse(build(time=document["time"]).entry)
    assert again["time"] == document["time"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"colour": "red"}, "/colour"),
        ({"time": None}, "/time"),
        ({"time": datetime(2026, 1, 1)}, "/time"),
        ({"time": "2026-02-30T00:00:00.000000Z"}, "/time"),
        ({"recorded_at": "2026-01-01T00:00:00Z"}, "/recorded_at"),
        ({"action": "Blocked"}, "/action"),
        ({"action": "skill"}, "/action"),
        ({"outcome": "done"}, "/outcome"),
        ({"severity": "high"}, "/severity"),
        ({"source": "elsewhere"}, "/source"),
        ({"via": "fax"}, "/via"),
        ({"instance": 3}, "/instance"),
        ({"agent": "\ud800"}, "/agent"),
        ({"intent_hash": "AB" * 32}, "/intent_hash"),
        ({"actor": "olu"}, "/actor"),
        ({"actor": {"sub": 3}}, "/actor/sub"),
        ({"actor": {"phone": "1"}}, "/actor/phone"),
        ({"actor": {"roles": "operator"}}, "/actor/roles"),
        ({"target": {"kind": None, "size": 3}}, "/target/size"),
        ({"data": {"a": [2**53]}}, "/data/a/0"),
        ({"data": {"a": float("nan")}}, "/data/a"),
        ({"data": {"ip": 1}}, "/data/ip"),
        ({"data": ["a"]}, "/data"),
        ({"data": {"a": "x" * 70_000}}, "/data"),
        ({"private": {"a b": 1}}, "/private"),
        ({"private": {"raw": {"n": 2**60}}}, "/private/raw/n"),
        ({"changes": {"a": "\ud800"}}, "/changes/a"),
        ({"reason": 3}, "/reason"),
        ({"evidence": [{"kind": "x"}]}, "/evidence/0"),
        ({"evidence": [{"kind": "x", "digest": "short"}]}, "/evidence/0"),
    ],
)
def test_a_field_that_cannot_be_logged_is_named(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(EntryError) as caught:
        build(**change)
    assert caught.value.pointer == pointer


def test_an_id_is_a_uuid() -> None:
    with pytest.raises(EntryError) as caught:
        entry.build(FIELDS, id="7")
    assert caught.value.pointer == "/id"


def test_every_byte_of_an_entry_matters_to_its_parser_or_its_hash() -> None:
    from audit.ledger.merkle import leaf_hash

    built = build()
    genuine = leaf_hash(built.entry)
    for position in range(len(built.entry)):
        changed = bytearray(built.entry)
        changed[position] ^= 1
        assert leaf_hash(bytes(changed)) != genuine


def respell(document: dict[str, Any], **changes: Any) -> bytes:
    return rfc8785.dumps(document | changes)


def test_entries_of_another_spelling_or_shape_are_refused() -> None:
    built = build()
    document = json.loads(built.entry)
    commitment = document["reason"]
    cases = [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        built.entry + b" ",
        json.dumps(document).encode(),
        built.entry.replace(b'{"action"', b'{"action":"skill.blocked","action"', 1),
        respell(document, schema="ata.event.v2"),
        respell(document, colour="red"),
        rfc8785.dumps({key: value for key, value in document.items() if key != "agent"}),
        respell(document, id="7"),
        respell(document, salt="7"),
        respell(document, time="2026-03-01T12:30:05Z"),
        respell(document, outcome="done"),
        respell(document, reason="in clear"),
        respell(document, reason=commitment | {"more": 1}),
        respell(document, reason={"$commit": "AAAA"}),
        respell(document, actor=None),
        respell(document, actor=document["actor"] | {"roles": ["b", "a"]}),
        respell(document, actor=document["actor"] | {"iss": 1}),
        respell(document, actor=document["actor"] | {"sub": "in clear"}),
        respell(document, target=document["target"] | {"name": "in clear"}),
        respell(document, target={"kind": "skill"}),
        respell(document, data=None),
        respell(document, private={"ip": "in clear"}),
        respell(document, data={"ip": 1}),
        respell(document, evidence=None),
        respell(document, evidence=[{"kind": "x"}]),
    ]
    for case in cases:
        with pytest.raises(EntryError):
            entry.parse(case)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"NaN", "/data/n: is nan, which JSON does not have"),
        (b"-Infinity", "/data/n: is -inf, which JSON does not have"),
        (b'"\\ud800"', "/data/n: holds a lone surrogate, which UTF-8 cannot carry"),
    ],
)
def test_a_value_that_only_some_readers_of_json_take_is_named(written: bytes, message: str) -> None:
    changed = build(data={"n": 7654321}).entry.replace(b"7654321", written)
    with pytest.raises(EntryError) as caught:
        entry.parse(changed)
    assert str(caught.value) == message


def test_the_size_bound_counts_bytes_and_leaves_private_values_out() -> None:
    assert len(build(private={"raw": "x" * 200_000}).entry) < 4000
    with pytest.raises(EntryError, match="Put large values"):
        build(data={"a": "é" * 40_000})

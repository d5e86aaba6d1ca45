"""`POST /v1/audit/events`: each item is recorded, or refused where it stands; the sum holds."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from audit.models import EventRow
from audit.recording import stored_event_loader
from audit.sequencing import sequencer
from tests.attacks.input.conftest import Callers
from tests.attacks.input.hostile import TEXTS

pytestmark = pytest.mark.django_db


def send(of: Callers, body: str | bytes) -> Any:
    return of("operator").post("/events", body)


@pytest.mark.parametrize("what", TEXTS)
def test_a_hostile_text_is_kept_exactly_or_refused_where_it_stands(of: Callers, what: str) -> None:
    text = TEXTS[what]
    items = [
        {"action": "ci.ran", "reason": text},
        {"action": "ci.ran", "target": {"kind": "skill", "name": text}},
        {"action": "ci.ran", "actor": {"sub": text, "name": text}},
        {"action": "ci.ran", "data": {"said": text}},
        {"action": "ci.ran", "agent": text, "skill": text},
        {"action": text},
    ]
    answer = send(of, json.dumps(items))
    assert answer.status_code == 200
    results = answer.json()["results"]
    recorded = [result for result in results if result["status"] == "recorded"]
    refused = [result for result in results if result["status"] == "refused"]
    assert len(recorded) + len(refused) == len(items)
    assert EventRow.objects.filter(family="external").count() == len(recorded)
    for result in refused:
        assert result["pointer"].startswith(f"/{result['index']}/")
        assert result["code"] in {"invalid_event", "reserved_action"} and result["detail"]
    assert results[3]["status"] == "recorded"
    assert stored_event_loader.load(UUID(results[3]["id"]))["data"]["said"] == text
    sequencer.run_once()
    found = of("auditor").get("/events", {"action": "external.*"})
    assert found.status_code == 200 and len(found.json()["items"]) == len(recorded)


IMPOSSIBLE = {
    "30 February": "2026-02-30T00:00:00Z",
    "31 April": "2026-04-31T00:00:00Z",
    "leap day of no leap year": "2025-02-29T00:00:00Z",
    "year 0": "0000-01-01T00:00:00Z",
    "year 9999": "9999-12-31T23:59:59Z",
    "before the year 1 in UTC": "0001-01-01T00:00:00+23:59",
    "beyond 9999 in UTC": "9999-12-31T23:59:59-23:59",
    "zone of 99 hours": "2026-01-01T00:00:00+99:99",
    "hour 25": "2026-01-01T25:00:00Z",
    "leap second": "2016-12-31T23:59:60Z",
    "before 1970": "1969-12-31T23:59:59Z",
    "epoch": "-62135596800",
    "no zone": "2026-01-01T00:00:00",
    "a day ahead": "2999-01-01T00:00:00Z",
    "other digits": "２０２６-01-01T00:00:00Z",
    "words": "yesterday",
    "NUL": "2026-01-01T00:00:00Z\0",
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_time_that_cannot_be_is_refused_at_its_place(of: Callers, what: str) -> None:
    good = {"action": "ci.ran", "time": "2026-01-01T00:00:00+14:00"}
    answer = send(of, json.dumps([good, {"action": "ci.ran", "time": IMPOSSIBLE[what]}]))
    first, second = answer.json()["results"]
    assert first["status"] == "recorded"
    assert (second["code"], second["pointer"]) == ("invalid_event", "/1/time")


@pytest.mark.parametrize(
    ("member", "pointer"),
    [
        ('"n":9007199254740993', "/0/data/n"),
        ('"n":-9007199254740993', "/0/data/n"),
        ('"n":1e400', "/0/data/n"),
        ('"n":"\\ud800"', "/0/data/n"),
        ('"\\udc00":1', "/0/data"),
        ('"a b":1', "/0/data"),
        ('"n":' + "[" * 70 + "]" * 70, "/0/data/n"),
        ('"reported_by":"me"', "/0/data/reported_by"),
    ],
)
def test_a_value_that_no_entry_holds_is_refused_at_its_place(
    of: Callers, member: str, pointer: str
) -> None:
    answer = send(of, '[{"action":"ci.ran","data":{' + member + '}},{"action":"ci.ran"}]')
    assert answer.status_code == 200, answer.content
    refused, recorded = answer.json()["results"]
    assert refused["code"] == "invalid_event" and refused["pointer"].startswith(pointer)
    assert recorded["status"] == "recorded"
    answer.content.decode().encode()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b'[{"action":"ci.ran","action":"ci.other"}]', "twice"),
        (b'[{"action":"ci.ran","data":{"n":NaN}}]', "NaN"),
        (b'[{"action":"ci.ran","data":{"n":-Infinity}}]', "Infinity"),
        (b'[{"action":"ci.ran","data":{"n":' + b"9" * 5000 + b"}}]", "digits"),
        (b"[" * 100_000 + b"]" * 100_000, "deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "deeply"),
        (b'\xef\xbb\xbf{"action":"ci.ran"}', "byte order mark"),
        ('{"action":"ci.ran"}'.encode("utf-16"), "UTF-8"),
        (b'{"action":"ci.ran","reason":"\xff\xfe"}', "UTF-8"),
        (b'{"action":"ci.ran"', "line 1"),
        (b'{"action":"ci.ran"} {"action":"ci.ran"}', "Extra data"),
        (b"action=ci.ran", "line 1"),
    ],
)
def test_a_body_that_is_no_strict_json_records_nothing_and_says_why(
    of: Callers, body: bytes, word: str
) -> None:
    answer = send(of, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")
    assert word in answer.json()["detail"]
    assert not EventRow.objects.filter(family="external").exists()

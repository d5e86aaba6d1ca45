"""`/v1/audit/events`: search, one event, bytes and proof, and what others report."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from audit.keys import log_identity
from audit.ledger import merkle, tiles
from audit.ledger.offline.proof_check import verify_proof_file
from audit.models import Event, EventRow
from audit.recording import stored_event_loader
from audit.recording.actors import Subject, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.audit.calling import Caller, actor_of, caller
from tests.audit.factories import OLU, DraftFactory
from tests.support.recording import record_many
from tests.support.sign_in import SUBS
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db
type Callers = Callable[[str], Caller]


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    cache.clear()


@pytest.fixture
def of(portal_tenant: LocalTenant) -> Callers:
    return lambda who: caller(portal_tenant, who)


def problem(answer: HttpResponse) -> dict[str, Any]:
    assert answer["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = json.loads(answer.content)
    assert found["status"] == answer.status_code
    return found


def test_pages_follow_by_cursor_until_next_is_null(of: Callers) -> None:
    list(record_many(DraftFactory.build(action="skill.blocked") for _ in range(5)))
    sequencer.run_once()
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = of("auditor").get("/events", {"action": "skill.*", "limit": "2"} | cursor).json()
        assert set(page) == {"items", "next", "tree_size"}
        seen += [item["index"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == [4, 3, 2, 1, 0]


def test_an_item_is_the_public_event(of: Callers) -> None:
    event = record(OLU, "skill.blocked", target=Target("skill", "pdf-exfil"), reason="exfiltrates")
    sequencer.run_once()
    (item,) = of("auditor").get("/events", {"q": "exfiltrates"}).json()["items"]
    assert item == stored_event_loader.load(event.id)
    assert of("auditor").get(f"/events/{event.id}").json() == item
    assert (item["human"], item["log"], item["index"]) == ("H0", "L1", 0)


@pytest.mark.parametrize(
    ("query", "code", "pointer", "nearest"),
    [
        ({"outcom": "denied"}, "unknown_filter", "/outcom", "outcome"),
        ({"outcome": "denyed"}, "bad_filter", "/outcome", "denied"),
        ({"action": "skill.blockd"}, "bad_filter", "/action", "skill.blocked"),
        ({"limit": "0"}, "bad_filter", "/limit", "50"),
        ({"limit": "ten"}, "bad_filter", "/limit", "50"),
        ({"cursor": "p-"}, "bad_cursor", "/cursor", None),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused_with_the_nearest(
    of: Callers, query: dict[str, str], code: str, pointer: str, nearest: str | None
) -> None:
    found = problem(of("auditor").get("/events", query))
    assert (found["status"], found["code"], found["pointer"]) == (422, code, pointer)
    assert found.get("nearest") == nearest


def test_a_member_gets_what_they_did_and_what_was_done_for_them_only(of: Callers) -> None:
    mia = actor_of("member1")
    own = record(mia, "token.refused", outcome="denied")
    olu = actor_of("operator", "operator")
    behalf = record(
        olu, "connection.revoked", target=Target("connection", "slack"),
        on_behalf_of=Subject(mia.iss, mia.sub),
    )  # fmt: skip
    other = record(olu, "skill.blocked", target=Target("skill", "x"))
    items = of("member1").get("/events").json()["items"]
    assert {item["id"] for item in items} == {str(own.id), str(behalf.id)}
    for query in ({"action": "skill.*"}, {"-action": "token.*", "actor": olu.email}):
        got = of("member1").get("/events", query).json()["items"]
        assert str(other.id) not in {item["id"] for item in got}
    for path in ("", "/entry", "/proof"):
        found = problem(of("member1").get(f"/events/{other.id}{path}"))
        assert (found["status"], found["code"]) == (404, "not_found")
        assert found["detail"] == problem(of("member1").get(f"/events/{uuid4()}"))["detail"]
    assert of("member1").get(f"/events/{behalf.id}").status_code == 200
    assert of("member2").get("/events").json()["items"] == []


def test_the_bytes_and_the_proof_convince_the_offline_verifier(of: Callers) -> None:
    event = record(OLU, "skill.blocked", target=Target("skill", "pdf-exfil"))
    waiting = of("auditor").get(f"/events/{event.id}/proof")
    assert problem(waiting)["code"] == "not_sequenced"
    assert (waiting.status_code, waiting["Retry-After"]) == (409, "1")
    sequencer.run_once()
    entry = of("auditor").get(f"/events/{event.id}/entry")
    assert entry["Content-Type"] == "application/octet-stream"
    assert merkle.leaf_hash(entry.content) == bytes(Event.objects.get(id=event.id).leaf_hash)
    proof = of("auditor").get(f"/events/{event.id}/proof")
    assert proof["Content-Type"].startswith("text/plain")
    assert verify_proof_file(proof.content, entry.content, [log_identity.vkey()]).ok


def test_nobody_reads_without_a_token_and_bad_ids_are_no_500(of: Callers) -> None:
    assert problem(Caller("").get("/events"))["code"] == "token_missing"
    assert problem(Caller("a.b.c").get("/events"))["code"] == "token_refused"
    assert of("auditor").get("/events/not-an-id").status_code in (404, 422)
    assert Client().delete("/v1/audit/events").status_code in (401, 405)


def test_a_program_reads_entry_bundles_with_the_token_of_an_auditor(of: Callers) -> None:
    list(record_many(DraftFactory.build() for _ in range(2)))
    sequencer.run_once()

    def bundle(token: str) -> Any:
        header = {"Authorization": f"Bearer {token}"}
        return Client().get("/log/tile/entries/000.p/2", headers=header)

    answer = bundle(of("auditor").token)
    assert answer.status_code == 200 and answer["Cache-Control"].startswith("private")
    hashes = [merkle.leaf_hash(one) for one in tiles.read_bundle(answer.content)]
    assert set(hashes) == {bytes(one.leaf_hash) for one in Event.objects.all()}
    assert problem(bundle(of("member1").token))["code"] == "not_permitted"
    assert problem(bundle("a.b.c"))["code"] == "token_refused"
    assert problem(bundle(""))["code"] == "token_missing"


def test_searching_is_recorded_once(of: Callers) -> None:
    for _ in range(3):
        of("operator").get("/events", {"action": "skill.*"})
    (viewed,) = EventRow.objects.filter(action="audit.viewed")
    assert viewed.actor_sub == SUBS["operator"]


# Reporting


def report(of: Callers, body: Any, who: str = "operator") -> list[dict[str, Any]]:
    answer = of(who).post("/events", body)
    assert answer.status_code == 200, answer.content
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def test_a_report_is_external_asserted_and_names_its_reporter(of: Callers) -> None:
    claimed = {"iss": settings.ENV.issuer, "sub": SUBS["admin"], "name": "Amir Admin"}
    (result,) = report(
        of,
        {
            "action": "deploy.started",
            "time": "2026-01-31T09:30:00Z",
            "outcome": "failure",
            "severity": "HIGH",
            "actor": claimed,
            "target": {"kind": "service", "name": "billing"},
            "data": {"commit": "abc123", "authorization": "Bearer eyJhbGciOi.eyJzdWIiOiJ4In0.c2ln"},
        },
    )
    assert (result["index"], result["status"]) == (0, "recorded")
    event = stored_event_loader.load(UUID(result["id"]))
    assert (event["action"], event["source"]) == ("external.deploy.started", "external")
    assert (event["outcome"], event["severity"]) == ("failure", "HIGH")
    assert event["time"] == "2026-01-31T09:30:00.000000Z"
    assert event["actor"]["sub"] == SUBS["admin"] and event["actor"]["roles"] == []
    assert (event["human"], event["evidence"]) == ("H0", [])
    assert event["data"]["reported_by"]["sub"] == SUBS["operator"]
    assert "eyJ" not in json.dumps(event)
    row = EventRow.objects.get(event=result["id"])
    assert "reported deploy.started of service billing by Amir Admin" in row.sentence


@pytest.mark.parametrize(
    ("item", "code", "pointer"),
    [
        ({"action": "skill.blocked"}, "reserved_action", "/0/action"),
        ({"action": "approval.approved"}, "reserved_action", "/0/action"),
        ({"action": "ledger.anything"}, "reserved_action", "/0/action"),
        ({"action": "external.x"}, "reserved_action", "/0/action"),
        ({"action": "defenseclaw.scan"}, "reserved_action", "/0/action"),
        ({"action": "Deploy Started"}, "invalid_event", "/0/action"),
        ({}, "invalid_event", "/0/action"),
        ("text", "invalid_event", "/0"),
        ({"action": "a.b", "outcome": "fine"}, "invalid_event", "/0/outcome"),
        ({"action": "a.b", "severity": "high"}, "invalid_event", "/0/severity"),
        ({"action": "a.b", "time": "yesterday"}, "invalid_event", "/0/time"),
        ({"action": "a.b", "time": "2999-01-01T00:00:00Z"}, "invalid_event", "/0/time"),
        ({"action": "a.b", "human": "H3"}, "invalid_event", "/0/human"),
        ({"action": "a.b", "actor": {"sub": 5}}, "invalid_event", "/0/actor/sub"),
        ({"action": "a.b", "actor": {"roles": ["admin"]}}, "invalid_event", "/0/actor/roles"),
        ({"action": "a.b", "data": {"reported_by": "me"}}, "invalid_event", "/0/data/reported_by"),
        ({"action": "a.b", "data": {"n": 2**60}}, "invalid_event", "/0/data/n"),
    ],
)
def test_an_item_that_cannot_be_stored_says_where(
    of: Callers, item: Any, code: str, pointer: str
) -> None:
    (result,) = report(of, [item])
    assert (result["status"], result["code"], result["pointer"]) == ("refused", code, pointer)
    assert result["detail"]
    assert not EventRow.objects.filter(source="external").exists()


def test_good_items_are_stored_beside_bad_ones_in_their_order(of: Callers) -> None:
    items = [{"action": "ci.a"}, {"action": "skill.blocked"}, {"action": "ci.b"}]
    results = report(of, items)
    assert [r["status"] for r in results] == ["recorded", "refused", "recorded"]
    assert [r["index"] for r in results] == [0, 1, 2]
    assert EventRow.objects.filter(family="external").count() == 2


def test_a_thousand_at_a_time_and_not_one_more(of: Callers) -> None:
    assert len(report(of, [{"action": "ci.ran"}] * 1000)) == 1000
    found = problem(of("operator").post("/events", [{"action": "ci.ran"}] * 1001))
    assert (found["status"], found["code"]) == (422, "too_many")
    assert EventRow.objects.filter(family="external").count() == 1000


@pytest.mark.parametrize(
    ("body", "status"),
    [("{", 400), ("[" * 5000, 400), ('{"a":', 400), ("[]", 422), ("7", 422), ('"a"', 422)],
)
def test_a_body_that_is_no_report_is_refused(of: Callers, body: str, status: int) -> None:
    assert problem(of("operator").post("/events", body))["status"] == status


def test_reporting_needs_its_permission(of: Callers) -> None:
    for who in ("auditor", "member1"):
        found = problem(of(who).post("/events", {"action": "ci.ran"}))
        assert (found["status"], found["code"]) == (403, "not_permitted")
        assert "write:events" in found["detail"]
    assert not EventRow.objects.filter(family="external").exists()

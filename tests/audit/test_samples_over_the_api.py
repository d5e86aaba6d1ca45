"""Samples over `/v1`: the same draws as on the pages, with the same refusals."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import uuid4

import pytest

from audit.ledger.format.canonical import canonical
from audit.models import EventRow
from audit.sequencing import sequencer
from tests.audit.calling import Caller, caller
from tests.audit.test_samples_are_drawn_here import happens, told
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db
WANTED: dict[str, Any] = {"filter": {"action": "skill.blocked"}, "size": 5}


@pytest.fixture
def ada(portal_tenant: LocalTenant) -> Caller:
    return caller(portal_tenant, "auditor")


def drawn(who: Caller, **body: Any) -> Any:
    id = who.post("/samples", WANTED | body).json()["id"]
    sequencer.run_once()
    return who.get(f"/samples/{id}").json()


def test_a_sample_is_asked_for_waits_and_is_drawn(ada: Caller) -> None:
    happens()
    answer = ada.post("/samples", WANTED)
    waiting = answer.json()
    assert (answer.status_code, waiting["status"]) == (202, "waiting")
    assert answer["Location"] == f"/v1/audit/samples/{waiting['id']}"
    assert (waiting["sample"], waiting["events"], waiting["drawn"]) == (None, [], None)
    sequencer.run_once()
    sample = ada.get(f"/samples/{waiting['id']}").json()
    assert (sample["status"], sample["seed_of_tree"], sample["size"]) == ("drawn", True, 5)
    assert [one["index"] for one in sample["events"]] == sample["sample"]["indices"]
    assert {one["action"] for one in sample["events"]} == {"skill.blocked"}
    assert sample["sample"]["tree_size"] > sample["asked_index"]
    file = canonical(sample["sample"]) + b"\n"
    assert sample["sha256"] == hashlib.sha256(file).hexdigest()
    assert sample["sha256"] == told("audit.sampled")[0]["data"]["sha256"]
    assert ada.get(f"/samples/{waiting['id']}").json()["event_id"] == sample["event_id"]


def test_other_draws_of_the_filter_and_who_asked_are_told(ada: Caller) -> None:
    happens()
    first = drawn(ada)
    second = drawn(ada, size=7, seed="room 4")
    assert second["sample"]["seed"] == "room 4" and second["seed_of_tree"] is False
    [other] = second["others"]
    assert (other["id"], other["size"]) == (first["id"], 5)
    assert other["asked_by"] == first["asked_by"] != ""


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"size": 0}, "invalid_request", "/size"),
        ({"size": 201}, "invalid_request", "/size"),
        ({"size": "5"}, "invalid_request", "/size"),
        ({"seed": "a\nb"}, "invalid_request", "/seed"),
        ({"seed": "x" * 201}, "invalid_request", "/seed"),
        ({"filter": {"human": "H2"}}, "bad_filter", "/filter"),
        ({"filter": {"outcom": "x"}}, "unknown_filter", "/filter/outcom"),
        ({"more": 1}, "invalid_request", "/more"),
    ],
)
def test_what_is_no_sample_is_refused(
    ada: Caller, body: dict[str, Any], code: str, pointer: str
) -> None:
    answer = ada.post("/samples", WANTED | body)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["pointer"]) == (422, code, pointer)
    assert not EventRow.objects.filter(action="audit.sample_asked").exists()


def test_who_may_not_draw_is_refused(ada: Caller, portal_tenant: LocalTenant) -> None:
    happens(3)
    id = drawn(ada)["id"]
    for who in ("operator", "member1"):
        refused = caller(portal_tenant, who)
        for answer in (refused.post("/samples", WANTED), refused.get(f"/samples/{id}")):
            assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    for answer in (Caller("").post("/samples", WANTED), Caller("").get(f"/samples/{id}")):
        assert answer.status_code == 401
    assert len(told("audit.sample_asked")) == 1


def test_what_nobody_asked_for_is_not_found(ada: Caller) -> None:
    happens(1)
    row = EventRow.objects.get()
    for id in (uuid4(), row.event):
        assert ada.get(f"/samples/{id}").json()["code"] == "not_found"
    assert ada.get("/samples/none").status_code == 422
    assert ada.get("/samples").status_code == 405

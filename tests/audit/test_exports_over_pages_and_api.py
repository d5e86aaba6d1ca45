"""Exports are asked for and fetched on pages and over the API, by who may."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from approvals import people_and_roles
from audit import clock, exports
from audit.ledger.query import EventQuery
from audit.models import ExportJob
from audit.recording.actors import Actor
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.audit.browsing import browser_of, text_of
from tests.audit.calling import Caller, actor_of, caller
from tests.audit.exported_files import made, read_csv
from tests.audit.factories import ADA, MIA, OLU
from tests.support.tenant import LocalTenant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_cache")]
State = ExportJob.State


@pytest.fixture
def ada() -> Client:
    return browser_of(ADA)


def test_the_page_counts_first_and_streams_on_request(trail: None, ada: Client) -> None:
    page = text_of(ada.get("/audit/exports/new/?action=token.*"))
    assert "Export 5 events" in page
    answer = ada.post("/audit/exports/new/?action=token.*", {"format": "csv", "download": "1"})
    body = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert len(read_csv(body)) == 5
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="audit-')
    (job,) = ExportJob.objects.all()
    assert job.state == State.READY
    assert "with action token.*" in text_of(ada.get("/audit/exports/"))


def test_in_the_background_it_waits_for_the_worker(trail: None, ada: Client) -> None:
    answer = ada.post("/audit/exports/new/", {"format": "ndjson"})
    assert answer.status_code == 302
    assert "Waiting for the worker" in text_of(ada.get(answer["Location"]))
    assert exports.run_due() == 1
    page = text_of(ada.get(answer["Location"]))
    assert "SHA-256" in page and "Manifest" in page
    manifest = ada.get(f"{answer['Location']}manifest")
    assert json.loads(manifest.content)["rows"] == 12
    assert ada.head(f"{answer['Location']}download").status_code == 200


def test_what_a_page_cannot_make_is_said(trail: None, ada: Client) -> None:
    answer = ada.post("/audit/exports/new/", {"format": "pdf"}, follow=True)
    assert "no export format" in text_of(answer)
    assert not ExportJob.objects.exists()
    assert ada.get("/audit/exports/new/?outcom=x").status_code == 302


def test_exports_are_not_for_members_and_not_without_a_token(trail: None) -> None:
    job, _ = made("")
    mia = browser_of(MIA)
    for path in ("", "new/", f"{job.id}/", f"{job.id}/download", f"{job.id}/manifest"):
        assert mia.get(f"/audit/exports/{path}").status_code == 403
    assert mia.post("/audit/exports/new/", {"format": "csv"}).status_code == 403
    strict = browser_of(OLU, csrf=True)
    assert strict.post("/audit/exports/new/", {"format": "csv"}).status_code == 403
    assert strict.put("/audit/exports/new/").status_code in (403, 405)
    assert browser_of(ADA).delete(f"/audit/exports/{job.id}/").status_code == 405


type Callers = Callable[[str], Caller]


@pytest.fixture
def of(portal_tenant: LocalTenant) -> Callers:
    return lambda who: caller(portal_tenant, who)


def test_the_api_makes_waits_and_hands_out(trail: None, of: Callers) -> None:
    body = {"format": "ndjson", "filter": {"action": ["skill.*"]}}
    answer = of("auditor").post("/exports", body)
    assert answer.status_code == 202
    job = answer.json()
    assert job["status"] == "waiting" and answer["Location"] == f"/v1/audit/exports/{job['id']}"
    exports.run_due()
    ready = of("auditor").get(f"/exports/{job['id']}").json()
    assert (ready["status"], ready["rows"]) == ("ready", 7)
    file = b"".join(of("auditor").get(f"/exports/{job['id']}/download").streaming_content)
    assert hashlib.sha256(file).hexdigest() == ready["sha256"]
    manifest = of("auditor").get(f"/exports/{job['id']}/manifest").json()
    assert manifest["file"]["sha256"] == ready["sha256"]


def loses_every_role(person: Actor) -> None:
    """The directory was read since the sign-in, and lists none of our roles."""
    later = clock.now() + timedelta(minutes=1)
    people_and_roles.note_person(iss=person.iss, sub=person.sub, roles=[], read_at=later)


PARTS = ("", "/download", "/manifest")


def test_an_export_of_everybody_is_not_fetched_once_the_role_is_gone(
    trail: None, of: Callers
) -> None:
    ada = actor_of("auditor", "auditor")
    job = exports.request(ada, EventQuery.from_bar(""), "csv")
    assert of("auditor").get(f"/exports/{job.id}").status_code == 200
    browser = browser_of(ada)
    assert browser.get(f"/audit/exports/{job.id}/").status_code == 200
    loses_every_role(ada)
    for part in PARTS:
        answer = of("auditor").get(f"/exports/{job.id}{part}")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted"), part
        assert browser.get(f"/audit/exports/{job.id}{part or '/'}").status_code == 403, part
    job.refresh_from_db()
    assert job.state == State.WAITING, "nothing was written for them either"


def test_an_export_of_ones_own_events_is_fetched_whatever_the_role(
    trail: None, of: Callers
) -> None:
    ada = actor_of("auditor", "auditor")
    job = exports.request(ada, EventQuery.from_bar(""), "csv", person=ada.key)
    loses_every_role(ada)
    for part in PARTS:
        assert of("auditor").get(f"/exports/{job.id}{part}").status_code == 200, part
    other = exports.request(ada, EventQuery.from_bar(""), "csv", person=MIA.key)
    assert of("auditor").get(f"/exports/{other.id}").status_code == 403


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"format": "pdf"}, "unsupported_format", "/format"),
        ({"format": "csv", "filter": {"outcom": "x"}}, "unknown_filter", "/filter/outcom"),
        ({"format": "csv", "filter": {"outcome": 5}}, "bad_filter", "/filter/outcome"),
        ({"filter": {}}, "invalid_request", None),
    ],
)
def test_what_the_api_cannot_export_is_refused(
    trail: None, of: Callers, body: dict[str, Any], code: str, pointer: str | None
) -> None:
    answer = of("auditor").post("/exports", body)
    found = answer.json()
    assert (answer.status_code, found["code"]) == (422, code)
    assert pointer is None or found["pointer"] == pointer


def test_a_member_exports_their_own_events_and_sees_no_other_export(
    trail: None, of: Callers
) -> None:
    record(actor_of("member1"), "token.refused")
    sequencer.run_once()
    job = of("member1").post("/exports", {"format": "ndjson"}).json()
    file = b"".join(of("member1").get(f"/exports/{job['id']}/download").streaming_content)
    assert [json.loads(line)["actor"]["name"] for line in file.splitlines()] == ["Member1"]
    theirs, _ = made("")
    for path in ("", "/download", "/manifest"):
        assert of("member1").get(f"/exports/{theirs.id}{path}").status_code == 404
        assert of("member2").get(f"/exports/{job['id']}{path}").status_code == 404


def test_a_failed_or_expired_export_is_gone(trail: None, of: Callers) -> None:
    job, _ = made("")
    ExportJob.objects.filter(id=job.id).update(state=State.EXPIRED)
    answer = of("auditor").get(f"/exports/{job.id}/download")
    assert (answer.status_code, answer.json()["code"]) == (410, "gone")

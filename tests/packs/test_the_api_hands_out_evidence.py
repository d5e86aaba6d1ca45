"""`/v1/audit/…/pack` and `/v1/audit/evidence/…` with real tokens of a real local tenant."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from pytest_django import DjangoCaptureOnCommitCallbacks

from audit.evidence import storage
from audit.models import EventRow
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.audit.calling import Caller, actor_of, caller
from tests.packs.act import Act, keep, token
from tests.support.erasing import erase_person
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db
type Callers = Callable[[str], Caller]


@pytest.fixture
def of(portal_tenant: LocalTenant) -> Callers:
    return lambda who: caller(portal_tenant, who, run="evidence")


def reads() -> int:
    return EventRow.objects.filter(action="evidence.read").count()


def test_a_pack_by_the_api_is_the_same_pack_and_recorded(act: Act, of: Callers) -> None:
    answer = of("auditor").get(f"/events/{act.blocked}/pack")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    assert answer.content == act.pack().body
    assert EventRow.objects.filter(action="audit.exported").count() == 1
    assert reads() == 1


def test_a_pack_of_what_has_no_place_yet_asks_to_come_back(act: Act, of: Callers) -> None:
    event = record(actor_of("operator"), "operator.signed_in")
    answer = of("auditor").get(f"/events/{event.id}/pack")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_sequenced")
    assert answer["Retry-After"] == "1"
    sequencer.run_once()
    assert of("auditor").get(f"/events/{event.id}/pack").status_code == 200


def test_a_pack_with_tokens_takes_a_sign_in_that_is_not_old(act: Act, of: Callers) -> None:
    with time_machine.travel(time.time() + 660):
        answer = of("auditor").get(f"/events/{act.blocked}/pack")
    assert (answer.status_code, answer.json()["code"]) == (401, "fresh_sign_in_required")
    assert f"/audit/events/{act.blocked}/" in answer.json()["detail"]
    assert not EventRow.objects.filter(action="audit.exported").exists() and reads() == 0


def test_bodies_go_to_auditors_and_their_own_person(act: Act, of: Callers) -> None:
    person = actor_of("operator")
    mine = keep("assertion", b'{"mine":true}', person)
    path = f"/evidence/{mine.digest}"
    for who in ("auditor", "operator"):
        answer = of(who).get(path)
        assert (answer.status_code, answer.content) == (200, b'{"mine":true}')
    assert reads() == 2
    for who in ("admin", "member1"):
        answer = of(who).get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    unknown = of("member1").get(f"/evidence/{'0' * 64}")
    assert unknown.json()["detail"] == answer.json()["detail"], "nobody learns what is kept"
    assert reads() == 2


def test_a_live_token_and_an_erased_person_are_told_apart(
    act: Act, of: Callers, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    person = actor_of("operator")
    live = keep("id_token", token(seconds_left=600), person)
    gone = keep("assertion", b"{}", person)
    answer: Any = of("auditor").get(f"/evidence/{live.digest}")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_released")
    with django_capture_on_commit_callbacks(execute=True):
        erase_person(person.key)
    answer = of("auditor").get(f"/evidence/{gone.digest}")
    assert (answer.status_code, answer.json()["code"]) == (410, "erased")
    assert reads() == 0
    storage.forget_read()

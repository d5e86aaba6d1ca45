"""Codes of a gateway that are approved, shown or used while its outpost is being revoked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings, settings
from pytest_django.plugin import DjangoDbBlocker

from approvals.errors import Refused
from approvals.models import Approval
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from audit.sequencing import sequencer
from enforcement.models import EnrolmentCode, Outpost
from enforcement.outposts import enrolment, trust_pinned_at_enrolment
from enforcement.outposts.enrolment import Device as Said
from tests.audit.own_database import own_database
from tests.enforcement.altered_outposts import take_out
from tests.enforcement.answering import approve
from tests.enforcement.gateways import known
from tests.enforcement.outpost_device import INSTANCE, Device
from tests.support.interleaved import elsewhere, held, somebody_waits_for_a_lock

pytestmark = pytest.mark.skipif(
    "postgresql" not in str(settings.DATABASES["default"]["ENGINE"]),
    reason="SQLite lets one transaction write at a time, from its beginning",
)
THERE = Target("outpost", INSTANCE, INSTANCE)
CODES = '"enforcement_enrolmentcode"'


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


@dataclass(frozen=True)
class Requests:
    """An admin, the request to revoke the outpost that only the log has, and one to enrol."""

    amir: Actor
    revocation: Approval
    enrolment: Approval


@pytest.fixture
def requests(db: None, tmp_path: Path, settings: LazySettings) -> Iterator[Requests]:
    settings.VAR_DIR = tmp_path
    with own_database(tmp_path):
        yield now(_asked)


def _asked() -> Requests:
    known("admin2", "admin", name="Anna Admin")
    amir = known("admin", "admin", name="Amir Admin").as_actor(via="web")
    Device().enrol(amir)
    sequencer.run_once()
    take_out("deleted")
    asked = [perform(amir, f"outpost.{verb}", THERE).approval for verb in ("revoke", "enrol")]
    assert asked[0] is not None and asked[1] is not None
    return Requests(amir, *asked)  # type: ignore[arg-type]


def now(work: Callable[[], Any]) -> Any:
    return elsewhere(work).result(60)


def enrols(code: str) -> None:
    device = Device()
    facts = device.enrolment(code) | {"outpost": device.id}
    facts.pop("code")
    pins = trust_pinned_at_enrolment.current()
    enrolment.enrol(code, Said(**facts), Actor(iss="", sub="", via="api"), pins)


def shown(requests: Requests) -> str:
    return enrolment.issue(requests.amir, requests.enrolment.id).code


def outcome(asked: Approval) -> str:
    return str(now(lambda: Approval.objects.get(pk=asked.pk).outcome))


def locks_codes(sql: str) -> bool:
    return CODES in sql and "FOR UPDATE" in sql


def ends_codes(sql: str) -> bool:
    return CODES in sql and sql.startswith("DELETE")


@pytest.mark.parametrize("point", [locks_codes, ends_codes])
@pytest.mark.parametrize("meanwhile", ["approved", "shown", "used"])
def test_what_comes_of_a_code_waits_for_the_revocation(
    requests: Requests, point: Callable[[str], bool], meanwhile: str
) -> None:
    given = ""
    if meanwhile != "approved":
        now(lambda: approve(requests.enrolment))
    if meanwhile == "used":
        given = now(lambda: shown(requests))
    work: dict[str, Callable[[], Any]] = {
        "approved": lambda: approve(requests.enrolment),
        "shown": lambda: shown(requests),
        "used": lambda: enrols(given),
    }
    with held(lambda: approve(requests.revocation), after=point) as revocation:
        other = elsewhere(work[meanwhile])
        now(somebody_waits_for_a_lock)
        assert not other.done()
        revocation.goes_on()
    assert outcome(requests.revocation) == "approved"
    if meanwhile == "approved":
        other.result(60)  # it was approved after the revocation, and counts
        now(lambda: enrols(shown(requests)))
        assert now(Outpost.objects.count) == 1
        return
    with pytest.raises(Refused):
        other.result(60)
    assert now(Outpost.objects.count) == 0
    assert now(EnrolmentCode.objects.filter(used_at=None).count) == 0


@pytest.mark.parametrize("meanwhile", ["shown", "used"])
def test_a_revocation_waits_for_what_comes_of_a_code(requests: Requests, meanwhile: str) -> None:
    now(lambda: approve(requests.enrolment))
    given = now(lambda: shown(requests)) if meanwhile == "used" else ""
    work = (lambda: enrols(given)) if given else (lambda: shown(requests))
    point = locks_codes if given else lambda sql: CODES in sql and sql.startswith("UPDATE")
    with held(work, after=point) as other:
        revocation = elsewhere(lambda: approve(requests.revocation))
        now(somebody_waits_for_a_lock)
        assert not revocation.done()
        code = other.goes_on()
    revocation.result(60)
    if given:
        assert outcome(requests.revocation) == "failed"
        assert now(Outpost.objects.filter(revoked_at=None).count) == 1
        return
    assert outcome(requests.revocation) == "approved"
    with pytest.raises(Refused):
        now(lambda: enrols(code))

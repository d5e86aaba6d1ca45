"""A fleet code ends for good once the person who asked for it is no admin any more."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings

from approvals import clock
from approvals.models import Approval, Status
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.decisions import fleet_codes
from enforcement.models import EnrolmentCode
from enforcement.outposts import enrolment
from tests.enforcement.answering import approve
from tests.enforcement.gateways import known, sentences
from tests.enforcement.test_outposts_enrol_by_fleet_codes import (
    REFUSED,
    ask,
    bounds,
    end,
    fleet_code,
    problems,
    tries,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def var_dir(tmp_path: Path, settings: LazySettings) -> None:
    settings.VAR_DIR = tmp_path


@pytest.fixture
def amir(db: None) -> Actor:
    known("admin2", "admin", name="Anna Admin")
    return known("admin", "admin", name="Amir Admin").as_actor(via="web")


def loses_role_and_gets_it_back() -> None:
    known("admin", "viewer", name="Amir Admin")
    fleet_codes.end_without_admin()
    known("admin", "admin", name="Amir Admin")


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_code_does_not_count_again_when_its_requester_is_admin_again(
    amir: Actor, is_shown: bool
) -> None:
    asked = approve(ask(amir))
    given = enrolment.issue(amir, asked.id).code if is_shown else ""
    row = dict(EnrolmentCode.objects.values().get())
    loses_role_and_gets_it_back()
    assert fleet_codes.list_open() == [] and not EnrolmentCode.objects.exists()
    EnrolmentCode(**row).save(force_insert=True)  # somebody puts the row back
    assert enrolment.may_be_issued(amir, asked.id) is None
    assert not given or tries(given, "build-1") == REFUSED
    assert sentences("outpost.suspended") == [
        "The fleet code for hosts named build-* ended: its requester is no longer an admin"
    ]
    assert problems() == []
    assert tries(fleet_code(amir, bounds(5)), "build-1") == "enrolled"  # approved since


def test_the_code_of_another_admin_and_waiting_requests_go_on(amir: Actor) -> None:
    anna = known("admin2", "admin", name="Anna Admin").as_actor(via="web")
    given, other = fleet_code(amir), fleet_code(anna, bounds(3))
    waiting = ask(anna, bounds(4))
    loses_role_and_gets_it_back()
    waiting.refresh_from_db()
    assert waiting.status == Status.PENDING
    assert tries(given, "build-1") == REFUSED
    assert tries(other, "build-1") == "enrolled"
    assert [one.right.uses for one in fleet_codes.list_open()] == [3]
    end(anna)
    assert tries(other, "build-2") == REFUSED


def test_outposts_that_enrolled_stay_and_nothing_is_recorded_twice(amir: Actor) -> None:
    given = fleet_code(amir)
    assert tries(given, "build-1") == "enrolled"
    loses_role_and_gets_it_back()
    fleet_codes.end_without_admin()
    assert len(sentences("outpost.suspended")) == 1
    assert problems() == []


def test_a_code_of_an_admin_and_of_one_gateway_is_not_ended(amir: Actor) -> None:
    given = fleet_code(amir)
    single = perform(amir, "outpost.enrol", Target("outpost", "edge-1")).approval
    assert isinstance(single, Approval)
    approve(single)
    fleet_codes.end_without_admin()
    assert EnrolmentCode.objects.count() == 2
    assert tries(given, "build-1") == "enrolled"


def test_an_expired_code_needs_no_end(amir: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet_code(amir, bounds(days=1))
    known("admin", "viewer", name="Amir Admin")
    later = clock.now() + timedelta(days=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    fleet_codes.end_without_admin()
    assert sentences("outpost.suspended") == []

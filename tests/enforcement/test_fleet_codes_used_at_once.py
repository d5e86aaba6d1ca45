"""Devices that send one fleet code in the same moment, and one that sends it while it is ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings, settings
from pytest_django.plugin import DjangoDbBlocker

from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.models import EnrolmentCode, Outpost
from enforcement.outposts import enrolment, trust_pinned_at_enrolment
from enforcement.outposts.enrolment import Device as Said
from tests.audit.own_database import own_database
from tests.enforcement.answering import approve
from tests.enforcement.gateways import known
from tests.enforcement.outpost_device import Device, code_of
from tests.enforcement.test_outposts_enrol_by_fleet_codes import bounds, fleet_code
from tests.support.interleaved import elsewhere, held, somebody_waits_for_a_lock

pytestmark = pytest.mark.skipif(
    "postgresql" not in str(settings.DATABASES["default"]["ENGINE"]),
    reason="SQLite lets one transaction write at a time, from its beginning",
)
CODES = '"enforcement_enrolmentcode"'
BUILD = Target("outpost", "build-*")


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def amir(db: None, tmp_path: Path, settings: LazySettings) -> Iterator[Actor]:
    settings.VAR_DIR = tmp_path
    with own_database(tmp_path):
        yield now(_admins)


def _admins() -> Actor:
    known("admin2", "admin", name="Anna Admin")
    return known("admin", "admin", name="Amir Admin").as_actor(via="web")


def now(work: Callable[[], Any]) -> Any:
    return elsewhere(work).result(60)


def enrols(given: str, instance: str) -> None:
    device = Device(instance=instance)
    facts = device.enrolment(given) | {"outpost": device.id}
    facts.pop("code")
    pins = trust_pinned_at_enrolment.current()
    enrolment.enrol(given, Said(**facts), Actor(iss="", sub="", via="api"), pins)


def has_locked(sql: str) -> bool:
    """The lock of the row that has the code, not those of the gateway's name."""
    return CODES in sql and "FOR UPDATE" in sql and '"digest" = ' in sql


def names() -> list[str]:
    return list(Outpost.objects.order_by("instance").values_list("instance", flat=True))


@pytest.mark.parametrize("other", ["build-2", "build-1"])
@pytest.mark.parametrize("point", ["locked", "enrolled"])
def test_of_two_devices_for_the_last_use_one_is_enrolled(
    amir: Actor, other: str, point: str
) -> None:
    given = now(lambda: fleet_code(amir, bounds(1 if other == "build-2" else 2)))

    def after(sql: str) -> bool:
        if point == "locked":
            return has_locked(sql)
        return sql.startswith("INSERT") and '"enforcement_outpost"' in sql

    with held(lambda: enrols(given, "build-1"), after=after) as first:
        second = elsewhere(lambda: enrols(given, other))
        now(somebody_waits_for_a_lock)
        assert not second.done()
        first.goes_on()
    with pytest.raises(Refused):
        second.result(60)
    assert now(names) == ["build-1"]


def test_two_fleets_enrol_one_outpost_at_a_name_that_both_match(amir: Actor) -> None:
    wide = now(lambda: fleet_code(amir))
    narrow = now(lambda: fleet_code(amir, target=Target("outpost", "build-arm-*")))
    inserts: Callable[[str], bool] = lambda sql: (  # noqa: E731
        sql.startswith("INSERT") and '"enforcement_outpost"' in sql
    )
    with held(lambda: enrols(wide, "build-arm-1"), after=inserts) as first:
        second = elsewhere(lambda: enrols(narrow, "build-arm-1"))
        now(somebody_waits_for_a_lock)
        first.goes_on()
    with pytest.raises(Refused):
        second.result(60)
    assert now(names) == ["build-arm-1"]


def test_a_code_of_one_gateway_and_one_of_a_fleet_do_not_wait_for_each_other_forever(
    amir: Actor,
) -> None:
    fleet = now(lambda: fleet_code(amir))
    single = now(lambda: code_of(amir, "build-1"))
    with held(lambda: enrols(fleet, "build-1"), after=has_locked) as first:
        second = elsewhere(lambda: enrols(single, "build-1"))
        now(somebody_waits_for_a_lock)
        first.goes_on()
    with pytest.raises(Refused):
        second.result(60)
    assert now(names) == ["build-1"]


def test_an_end_waits_for_a_use_and_nothing_enrols_after_it(amir: Actor) -> None:
    given = now(lambda: fleet_code(amir))
    with held(lambda: enrols(given, "build-1"), after=has_locked) as first:
        ends = elsewhere(lambda: perform(amir, "outpost.suspend", BUILD))
        now(somebody_waits_for_a_lock)
        assert not ends.done()
        first.goes_on()
    ends.result(60)
    with pytest.raises(Refused):
        now(lambda: enrols(given, "build-2"))
    assert now(names) == ["build-1"]


def test_a_use_waits_for_an_end_and_is_refused(amir: Actor) -> None:
    given = now(lambda: fleet_code(amir))
    locks: Callable[[str], bool] = lambda sql: CODES in sql and "FOR UPDATE" in sql  # noqa: E731
    with held(lambda: perform(amir, "outpost.suspend", BUILD), after=locks) as ends:
        use = elsewhere(lambda: enrols(given, "build-1"))
        now(somebody_waits_for_a_lock)
        assert not use.done()
        ends.goes_on()
    with pytest.raises(Refused):
        use.result(60)
    assert now(names) == [] and now(EnrolmentCode.objects.count) == 0


def test_a_revocation_and_a_use_at_the_same_name_do_not_block_each_other(amir: Actor) -> None:
    given = now(lambda: fleet_code(amir))
    now(lambda: Device(instance="build-1").enrol(amir))
    asked = now(lambda: perform(amir, "outpost.revoke", Target("outpost", "build-1"))).approval
    assert asked is not None
    ends_codes: Callable[[str], bool] = lambda sql: (  # noqa: E731
        CODES in sql and sql.startswith("DELETE")
    )
    with held(lambda: approve(asked), after=ends_codes) as revocation:
        with pytest.raises(Refused):
            now(lambda: enrols(given, "build-1"))  # it still has its outpost
        revocation.goes_on()
    with pytest.raises(Refused):
        now(lambda: enrols(given, "build-1"))  # revoked since the code was approved
    later = now(lambda: fleet_code(amir, bounds(5)))
    now(lambda: enrols(later, "build-1"))
    assert now(names) == ["build-1", "build-1"]

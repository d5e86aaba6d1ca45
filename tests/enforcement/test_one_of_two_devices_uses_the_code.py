"""Two devices send the same enrolment code in the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.conf import LazySettings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from approvals import clock
from approvals.errors import Refused
from audit.clock import uuid7
from audit.recording.actors import Actor
from enforcement.models import EnrolmentCode, Outpost
from enforcement.outposts import enrolment, sealed_rows, trust_pinned_at_enrolment
from enforcement.outposts.enrolment import Device as Said
from tests.audit.own_database import own_database
from tests.enforcement.outpost_device import Device

pytestmark = pytest.mark.django_db
ROUNDS = 8


@pytest.fixture
def _django_db_helper(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """No transaction around the test: its threads commit."""
    with django_db_blocker.unblock():
        yield


def begin(code: str, instance: str) -> None:
    right = EnrolmentCode(
        approval=uuid7(),
        operation=str(uuid7()),
        instance=instance,
        decided_at=clock.now(),
        digest=enrolment.digest_of(code),
        expires_at=clock.now() + enrolment.GOOD_FOR,
    )
    right.seal = sealed_rows.seal(right)
    right.save(force_insert=True)


def enrols(code: str, instance: str, gate: Barrier) -> str:
    device = Device(instance=instance)
    facts = device.enrolment(code) | {"outpost": device.id}
    facts.pop("code")
    connection.ensure_connection()
    gate.wait()
    try:
        enrolment.enrol(
            code,
            Said(**facts),
            Actor(iss="", sub="", via="api"),
            trust_pinned_at_enrolment.current(),
        )
    except Refused as refused:
        return refused.code
    finally:
        connection.close()
    return "enrolled"


def enrolled() -> int:
    try:
        return Outpost.objects.count()
    finally:
        connection.close()


def test_one_of_two_that_send_a_code_at_once_is_enrolled(
    tmp_path: Path, settings: LazySettings
) -> None:
    settings.VAR_DIR = tmp_path
    with own_database(tmp_path), ThreadPoolExecutor(2) as threads:
        for number in range(ROUNDS):
            code, instance, gate = f"ABCD-{number}", f"edge-{number}", Barrier(2, timeout=60)
            threads.submit(begin, code, instance).result(60)
            both = [threads.submit(enrols, code, instance, gate) for _ in range(2)]
            assert sorted(one.result(60) for one in both) == ["enrolled", "enrolment_refused"]
        assert threads.submit(enrolled).result(60) == ROUNDS


def test_of_two_devices_with_a_code_each_for_one_gateway_one_is_enrolled(
    tmp_path: Path, settings: LazySettings
) -> None:
    settings.VAR_DIR = tmp_path
    with own_database(tmp_path), ThreadPoolExecutor(2) as threads:
        for number in range(ROUNDS):
            codes, instance = [f"ABCD-{number}", f"EFGH-{number}"], f"edge-{number}"
            for code in codes:
                threads.submit(begin, code, instance).result(60)
            gate = Barrier(2, timeout=60)
            both = [threads.submit(enrols, code, instance, gate) for code in codes]
            assert sorted(one.result(60) for one in both) == ["enrolled", "enrolment_refused"]
        assert threads.submit(enrolled).result(60) == ROUNDS

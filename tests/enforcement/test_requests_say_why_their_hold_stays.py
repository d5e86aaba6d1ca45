"""The page of a request whose hold stays, and the list of requests, say why and what ends it."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.test import Client

from accounts.models import SignedInSession
from approvals.models import Approval
from approvals.pipeline import deny_expire_cancel, locks
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from tests.enforcement.answering import deny, expire
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Town, known
from tests.enforcement.outpost_device import Device
from tests.enforcement.test_an_outpost_gets_signed_commands import EDGE, SKILL

pytestmark = pytest.mark.django_db
SIGNED = "Only a denial that is signed with a passkey ends it at a gateway with an outpost."
RELEASE = "A release that is approved ends it."


@pytest.fixture
def device(town: Town, olu: Actor) -> Device:
    """The outpost of edge-1."""
    known("admin2", "admin", name="Anna Admin")
    return Device(instance=EDGE).enrol(known("admin", "admin").as_actor(via="web"))


def held(olu: Actor, target: Target = SKILL) -> Approval:
    asked = perform(olu, "skill.block", target, reason="a mistake", severity="CRITICAL").approval
    assert asked is not None and asked.held
    return asked


def cancel(asked: Approval, actor: Actor) -> None:
    with transaction.atomic():
        deny_expire_cancel.cancel(locks.locked(asked.pk), actor)


@pytest.fixture
def web(olu: Actor) -> Client:
    return browser("operator2", "operator", name="Oona Operator")


def pages(web: Client, asked: Approval) -> list[str]:
    """The page of a request, and the list of requests."""
    found = [web.get(path) for path in (f"/approvals/{asked.pk}/", "/approvals/")]
    return [html.unescape(one.content.decode()) for one in found]


def test_after_a_denial_by_phone_at_an_outpost(device: Device, olu: Actor, web: Client) -> None:
    asked = held(olu)
    deny(asked)
    asked.refresh_from_db()
    until = deny_expire_cancel.signed_denial_until(asked)
    for page in pages(web, asked):
        assert f"{SIGNED} Who denied it can sign that on its page until {until:%H:%M} UTC" in page
    SignedInSession.objects.all().delete()
    with time_machine.travel(until + timedelta(seconds=1), tick=False):
        later = browser("operator2", "operator", name="Oona Operator")
        for page in pages(later, asked):
            assert f"{SIGNED} {RELEASE}" in page


@pytest.mark.parametrize("how", ["withdrawn", "unanswered"])
def test_after_a_request_that_nobody_denied_at_an_outpost(
    device: Device, olu: Actor, web: Client, how: str
) -> None:
    asked = held(olu)
    Approval.objects.filter(pk=asked.pk).update(
        rule=asked.rule | {"on_expiry": "release", "escalate": False}
    )
    if how == "withdrawn":
        cancel(asked, olu)
    else:
        expire(asked)
    for page in pages(web, asked):
        assert f"{SIGNED} {RELEASE}" in page


def test_where_the_policy_keeps_it(town: Town, olu: Actor, web: Client) -> None:
    asked = held(olu)
    Approval.objects.filter(pk=asked.pk).update(rule=asked.rule | {"on_denial": "keep_hold"})
    deny(asked)
    for page in pages(web, asked):
        assert f"The policy keeps it after a denial. {RELEASE}" in page


def test_where_no_one_answers_and_the_policy_keeps_it(town: Town, olu: Actor, web: Client) -> None:
    asked = held(olu)
    Approval.objects.filter(pk=asked.pk).update(rule=asked.rule | {"escalate": False})
    expire(asked)
    for page in pages(web, asked):
        assert f"The policy keeps it where no one answers. {RELEASE}" in page


def test_an_outpost_that_enrolled_after_the_request_counts_on_its_page(
    town: Town, olu: Actor, web: Client
) -> None:
    asked = held(olu)
    assert not asked.rule.get("signed_denial")
    known("admin2", "admin", name="Anna Admin")
    Device(instance=EDGE).enrol(known("admin", "admin").as_actor(via="web"))
    deny(asked)
    assert SIGNED in pages(web, asked)[0]


def test_no_reason_where_the_hold_ended(town: Town, olu: Actor, web: Client) -> None:
    asked = held(olu)
    deny(asked)
    for page in pages(web, asked):
        assert RELEASE not in page and SIGNED not in page

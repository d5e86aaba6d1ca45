"""Whoever proves nothing causes at most twenty events a minute, by whatever way."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client

from accounts import access_refusal_events, anonymous_events
from approvals import clock
from audit.models import Event
from audit.recording.actors import Actor
from tests.attacks.sign_in.doors import doors
from tests.attacks.sign_in.test_no_door_is_left_open import ASKS_THE_ISSUER, FOR_STRANGERS
from tests.attacks.sign_in.visiting import HOST

ROOT: Final = Path(__file__).parents[3]
PAGES: Final = (
    "accounts",
    "api",
    "portal",
    "ui",
    *(
        f"{app}/{part}"
        for app in ("approvals", "audit", "connections", "enforcement")
        for part in ("api", "views")
    ),
)
TWENTY: Final = 20  # `strangers.MOST`, which the product had not before
FORGED: Final = {"Authorization": "Bearer x"}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_was_here() -> None:
    cache.delete("strangers.left_out")


def _ask(path: str, number: int) -> None:
    browser = Client(raise_request_exception=False)
    more: dict[str, Any] = {"HTTP_HOST": HOST, "REMOTE_ADDR": f"10.{number}.0.1"}
    if "/ingest/" not in path:
        browser.get(path, **more)
    browser.post(path, {"logout_token": "x", "name": "x", "secret": "y", "code": "1"}, **more)
    if path.startswith("/v1/"):
        browser.post(path, {}, content_type="application/json", headers=FORGED, **more)


def test_all_routes_for_strangers_fifty_times_cause_twenty_events(settings: Any) -> None:
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_LOG_STREAM_TOKEN": "t" * 40})
    asking = ASKS_THE_ISSUER - {"oidc/backchannel-logout/"}  # these wait for it, and record less
    paths = {door.path for door in doors() if door.pattern in FOR_STRANGERS - asking}
    recording = {"/oidc/authenticate/?again=1", "/oidc/callback/?code=x&state=y"}
    recording |= {"/oidc/callback/?error=x&state=y", "/v1/ingest/auth0-logs"}
    with time_machine.travel(clock.now(), tick=False):
        for number in range(50):
            for path in sorted(recording if number else recording | paths):
                _ask(path, number)
    assert Event.objects.count() == TWENTY


def test_a_bad_token_at_every_route_from_every_address_causes_twenty_events() -> None:
    with time_machine.travel(clock.now(), tick=False):
        for number, door in enumerate(doors()):
            nobody = Actor(iss="", sub="", via="api", ip=f"10.0.0.{number % 250}")
            access_refusal_events.note(
                access_refusal_events.Refusal(nobody, None, "token_refused", "", f"GET {door}", 401)
            )
    assert Event.objects.count() == anonymous_events.MOST


def test_the_bound_is_the_one_that_is_documented() -> None:
    assert anonymous_events.MOST == TWENTY


def test_what_was_left_out_is_counted_on_the_next_event() -> None:
    start = clock.now()
    nobody = Actor(iss="", sub="", via="web")
    with time_machine.travel(start, tick=False) as traveller:
        for _ in range(100):
            anonymous_events.record_anonymous(nobody, "operator.sign_in_failed", data={"code": "x"})
        traveller.move_to(start + anonymous_events.WITHIN - timedelta(seconds=1))
        assert not anonymous_events.record_anonymous(
            nobody, "operator.sign_in_failed", data={"code": "x"}
        )
        traveller.move_to(start + anonymous_events.WITHIN)
        assert anonymous_events.record_anonymous(
            nobody, "operator.sign_in_failed", data={"code": "x"}
        )
    entries = [bytes(one.entry) for one in Event.objects.order_by("recorded_at")]
    assert len(entries) == anonymous_events.MOST + 1
    assert b'"left_out":82' in entries[-1]


def test_nothing_else_records_for_somebody_without_identity() -> None:
    """`Actor(iss="", sub="")` in a page or an endpoint is only given to `record_anonymous`."""
    found = {
        str(path.relative_to(ROOT))
        for path in sorted(path for part in PAGES for path in (ROOT / part).rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Actor"
        if {k.arg for k in call.keywords if getattr(k.value, "value", None) == ""} >= {"iss", "sub"}
    }
    assert found == {
        "accounts/views/break_glass.py",
        "accounts/sign_in_errors.py",
        "accounts/access_refusal_events.py",
        "enforcement/api/outpost_request_proof.py",  # a device, after its code or key counted
    }

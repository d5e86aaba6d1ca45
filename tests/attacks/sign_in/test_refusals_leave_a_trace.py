"""What a door refuses is on the trail: once, without what the caller wrote, never as a flood."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client

from accounts import access_refusal_events, anonymous_events, expired_row_cleanup
from accounts.models import SeenRefusal, SignedInSession
from approvals import clock
from audit.evidence import human_levels
from audit.models import Event
from audit.recording import action_registry
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.people_of import acting
from tests.attacks.sign_in.provider import Provider
from tests.audit.browsing import browser_of

FLEET = "/enforcement/fleet/"
AT = "GET /enforcement/fleet/"


@pytest.fixture(autouse=True)
def _own_ground(provider: Provider, settings: Any) -> None:
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def mia() -> Actor:
    """A member: no role."""
    return acting("member1")


def told() -> list[dict[str, Any]]:
    """What is on the trail about refusals."""
    return events("access.refused")


def test_a_page_of_another_role_is_told_once_in_ten_minutes(mia: Actor) -> None:
    start = clock.now()
    with time_machine.travel(start, tick=False) as traveller:
        browser = browser_of(mia)
        for _ in range(5):
            assert browser.get(FLEET).status_code == 403
        [said] = told()
        assert (said["actor"]["sub"], said["target"]["name"]) == (mia.sub, AT)
        assert (said["outcome"], said["severity"]) == ("denied", "MEDIUM")
        assert said["data"] | {"ip": ""} == {
            "code": "not_permitted", "status": 403, "at_least": 1, "within_s": 600, "ip": "",
        }  # fmt: skip
        assert action_registry.sentence(said) == (
            f"Mia Member was refused at {AT}: not permitted for this role or account"
        )
        traveller.move_to(start + access_refusal_events.QUIET - timedelta(seconds=1))
        browser.get(FLEET)
        assert len(told()) == 1
        traveller.move_to(start + access_refusal_events.QUIET)
        browser.get(FLEET)
        browser_of(acting("admin", "auditor")).get("/enforcement/queue/")
        assert [e["actor"]["sub"] for e in told()] == [mia.sub] * 2
        expired_row_cleanup.tidy(clock.now() + access_refusal_events.QUIET + timedelta(seconds=1))
        assert not SeenRefusal.objects.exists()


def test_nothing_that_the_caller_wrote_stands_in_it(mia: Actor) -> None:
    secret, target = "token-of-somebody-4711", uuid4()
    tries: tuple[Callable[[], Any], ...] = (
        lambda: Client().get("/v1/whoami", headers={"Authorization": f"Bearer {secret}"}),
        lambda: Client().post(
            f"/v1/approvals/{target}/cancel?key={secret}",
            {"reason": secret},
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}", "User-Agent": secret},
        ),
        lambda: browser_of(mia, csrf=True).post(
            f"/approvals/{target}/cancel/?key={secret}",
            {"reason": secret},
            headers={"Origin": f"https://{secret}.example"},
        ),
    )
    for sent in tries:
        assert sent().status_code in {401, 403}
    assert len(told()) == 3
    everything = json.dumps(told())
    assert secret not in everything and str(target) not in everything
    for event in Event.objects.all():
        assert b"127.0.0.1" not in bytes(event.entry), "an address is a commitment in the entry"
    assert {e["data"]["ip"] for e in told()} == {"127.0.0.1"}


def test_a_form_of_another_site_names_whose_session_it_was_and_not_who_sent_it(mia: Actor) -> None:
    browser_of(mia, csrf=True).post("/account/sessions/end-others/")
    [said] = told()
    assert said["actor"]["sub"] == "" and said["on_behalf_of"]["sub"] == mia.sub
    assert human_levels.explain(said).code == "H0"
    assert action_registry.sentence(said) == (
        "Someone was refused at POST /account/sessions/end-others/, in the session of Mia Member: "
        "a form without its token, as another site would send it"
    )


def test_an_act_in_a_session_that_is_not_fresh_is_told_and_a_look_is_not(mia: Actor) -> None:
    browser = browser_of(mia)
    SignedInSession.objects.update(amr=["pwd"])
    assert browser.get("/account/passkeys/new/").status_code == 302
    assert not told()
    assert browser.post("/account/passkeys/new/").status_code == 401
    [said] = told()
    assert (said["actor"]["sub"], said["data"]["code"]) == (mia.sub, "fresh_sign_in_required")


@pytest.mark.parametrize(
    "sent",
    [
        lambda: Client(enforce_csrf_checks=True).post("/account/sessions/end-others/"),
        lambda: Client().post("/account/sessions/end-others/"),
        lambda: Client().get("/v1/whoami"),
        lambda: Client().post("/v1/decisions", {}, content_type="application/json"),
        lambda: Client().get("/v1/nowhere", headers={"Authorization": "Bearer x"}),
    ],
    ids=["a form", "a form with its token", "a look", "an act", "an address that is none"],
)
def test_who_proves_nothing_and_shows_nothing_leaves_nothing(sent: Callable[[], Any]) -> None:
    assert sent().status_code in {302, 401, 403, 404}
    assert not told()


def test_a_crowd_of_strangers_fills_twenty_lines_a_minute() -> None:
    start = clock.now().replace(microsecond=0)
    with time_machine.travel(start, tick=False) as traveller:

        def crowd(number: int) -> None:
            for at in range(number):
                Client().get(
                    "/v1/whoami",
                    headers={"Authorization": "Bearer x"},
                    REMOTE_ADDR=f"10.{at % 250}.0.1",
                )

        crowd(60)
        most, within = anonymous_events.MOST, anonymous_events.WITHIN
        assert [e["data"]["code"] for e in told()] == ["token_refused"] * (most - 1) + ["many"]
        assert "was refused repeatedly" in action_registry.sentence(told()[-1])
        traveller.move_to(start + within)
        crowd(60)
        codes = [e["data"]["code"] for e in told()]
        assert codes.count("many") == 2 and len(codes) == 2 * most
        assert [e["data"].get("left_out", 0) for e in told()][most] == 60 - most + 1 + most - 1


def test_one_person_fills_thirty_lines_and_one_more_and_hides_nobody_else(mia: Actor) -> None:
    most, within = access_refusal_events.ONE_PERSON
    for number in range(most + 5):
        access_refusal_events.note(
            access_refusal_events.Refusal(
                mia, None, "not_permitted", "", f"POST /page-{number}/", 403
            )
        )
    assert len(told()) == most + 1 and told()[-1]["data"]["code"] == "many"
    browser_of(acting("auditor", "auditor")).post("/connections/reviews/new/")
    assert told()[-1]["data"]["code"] == "not_permitted"
    Client().get("/v1/whoami", headers={"Authorization": "Bearer x"})
    assert told()[-1]["data"]["code"] == "token_refused"
    assert within == access_refusal_events.QUIET


def test_of_several_workers_that_refuse_the_same_one_tells(mia: Actor) -> None:
    """Whoever looked before the other wrote finds the row taken."""
    now = clock.now()
    assert access_refusal_events._first("what", "who", now, access_refusal_events.QUIET)
    assert not access_refusal_events._first("what", "who", now, access_refusal_events.QUIET)
    assert access_refusal_events._first(
        "what", "who", now + access_refusal_events.QUIET, access_refusal_events.QUIET
    )
    assert not access_refusal_events._first(
        "what", "who", now + access_refusal_events.QUIET, access_refusal_events.QUIET
    )


def test_where_nothing_can_be_stored_it_is_refused_all_the_same(
    mia: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    browser = browser_of(mia)

    def full(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT"):
            raise OSError(28, "No space left on device")
        return execute(sql, *rest)

    with connection.execute_wrapper(full):
        assert browser.get(FLEET).status_code == 403
    assert not told()
    assert "refused and not recorded" in caplog.text
    browser.get(FLEET)
    assert len(told()) == 1, "the next one is told"

"""What `/v1/whoami` says of the sign-in of a command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from accounts.models import CommandLineSignIn
from approvals import auth0_clients, clock, people_and_roles
from approvals.models import Person
from approvals.pipeline.service import perform
from audit import clock as audit_clock
from audit.recording.actors import Actor, Target
from auth0_client.grants.device import Granted
from connections.sync import people_roles_and_enrolments
from tests.approvals.test_roles_come_from_the_newest_source import Directory
from tests.connections.visitor import Gateway, Visitor, know
from tests.support.sign_in import API, SUBS
from tests.support.tenant import LocalTenant


@pytest.fixture
def granted(portal_tenant: LocalTenant, visitor: Callable[[str], Visitor]) -> Any:
    """Tokens of a real device flow of an operator."""
    know("operator")
    device = auth0_clients.auth0().device
    started = device.start(scope="openid profile offline_access", audience=API)
    browser = portal_tenant.browser()
    page = browser.sign_in(browser.get(started.verification_uri_complete or ""), SUBS["operator"])
    browser.submit(page, action="confirm")
    browser.http.close()
    done = device.poll(started.device_code)
    assert isinstance(done, Granted)
    return done.tokens


def assurance(token: str) -> Any:
    answer = Gateway(token).call("GET", "/v1/whoami")
    assert answer.status_code == 200, answer.content
    return answer.json()["assurance"]


def test_without_a_kept_sign_in_nothing_is_claimed(granted: Any) -> None:
    said = assurance(granted.access_token)
    assert said["signed_in_at"] is None and said["signed_in_said"] is False and said["amr"] == []
    assert said["step_up"] == ["phone"]


def test_the_kept_sign_in_says_when_and_with_what(granted: Any) -> None:
    kept = Gateway(granted.access_token).call("POST", "/v1/session", {"id_token": granted.id_token})
    assert kept.status_code == 200, kept.content
    row = CommandLineSignIn.objects.get()
    said = assurance(granted.access_token)
    assert said == kept.json()["assurance"]
    assert said["signed_in_at"] == row.auth_time.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert said["amr"] == row.amr and said["signed_in_said"] == row.auth_time_said


def test_a_person_without_a_phone_cannot_be_asked_by_phone(granted: Any) -> None:
    Person.objects.filter(iss=settings.ENV.issuer, sub=SUBS["operator"]).update(phone=False)
    assert assurance(granted.access_token)["step_up"] == []


def test_a_kept_sign_in_does_not_restore_a_role_that_the_directory_took(
    granted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Role removed at Auth0, the directory read it; the tokens of before still say operator."""
    who: Any = {"iss": settings.ENV.issuer, "sub": SUBS["operator"]}
    monkeypatch.setattr(auth0_clients, "management", lambda: Directory(SUBS["operator"]))
    people_roles_and_enrolments.sync_people()
    gateway = Gateway(granted.access_token)
    kept = gateway.call("POST", "/v1/session", {"id_token": granted.id_token})
    assert kept.status_code == 200, kept.content
    assert Person.objects.get(**who).roles == []
    assert (
        people_and_roles.roster(roles=["operator"], approver="another", requester=Actor("x", "y"))
        == []
    )
    assert kept.json()["roles"] == [], "and the access token gives none either"
    decision = {"verb": "skill.hold", "target": {"kind": "skill", "name": "pdf"}, "reason": "x"}
    refused = gateway.call("POST", "/v1/decisions", decision)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")


def test_no_token_gives_a_role_after_the_end_of_the_persons_access(
    granted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens of before and their refreshed ones still claim it; the command line is signed in."""
    know("admin")
    decision = {"verb": "skill.hold", "target": {"kind": "skill", "name": "pdf"}, "reason": "x"}
    gateway = Gateway(granted.access_token)
    assert gateway.call("GET", "/v1/whoami").json()["roles"] == ["operator"]
    amir = people_and_roles.find(settings.ENV.issuer, SUBS["admin"])
    assert amir is not None
    operator = Person.objects.filter(sub=SUBS["operator"])
    operator.update(roles=["auditor"])  # who alone gets an end
    perform(
        replace(amir.as_actor("web"), fresh=True),
        "person.set_access_end",
        Target("person", SUBS["operator"]),
        params={"last_day": clock.now().date().isoformat()},
        reason="the audit is over",
    )
    operator.update(roles=["operator"])
    seen = gateway.call("GET", "/v1/audit/events").content.decode()
    assert "person.access_end_set" in seen
    later = clock.now() + timedelta(days=1)
    for one in (clock, audit_clock):
        monkeypatch.setattr(one, "now", lambda: later)
    assert gateway.call("GET", "/v1/whoami").json()["roles"] == []
    assert gateway.call("GET", "/v1/findings").status_code == 403
    own = gateway.call("GET", "/v1/audit/events").content.decode()
    assert "person.access_end_set" not in own, "members list what is their own"
    refused = gateway.call("POST", "/v1/decisions", decision)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    kept = gateway.call("POST", "/v1/session", {"id_token": granted.id_token})
    assert kept.json()["roles"] == []


def test_a_kept_sign_in_gives_the_role_that_it_has(granted: Any) -> None:
    who: Any = {"iss": settings.ENV.issuer, "sub": SUBS["operator"]}
    people_and_roles.note_person(**who, roles=[], read_at=clock.now() - timedelta(hours=1))
    Gateway(granted.access_token).call("POST", "/v1/session", {"id_token": granted.id_token})
    assert Person.objects.get(**who).roles == ["operator"]

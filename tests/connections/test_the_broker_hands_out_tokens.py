"""The broker over the real API and a real tenant: one exchange, one event, nothing kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import httpx
import pytest

from accounts.models import SignedInSession
from audit.models import Event, EventRow
from connections.component_manifests import enforcement_decision_hook, manifest_store
from connections.models import ConnectedAccount, State, Use
from tests.connections.tables import everything_stored
from tests.connections.visitor import Gateway, subject
from tests.support.pages import signed_in
from tests.support.tenant import LocalTenant

type Gateways = Callable[[str], Gateway]


def last(action: str) -> EventRow:
    return EventRow.objects.filter(action=action).order_by("-time")[0]


def account(who: str, connection: str = "github") -> ConnectedAccount:
    return ConnectedAccount.objects.get(sub=subject(who), connection=connection)


def test_a_declared_component_gets_the_provider_token_and_the_provider_takes_it(
    gateway: Gateways, github_mcp: manifest_store.Declaration, portal_tenant: LocalTenant
) -> None:
    answer = gateway("operator").exchange(scopes="read:user repo")
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert set(body) == {
        "access_token", "token_type", "expires_in", "scope", "connection", "event_id",
    }  # fmt: skip
    assert answer["Cache-Control"] == "no-store"
    assert body["scope"] == "read:user repo"
    assert body["expires_in"] > 0
    told = httpx.get(
        f"{portal_tenant.url}/providers/github/user",
        headers={"Authorization": f"Bearer {body['access_token']}"},
    )
    assert told.json()["login"] == "octo-ops"
    row = last("token.exchanged")
    assert str(row.event) == body["event_id"]
    assert row.sentence == (
        "github-mcp exchanged a GitHub token for Olu Operator (read:user, repo)"
    )
    assert (row.via, row.source, row.agent) == ("broker", "broker", "release-bot")


def test_the_use_is_counted_once_per_agent_and_skill(
    gateway: Gateways, github_mcp: manifest_store.Declaration
) -> None:
    for _ in range(2):
        assert gateway("operator").exchange().status_code == 200
    used = account("operator")
    assert (used.last_agent, used.last_skill) == ("release-bot", "mcp:github-mcp")
    assert used.last_token_expires_at is not None
    assert list(Use.objects.values_list("agent", "skill", "count")) == [
        ("release-bot", "mcp:github-mcp", 2)
    ]


def test_no_token_is_kept_or_logged_anywhere(
    gateway: Gateways, github_mcp: manifest_store.Declaration, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caller = gateway("operator")
    token = caller.exchange().json()["access_token"]
    stored = everything_stored()
    assert "token.exchanged" in stored, "the search must be able to find something"
    for secret in (token, caller.token):
        assert secret not in stored
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("skill", "scopes", "code"),
    [
        ("", "", "undeclared_caller"),
        ("mcp:unheard-of", "", "undeclared_caller"),
        ("mcp:github-mcp", "read:user delete_repo", "scope_escalation_pending"),
    ],
)
def test_an_undeclared_request_is_refused_and_recorded(
    gateway: Gateways, github_mcp: manifest_store.Declaration, skill: str, scopes: str, code: str
) -> None:
    answer = gateway("operator").exchange(skill=skill, scopes=scopes)
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    refused = last("token.refused")
    assert str(refused.event) == answer.json()["event_id"]
    assert refused.outcome == "denied"
    assert not EventRow.objects.filter(action="token.exchanged").exists()


def test_a_request_beyond_the_manifest_is_an_escalation(
    gateway: Gateways, github_mcp: manifest_store.Declaration
) -> None:
    answer = gateway("operator").exchange(scopes="repo delete_repo admin:org")
    assert answer.json()["excess_scopes"] == ["admin:org", "delete_repo"]
    event = last("scope.escalated")
    assert event.outcome == "pending"
    assert event.sentence == (
        "github-mcp asked GitHub for more than its manifest declares: "
        "admin:org, delete_repo (a person was asked)"
    )


def test_scopes_that_the_grant_has_beyond_the_manifest_are_flagged(
    gateway: Gateways,
) -> None:
    narrow = manifest_store.Declaration.model_validate(
        {"connections": [{"connection": "github", "scopes": ["read:user"]}]}
    )
    manifest_store.declare_shipped("mcp", "github-mcp", narrow)
    assert gateway("operator").exchange(scopes="read:user").status_code == 200
    assert event_data("token.exchanged")["excess_scopes"] == ["repo"]


def event_data(action: str) -> dict[str, object]:
    entry = json.loads(bytes(Event.objects.get(pk=last(action).event).entry))
    return dict(entry["data"])


@pytest.mark.parametrize(("decision", "code"), [("block", "mcp_blocked"), ("hold", "mcp_held")])
def test_a_blocked_or_held_component_gets_none(
    gateway: Gateways, github_mcp: manifest_store.Declaration, decision: str, code: str
) -> None:
    enforcement_decision_hook.answer_with(
        lambda several: {
            one: decision if one == ("mcp", "github-mcp") else "none" for one in several
        }
    )
    answer = gateway("operator").exchange()
    assert (answer.status_code, answer.json()["code"]) == (403, code)


def test_a_person_without_the_connection_is_told_to_connect_it(
    gateway: Gateways, github_mcp: manifest_store.Declaration
) -> None:
    answer = gateway("auditor").exchange()
    assert (answer.status_code, answer.json()["code"]) == (404, "connection_not_linked")
    assert "/connections/" in answer.json()["detail"]
    assert last("token.refused").sentence == (
        "github-mcp was refused a GitHub token for Ada Auditor: nothing was connected"
    )


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        (State.SUSPENDED, 403, "connection_suspended"),
        (State.REVOCATION_PENDING, 403, "connection_revoked"),
        (State.NEEDS_RECONNECT, 409, "reconnect_required"),
    ],
)
def test_an_account_that_is_not_connected_is_refused_without_asking_auth0(
    gateway: Gateways,
    github_mcp: manifest_store.Declaration,
    state: State,
    status: int,
    code: str,
) -> None:
    caller = gateway("operator")
    assert caller.exchange().status_code == 200
    ConnectedAccount.objects.filter(sub=subject("operator")).update(state=state)
    answer = caller.exchange()
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert EventRow.objects.filter(action="token.exchanged").count() == 1


def test_a_client_that_is_no_gateway_is_refused(
    gateway: Gateways, github_mcp: manifest_store.Declaration, settings: object
) -> None:
    caller = gateway("operator")
    env = settings.ENV  # type: ignore[attr-defined]
    settings.ENV = env.model_copy(update={"AUTH0_BROKER_CLIENTS": "another"})  # type: ignore[attr-defined]
    answer = caller.exchange()
    assert (answer.status_code, answer.json()["code"]) == (403, "client_not_allowed")
    assert last("token.refused").outcome == "denied"


def test_requests_without_or_with_a_bad_token_are_refused(db: None) -> None:
    assert Gateway("").exchange().json()["code"] == "token_missing"
    answer = Gateway("ey.ey.ey").exchange()
    assert (answer.status_code, answer.json()["code"]) == (401, "token_refused")


@pytest.mark.parametrize(
    ("connection", "skill"),
    [("../x", ""), ("github", "x" * 201), ("github", "a\x7f")],
)
def test_malformed_requests_say_which_part(gateway: Gateways, connection: str, skill: str) -> None:
    answer = gateway("operator").exchange(connection=connection, skill=skill)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_an_unknown_connection_is_not_linked(
    gateway: Gateways,
) -> None:
    answer = gateway("operator").exchange(connection="jira", skill="")
    assert (answer.status_code, answer.json()["code"]) == (404, "connection_not_linked")


def test_a_token_is_returned_with_the_headers_of_every_other_answer_and_no_cookie(
    gateway: Gateways, github_mcp: manifest_store.Declaration
) -> None:
    caller = gateway("operator")
    answer, other = caller.exchange(), caller.call("GET", "/v1/whoami")
    assert (answer.status_code, other.status_code) == (200, 200)
    assert set(other.headers) <= set(answer.headers)
    for name in ("Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options"):
        assert answer[name] == other[name]
    assert answer["Content-Length"] == str(len(answer.content))
    assert not answer.cookies
    foreign = caller.client.get(
        "/v1/auth/token?connection=github",
        HTTP_HOST="evil.example",
        HTTP_AUTHORIZATION=f"Bearer {caller.token}",
    )
    assert foreign.status_code == 400
    assert caller.call("POST", "/v1/auth/token?connection=github", {}).status_code == 405


@pytest.mark.parametrize("ended", [False, True])
def test_a_browsers_session_decides_nothing_about_a_bearer_token(
    gateway: Gateways, github_mcp: manifest_store.Declaration, ended: bool
) -> None:
    caller = Gateway(gateway("operator").token, signed_in("member1", "member"))
    if ended:
        SignedInSession.objects.all().delete()
    answer = caller.exchange()
    assert answer.status_code == 200, answer.content
    assert not answer.cookies
    assert last("token.exchanged").actor_sub == subject("operator")

"""Who may not: every page and endpoint of this room, for everybody it is not for."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.models import SignedInSession
from approvals import clock
from audit.models import EventRow
from connections.models import ConnectedAccount, Need, State
from tests.connections.visitor import Gateway, Visitor, know, subject

type Gateways = Callable[[str], Gateway]
type Visitors = Callable[[str], Visitor]

PAGES = ("", "inventory/", "inventory/changes/", "inventory/status/", "pending/", "finish/",
         "connect/github/", "callback/", "token/callback/", "{id}/", "{id}/revoke/")  # fmt: skip
FORMS = ("inventory/reconcile/", "notices/seen/", "needs/{need}/dismiss/", "connect/github/",
         "{id}/revoke/", "{id}/suspend/", "{id}/resume/")  # fmt: skip
HOST = django_settings.PORTAL_URL.partition("//")[2]


@pytest.fixture
def mias(db: None) -> ConnectedAccount:
    """An account of Mia Member, as rows only."""
    know("member1", "member2", "admin", "auditor", "operator")
    now = clock.now()
    return ConnectedAccount.objects.create(
        iss=django_settings.ENV.issuer,
        sub=subject("member1"),
        connection="github",
        auth0_id="cac_of_mia",
        scopes=["repo"],
        state_since=now,
        source="management",
        seen_at=now,
        watched_since=now,
    )


@pytest.fixture
def need(mias: ConnectedAccount) -> Need:
    return Need.objects.create(
        iss=mias.iss, sub=mias.sub, connection="slack", kind="mcp", name="x", asked_at=clock.now()
    )


def at(path: str, account: ConnectedAccount, need: Need) -> str:
    return "/connections/" + path.format(id=account.id, need=need.id)


def untouched(account: ConnectedAccount) -> None:
    account.refresh_from_db()
    assert account.state == State.CONNECTED
    assert not EventRow.objects.filter(action__startswith="connection.").exists()


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_sent_to_sign_in(mias: ConnectedAccount, need: Need, path: str) -> None:
    answer = Client().get(at(path, mias, need), HTTP_HOST=HOST)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/oidc/authenticate/")


@pytest.mark.parametrize("path", FORMS)
def test_a_strangers_form_changes_nothing(mias: ConnectedAccount, need: Need, path: str) -> None:
    answer = Client().post(at(path, mias, need), HTTP_HOST=HOST)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/oidc/authenticate/")
    untouched(mias)


def test_another_member_sees_and_does_nothing(
    mias: ConnectedAccount, need: Need, visitor: Visitors
) -> None:
    milo = visitor("member2")
    for path in ("{id}/", "{id}/revoke/"):
        assert milo.get(at(path, mias, need)).status_code == 404
    for path in ("{id}/revoke/", "{id}/suspend/", "{id}/resume/", "needs/{need}/dismiss/"):
        assert milo.post(at(path, mias, need)).status_code == 404
    for path in ("inventory/", "inventory/changes/", "inventory/status/"):
        assert milo.get(at(path, mias, need)).status_code == 403
    assert milo.post("/connections/inventory/reconcile/").status_code == 403
    assert "cac_of_mia" not in milo.get("/connections/").content.decode()
    need.refresh_from_db()
    assert need.closed_at is None
    untouched(mias)


@pytest.mark.parametrize("who", ["operator", "auditor"])
def test_other_roles_do_not_act_on_what_is_not_theirs(
    mias: ConnectedAccount, need: Need, visitor: Visitors, who: str
) -> None:
    other = visitor(who)
    for path in ("{id}/revoke/", "{id}/suspend/", "{id}/resume/"):
        other.post(at(path, mias, need), {"reason": "because"})
    untouched(mias)
    sees = 200 if who == "auditor" else 404
    assert other.get(at("{id}/", mias, need)).status_code == sees


def test_the_wrong_method_is_refused(mias: ConnectedAccount, need: Need, visitor: Visitors) -> None:
    mia = visitor("member1")
    shown = mia.get(at("{id}/resume/", mias, need))
    assert shown.status_code == 302, "a form for those who may resume it, and nothing for others"
    for path in ("{id}/suspend/", "notices/seen/", "needs/{need}/dismiss/"):
        assert mia.get(at(path, mias, need)).status_code == 405
    for path in ("", "{id}/", "finish/", "pending/"):
        assert mia.post(at(path, mias, need)).status_code == 405
    untouched(mias)


def test_a_form_without_its_token_is_refused(
    mias: ConnectedAccount, need: Need, visitor: Visitors
) -> None:
    mia = visitor("member1")
    mia.client.handler.enforce_csrf_checks = True
    for path in FORMS:
        assert mia.post(at(path, mias, need)).status_code == 403
    untouched(mias)


def test_a_session_that_was_ended_elsewhere_does_nothing(
    mias: ConnectedAccount, need: Need, visitor: Visitors
) -> None:
    mia = visitor("member1")
    SignedInSession.objects.all().delete()
    assert mia.post(at("{id}/revoke/", mias, need)).status_code == 401
    untouched(mias)


def test_unknown_things_are_not_found(mias: ConnectedAccount, visitor: Visitors) -> None:
    mia = visitor("member1")
    assert mia.get(f"/connections/{uuid4()}/").status_code == 404
    assert mia.get("/connections/not-an-id/").status_code == 404
    assert mia.get("/connections/connect/unheard-of/").status_code == 404
    assert mia.post("/connections/needs/999/dismiss/").status_code == 404


def test_the_api_shows_a_member_their_own_and_an_auditor_everything(
    mias: ConnectedAccount, gateway: Gateways
) -> None:
    def ids(who: str, query: str = "") -> list[str]:
        return [
            c["id"] for c in gateway(who).call("GET", f"/v1/connections{query}").json()["items"]
        ]

    assert ids("member2") == []
    assert ids("auditor") == [str(mias.id)]
    assert ids("auditor", "?owner=me") == []
    assert ids("admin", "?state=suspended") == []
    assert gateway("admin").call("GET", "/v1/connections?state=zzz").status_code == 422


def test_the_api_refuses_what_is_not_yours(mias: ConnectedAccount, gateway: Gateways) -> None:
    path = f"/v1/connections/{mias.id}/revoke"
    assert Gateway("").call("POST", path, {}).status_code == 401
    assert gateway("member2").call("POST", path, {}).status_code == 404
    assert gateway("auditor").call("POST", path, {}).json()["code"] == "not_permitted"
    assert gateway("admin").call("POST", "/v1/connections/x/revoke", {}).status_code == 404
    assert gateway("admin").call("GET", path).status_code == 405
    untouched(mias)


def test_nobody_declares_an_account_through_the_decisions_api(
    gateway: Gateways,
) -> None:
    body = {
        "verb": "connection.connect",
        "target": {"kind": "connection", "name": str(uuid4())},
        "params": {"flow": "made-up"},
    }
    answer = gateway("member2").call("POST", "/v1/decisions", body)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    assert not ConnectedAccount.objects.exists()


@pytest.mark.parametrize(
    ("who", "path", "body", "status", "code"),
    [
        ("member2", "mcp/x", {"connections": []}, 403, "not_permitted"),
        ("operator", "virus/x", {"connections": []}, 422, "invalid_request"),
        ("operator", "mcp/-x", {"connections": []}, 422, "invalid_request"),
        ("operator", "mcp/x", {"connections": [{"connection": "a b"}]}, 422, "invalid_request"),
        ("operator", "mcp/x", {"env": {"github": "TOKEN"}}, 422, "invalid_request"),
        ("operator", "mcp/x", {"secret": "x"}, 422, "invalid_request"),
        (
            "operator",
            "mcp/x",
            {"connections": [{"connection": "github"}], "env": {"github": "LD_PRELOAD"}},
            422,
            "invalid_request",
        ),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(
    gateway: Gateways, who: str, path: str, body: dict[str, object], status: int, code: str
) -> None:
    answer = gateway(who).call("PUT", f"/v1/manifests/{path}", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert gateway(who).call("GET", f"/v1/manifests/{path}").status_code in {404, 422}

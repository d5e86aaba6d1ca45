"""What the vault answers when it does not give a token, and what becomes of the account."""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import respx

from approvals import auth0_clients
from approvals.models import Person
from audit.models import EventRow
from connections.broker import accounts_and_uses
from connections.broker.account_choice import Wanted, pick
from connections.broker.errors import TokenRefusal
from connections.component_manifests import manifest_store
from connections.models import ConnectedAccount, State, Use
from connections.sync import connected_accounts
from tests.connections.visitor import Gateway, empty_vault, fill_vault, know, subject
from tests.support.tenant import LocalTenant

type Gateways = Callable[[str], Gateway]


@pytest.fixture
def milos(portal_tenant: LocalTenant, github_mcp: manifest_store.Declaration) -> ConnectedAccount:
    know("member2")
    empty_vault(portal_tenant, "member2")
    fill_vault(portal_tenant, "member2", "github", "octo-milo", "read:user", "repo")
    person = Person.objects.get(sub=subject("member2"))
    assert connected_accounts.one_person(person.iss, person.sub)
    return ConnectedAccount.objects.get(sub=subject("member2"))


def test_a_grant_that_ended_at_the_provider_needs_a_reconnect(
    milos: ConnectedAccount, gateway: Gateways, portal_tenant: LocalTenant
) -> None:
    caller = gateway("member2")
    assert caller.exchange().status_code == 200
    _end_at_provider(portal_tenant, "octo-milo")
    _age_stored_token(portal_tenant, milos)
    answer = caller.exchange()
    assert (answer.status_code, answer.json()["code"]) == (409, "reconnect_required")
    milos.refresh_from_db()
    assert (milos.state, milos.failures) == (State.NEEDS_RECONNECT, 1)
    assert EventRow.objects.get(action="token.refused").sentence.endswith(
        "for Milo Member: it had to be connected again"
    )


def _age_stored_token(tenant: LocalTenant, account: ConnectedAccount) -> None:
    """Let the vault's stored token be over, so that it has to refresh it at the provider.

    The tenant's clock moves only forward and is shared by the session, so its row is aged instead.
    """
    with closing(sqlite3.connect(tenant.var_dir / "tenant.sqlite3", timeout=10)) as vault:
        changed = vault.execute(
            "UPDATE tenant_vault_connectedaccount SET access_expires_at = ? WHERE id = ?",
            ("2001-01-01 00:00:00", account.auth0_id),
        )
        vault.commit()
        assert changed.rowcount == 1


def _end_at_provider(tenant: LocalTenant, login: str) -> None:
    browser = tenant.browser()
    page = browser.get("/providers/github/settings")
    for piece in page.text.split("<li>")[1:]:
        action = re.search(r'action="([^"]+/revoke)"', piece)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', piece)
        if action and token and f"<b>{login}</b>" in piece:
            browser.http.post(
                action[1],
                data={"csrfmiddlewaretoken": token[1]},
                headers={"Referer": str(page.url), "Origin": tenant.url},
            )
    browser.http.close()


def test_an_account_that_auth0_lost_is_drift_and_not_linked(
    milos: ConnectedAccount, gateway: Gateways, portal_tenant: LocalTenant
) -> None:
    empty_vault(portal_tenant, "member2")
    answer = gateway("member2").exchange()
    assert (answer.status_code, answer.json()["code"]) == (404, "connection_not_linked")
    milos.refresh_from_db()
    assert milos.state == State.GONE
    assert EventRow.objects.filter(action="connection.reconciled", outcome="success").exists()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, {"error": "too_many_requests"}, (429, "rate_limited")),
        (503, {"error": "temporarily_unavailable"}, (502, "vault_unavailable")),
        (403, {"error": "unauthorized_client"}, (502, "vault_unavailable")),
        (401, {"error": "invalid_grant"}, (401, "subject_token_expired")),
        (200, {"surprise": True}, (502, "vault_unavailable")),
    ],
)
def test_other_answers_keep_their_stable_codes(
    milos: ConnectedAccount,
    gateway: Gateways,
    portal_tenant: LocalTenant,
    status: int,
    body: dict[str, object],
    expected: tuple[int, str],
) -> None:
    caller = gateway("member2")
    assert caller.exchange().status_code == 200
    with respx.mock(assert_all_called=False) as routes:
        routes.post(f"{portal_tenant.url}/oauth/token").mock(
            return_value=httpx.Response(status, json=body, headers={"Retry-After": "7"})
        )
        answer = caller.exchange()
    assert (answer.status_code, answer.json()["code"]) == expected
    assert "access_token" not in answer.json()
    if status == 429:
        assert answer["Retry-After"] == "7"
    milos.refresh_from_db()
    assert milos.state == State.CONNECTED
    assert EventRow.objects.get(action="token.refused").outcome == "failure"


def test_whoever_suspends_while_auth0_answers_wins(milos: ConnectedAccount) -> None:
    ConnectedAccount.objects.filter(pk=milos.pk).update(state=State.SUSPENDED)
    now = datetime.now(UTC)
    with pytest.raises(TokenRefusal) as raised:
        accounts_and_uses.count(milos, "agent", "mcp:x", now, now + timedelta(hours=1))
    refused = raised.value
    assert refused is not None
    assert refused.code == "connection_suspended"
    assert not Use.objects.exists()


def _account(state: State, user: str = "", age_h: int = 1) -> ConnectedAccount:
    at = datetime.now(UTC) - timedelta(hours=age_h)
    return ConnectedAccount(
        id=uuid.uuid4(), connection="github", auth0_id="cac", state=state, provider_user=user,
        connected_at=at, watched_since=at, state_since=at, seen_at=at,
    )  # fmt: skip


def test_of_several_accounts_none_is_chosen_for_anybody() -> None:
    both = [_account(State.CONNECTED, "1", 9), _account(State.CONNECTED, "2", 1)]
    with pytest.raises(TokenRefusal) as refused:
        pick(both, "github")
    assert (refused.value.status, refused.value.code) == (409, "account_ambiguous")
    assert [one["login_hint"] for one in refused.value.choices] == ["2", "1"]


def test_an_account_is_chosen_by_label_id_or_user_and_only_its_own_is_used() -> None:
    work, home = _account(State.CONNECTED, "1", 9), _account(State.CONNECTED, "2", 1)
    work.label, home.label = "Work", "home"
    for wanted in (Wanted("work"), Wanted(str(work.id)), Wanted("1"), Wanted("", "1")):
        picked = pick([work, home], "github", wanted)
        assert (picked.account, picked.hint, picked.ambiguous) == (work, "1", False)
    for stranger in (Wanted("3"), Wanted("", "work"), Wanted("home", "1")):
        with pytest.raises(TokenRefusal) as refused:
            pick([work, home], "github", stranger)
        assert (refused.value.status, refused.value.code) == (404, "connection_not_linked")
    home.label = "work"
    with pytest.raises(TokenRefusal) as refused:
        pick([work, home], "github", Wanted("work"))
    assert refused.value.code == "account_ambiguous"


def test_a_wanted_account_is_refused_by_its_own_state_and_never_replaced() -> None:
    asleep, live = _account(State.SUSPENDED, "1"), _account(State.CONNECTED, "2")
    with pytest.raises(TokenRefusal) as refused:
        pick([asleep, live], "github", Wanted("1"))
    assert (refused.value.code, refused.value.account) == ("connection_suspended", asleep)


def test_the_vault_is_asked_for_no_account_that_it_cannot_tell() -> None:
    nameless = [_account(State.CONNECTED), _account(State.CONNECTED, "2")]
    with pytest.raises(TokenRefusal) as refused:
        pick(nameless, "github", Wanted(str(nameless[0].id)))
    assert refused.value.code == "account_ambiguous"
    with pytest.raises(TokenRefusal) as refused:
        pick([_account(State.CONNECTED)], "github", Wanted("", "7"))
    assert refused.value.code == "account_ambiguous"


def test_a_made_up_hint_does_not_make_an_account_gone(
    milos: ConnectedAccount, gateway: Gateways
) -> None:
    ConnectedAccount.objects.filter(pk=milos.pk).update(provider_user="")
    answer = gateway("member2").call(
        "GET",
        "/v1/auth/token?connection=github&login_hint=1",
        ata_agent="release-bot",
        ata_skill="mcp:github-mcp",
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "account_ambiguous")
    milos.refresh_from_db()
    assert milos.state == State.CONNECTED


@pytest.mark.parametrize("wanted", [Wanted(), Wanted("", "2")])
def test_beside_a_restricted_account_that_is_gone_the_vault_chooses_nothing(wanted: Wanted) -> None:
    live, gone = _account(State.CONNECTED), _account(State.GONE, "2")
    gone.barred = True
    with pytest.raises(TokenRefusal):
        pick([live, gone], "github", wanted)
    live.provider_user = "1"
    assert pick([live, gone], "github").hint == "1"


def test_an_account_connected_past_us_does_not_answer_for_the_known_one(
    milos: ConnectedAccount, gateway: Gateways, portal_tenant: LocalTenant
) -> None:
    """The vault gives the newest where no user id is named."""
    fill_vault(portal_tenant, "member2", "github", "octo-other", "read:user", "repo")
    answer = gateway("member2").exchange()
    assert answer.status_code == 200
    me = httpx.get(
        f"{portal_tenant.url}/providers/github/user",
        headers={"Authorization": f"Bearer {answer.json()['access_token']}"},
    )
    assert me.json()["login"] == "octo-milo"


def test_without_a_list_of_auth0_nothing_passes_what_others_restricted(
    milos: ConnectedAccount, gateway: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    suspended = {"state": "suspended", "since": now.isoformat(), "reason": "odd use"}
    ConnectedAccount.objects.filter(pk=milos.pk).update(
        state=State.GONE, barred=True, earlier=[suspended | {"by": "an admin", "held_by": ""}]
    )
    monkeypatch.setattr(auth0_clients, "management", lambda: None)
    answer = gateway("member2").exchange()
    assert (answer.status_code, answer.json()["code"]) == (403, "connection_suspended")


def test_of_one_live_account_among_dead_ones_the_choice_is_the_vaults_and_said() -> None:
    picked = pick([_account(State.CONNECTED), _account(State.NEEDS_RECONNECT)], "github")
    assert (picked.hint, picked.ambiguous) == ("", True)


def test_a_suspended_account_among_unnamed_ones_stops_all() -> None:
    with pytest.raises(TokenRefusal) as refused:
        pick([_account(State.CONNECTED), _account(State.SUSPENDED)], "github")
    assert refused.value.code == "connection_suspended"


def test_a_named_account_is_used_beside_a_suspended_one() -> None:
    live = _account(State.CONNECTED, "7")
    assert pick([live, _account(State.SUSPENDED)], "github").hint == "7"

"""The page of an account says whether agents can use it, that of applications how many act."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.conf import settings

from approvals import clock
from connections.models import AccessState, AppAccess, ConnectedAccount, JustInTime, State
from tests.connections.test_access_pages_lead_with_the_answer import title
from tests.connections.test_access_pages_say_what_is_known import read_all
from tests.connections.test_freezing_stops_at_once import freeze
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import know, subject
from tests.support.pages import signed_in

pytestmark = pytest.mark.django_db
PAGE = "/connections/access/"


def both(account: ConnectedAccount) -> tuple[str, str]:
    """The title for the owner and for an auditor."""
    path = f"/connections/{account.pk}/"
    return title(signed_in("member1"), path), title(signed_in("auditor", "auditor"), path)


def test_an_account_says_whether_agents_can_use_it() -> None:
    know("member1")
    account = make("member1")
    assert both(account) == (
        "Agents can use your GitHub account",
        "Agents can use Mia Member’s GitHub account",
    )
    ConnectedAccount.objects.filter(pk=account.pk).update(label="octo-dev")
    assert both(account)[0] == "Agents can use your GitHub account octo-dev"


@pytest.mark.parametrize("state", [State.SUSPENDED, State.REVOCATION_PENDING, State.REVOKED])
def test_an_account_that_gives_no_token_says_so(state: State) -> None:
    know("member1")
    assert both(make("member1", state=state)) == (
        "No agent gets a new token of your GitHub account",
        "No agent gets a new token of Mia Member’s GitHub account",
    )


def test_a_frozen_account_says_that_no_agent_gets_a_new_token() -> None:
    know("member1")
    account = make("member1")
    freeze("person", subject("member1"))
    assert both(account)[0] == "No agent gets a new token of your GitHub account"


def test_only_its_owner_is_asked_to_connect_an_account_again() -> None:
    know("member1")
    assert both(make("member1", state=State.NEEDS_RECONNECT)) == (
        "Connect your GitHub account again to let agents use it",
        "No agent gets a new token of Mia Member’s GitHub account",
    )


def test_an_account_that_was_not_used_for_long_is_paused_and_may_wake() -> None:
    know("member1")
    account = make("member1")
    now = clock.now()
    long_ago = now.replace(year=now.year - 1)
    ConnectedAccount.objects.update(watched_since=long_ago, state_since=long_ago)
    JustInTime.objects.create(name="github", idle_h=1, wake="use", changed_at=now)
    assert both(account) == (
        "Access to your GitHub account is paused",
        "Access to Mia Member’s GitHub account is paused",
    )


def grant(who: str, client: str, kind: str = "grant", state: str = AccessState.LIVE) -> None:
    now = clock.now()
    AppAccess.objects.create(
        iss=settings.ENV.issuer, sub=subject(who), kind=kind, auth0_id=str(uuid4()), state=state,
        client_id=client, first_seen=now, seen_at=now, state_since=now,
    )  # fmt: skip


def test_applications_are_counted_once_each_and_never_before_auth0_listed_them() -> None:
    mia, auditor, everyone = signed_in("member1"), signed_in("auditor", "auditor"), f"{PAGE}?all=1"
    assert title(mia, PAGE) == "It is not known yet which applications act as you"
    read_all(1)
    assert title(mia, PAGE) == "No application is known to act as you"
    assert title(auditor, everyone) == "No application is known to act as anyone"
    grant("member1", "gone", state=AccessState.REVOKING)
    assert title(mia, PAGE) == "Only access that is being revoked is left"
    for kind in ("grant", "refresh_token"):
        grant("member1", "cli", kind)
    assert title(mia, PAGE) == "1 application can act as you"
    assert title(auditor, everyone) == "1 application can act as 1 person"
    for client in ("cli", "ide"):
        grant("member2", client)
    assert title(auditor, everyone) == "2 applications can act as 2 people"
    assert title(auditor, f"{everyone}&q=cli") == "3 consents and refresh tokens match"
    assert title(auditor, f"{everyone}&q=ide") == "1 consent or refresh token matches"
    assert title(auditor, f"{everyone}&q=none") == "No consent or refresh token matches"

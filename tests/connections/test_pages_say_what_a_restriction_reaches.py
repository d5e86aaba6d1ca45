"""Pages that restrict an account say what is refused, what goes on, and what a denial ends."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from approvals import clock
from connections.models import ConnectedAccount, State, Use
from tests.approvals.policies import in_force, rule
from tests.connections.campaign import connected
from tests.connections.decided import decide, deny, fresh
from tests.connections.visitor import know
from tests.support.pages import signed_in

pytestmark = pytest.mark.django_db


def page(who: str, path: str, *roles: str) -> str:
    """The words of a page, in one line."""
    shown = signed_in(who, *roles).get(path).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", shown))


def used(account: ConnectedAccount, **more: Any) -> ConnectedAccount:
    """An account that calendar-sync used, with a token that lives for another hour."""
    now = clock.now()
    Use.objects.create(account=account, skill="mcp:calendar-sync", first=now, last=now, count=1)
    account.last_token_expires_at = now + timedelta(hours=1)
    account.save(update_fields=["last_token_expires_at"])
    return account


def test_a_revocation_refuses_the_next_token_request_and_says_how_long_issued_tokens_work() -> None:
    know("admin", "admin2", "member1")
    account = used(connected("member1", "google", "openid"))
    shown = page("admin", f"/connections/{account.pk}/revoke/", "admin")
    ends = account.last_token_expires_at
    assert ends
    until = f"{ends.day} {ends:%b %H:%M} UTC"
    assert "calendar-sync has used this account; its next token request is refused." in shown
    assert f"Tokens already issued work at Google until {until}." in shown
    assert "next call" not in shown


def test_a_selection_counts_the_people_whose_accounts_were_used_and_names_what_is_ticked() -> None:
    know("admin", "admin2", "member1", "member2", "operator")
    used(connected("member1", "google", "openid"))
    connected("member2", "google", "openid")
    shown = page("admin", "/connections/inventory/selection/", "admin")
    assert "1 component or agent used accounts of this list, of 1 person;" in shown
    assert "the next token request for a ticked account is refused" in shown
    assert "next call" not in shown


def test_freezing_is_said_to_refuse_new_tokens_and_not_those_already_issued() -> None:
    know("admin", "member1")
    connected("member1", "google", "openid")
    mine = page("member1", "/connections/")
    assert "Freezing refuses every agent a new token immediately" in mine
    assert mine.count("Tokens already issued work until they expire.") == 2
    admins = page("admin", "/connections/freeze/", "admin")
    assert (
        "Agents get no new tokens for this person’s accounts." in admins
        and "acts as them" not in admins
    )


def test_a_denied_revocation_ends_its_own_hold_alone_and_says_so_before() -> None:
    know("admin", "admin2", "member1")
    account = connected("member1", "google", "openid")
    decide("admin2", "suspend", account)
    shown = page("admin", f"/connections/{account.pk}/revoke/", "admin")
    assert "If denied: It is not revoked, and any other suspension of it stays." in shown
    assert "it is resumed" not in shown
    asked = decide("admin", "revoke", account)
    assert asked.approval is not None
    request = page("admin", f"/approvals/{asked.approval.pk}/", "admin")
    assert (
        "any other suspension of it stays. On hold meanwhile; a denial ends the hold once it is "
        "proven." in request
    )
    deny(asked, "admin2")
    assert fresh(account).state == State.SUSPENDED


def test_what_a_denial_does_to_the_hold_is_said_by_the_rule() -> None:
    know("admin", "admin2", "member1")
    account = connected("member1", "google", "openid")
    in_force(rule("strict", on_denial="keep_hold", on_expiry="release", channel="passkey"))
    shown = page("admin", f"/connections/{account.pk}/revoke/", "admin")
    assert "approves with a passkey within 5 minutes" in shown
    assert "after the last one the hold ends" in shown
    assert "On hold meanwhile; a denial does not end the hold." in shown and "by phone" not in shown


@pytest.mark.parametrize(
    ("by", "ends"),
    [
        ("admin", "An admin can resume it, which needs an approval."),
        ("member1", "You can resume it."),
    ],
)
def test_the_page_of_a_suspended_account_says_by_whom_why_and_who_can_end_it(
    by: str, ends: str
) -> None:
    know("admin", "member1")
    account = connected("member1", "google", "openid")
    assert "Agents can" in page("member1", f"/connections/{account.pk}/")
    decide(by, "suspend", account, reason="")
    for path in (f"/connections/{account.pk}/", f"/connections/{account.pk}/revoke/"):
        shown = page("member1", path)
        assert f"Suspended by {'you' if by == 'member1' else 'Amir Admin'}" in shown
        assert "no reason was given. No agent gets a new token of it" in shown and ends in shown
        assert "Agents can" not in shown and "from the first moment" not in shown
    assert "Agents can" not in page("member1", "/connections/")
    again = page("member1", f"/connections/{account.pk}/")
    assert ("Suspend as well" in again) is (by == "admin"), "only what another person suspended"


def test_a_suspension_that_a_request_placed_is_said_to_end_with_it() -> None:
    know("admin", "admin2", "member1")
    account = connected("member1", "google", "openid")
    decide("admin", "revoke", account)
    shown = page("member1", f"/connections/{account.pk}/")
    assert "It is decided with the request about it." in shown


def test_a_setting_without_limits_does_not_say_that_agents_may_use_an_account() -> None:
    know("admin", "member1")
    decide("admin", "suspend", connected("member1", "slack", "chat:write"))
    shown = page("admin", "/connections/settings/", "admin")
    assert "Never paused. No hours set." in shown and "When unused access is paused" in shown
    assert "at any time" not in shown


def test_everybody_who_suspended_an_account_is_named_and_its_owner_alone_cannot_end_it() -> None:
    know("admin", "admin2", "member1")
    account = connected("member1", "google", "openid")
    decide("admin", "suspend", account)
    decide("member1", "suspend", account)
    shown = page("member1", f"/connections/{account.pk}/")
    assert "Suspended by Amir Admin and you" in shown
    assert "An admin can resume it, which needs an approval." in shown
    assert "You can resume it." not in shown

"""Agents, components, accounts and people are named elsewhere: no such name acts on a reader."""

from __future__ import annotations

import pytest
from django.conf import settings

from approvals import clock, people_and_roles
from audit.clock import uuid7
from connections.models import ConnectedAccount, Use
from tests.attacks.input.hostile import RLO
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS

HOSTILE = f"exe{RLO}fdp"


def account_of(sub: str) -> ConnectedAccount:
    now = clock.now()
    account = ConnectedAccount.objects.create(
        id=uuid7(),
        iss=settings.ENV.issuer,
        sub=sub,
        connection="github",
        auth0_id="cac_hostile",
        label=HOSTILE,
        scopes=["read:user"],
        state_since=now,
        source="management",
        seen_at=now,
        watched_since=now,
        last_used_at=now,
        last_agent=HOSTILE,
        last_skill=f"skill:{HOSTILE}",
    )
    Use.objects.create(
        account=account, agent=HOSTILE, skill=f"skill:{HOSTILE}", count=1, first=now, last=now
    )
    return account


@pytest.mark.django_db
@pytest.mark.parametrize("whose", ["admin", "member1"])
def test_no_connection_page_lets_a_name_turn_the_text_around(whose: str) -> None:
    client = signed_in("admin", "admin")
    people_and_roles.note_person(
        iss=settings.ENV.issuer, sub=SUBS["member1"], name=HOSTILE, email="", roles=()
    )
    account = account_of(SUBS[whose])
    addresses = [
        "/connections/",
        "/connections/inventory/",
        f"/connections/{account.id}/",
        f"/connections/{account.id}/revoke/",
        "/",
    ]
    shown = {address: client.get(address).content.decode() for address in addresses}
    assert [address for address in addresses if RLO in shown[address]] == []
    assert "⟨U+202E⟩" in shown["/connections/inventory/"]

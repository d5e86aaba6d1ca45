"""Home of members: what agents did as them, which tokens still work, and who froze access."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals import clock
from approvals.models import Person
from connections.models import (
    AllowRule,
    AppAccess,
    ConnectedAccount,
    ConnectionSetting,
    Freeze,
    Need,
    Notice,
    State,
    Use,
)
from connections.status import member_overview
from enforcement.models import Asset
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS
from tests.ui.test_home import NOON, account, shown

pytestmark = pytest.mark.usefixtures("house")


def title(client: Client) -> str:
    """The heading of Home, whole: one count is part of another."""
    found = re.search(r"<h1[^>]*>(.*?)</h1>", client.get("/").content.decode())
    assert found
    return found[1]


def used_by_codex(state: State, token_expires_at: datetime) -> ConnectedAccount:
    """An account of member1 that codex used five minutes ago."""
    found = account(
        "member1",
        state,
        last_used_at=clock.now() - timedelta(minutes=5),
        last_agent="codex",
        last_token_expires_at=token_expires_at,
    )
    Use.objects.create(account=found, agent="codex", count=1, first=NOON, last=NOON)
    return found


def test_a_member_reads_which_agents_can_act_as_them() -> None:
    mine = account(
        "member1",
        State.CONNECTED,
        label="octo",
        last_used_at=NOON,
        last_agent="codex",
        last_skill="mcp:github-mcp",
    )
    account("member2", State.CONNECTED, label="not-mine")
    for skill, last in (("mcp:github-mcp", NOON), ("mcp:release-bot", NOON.replace(hour=9))):
        Use.objects.create(account=mine, agent="codex", skill=skill, count=1, first=NOON, last=last)
        Asset.objects.create(kind="mcp", name=skill.partition(":")[2], decision="allow")
    Need.objects.create(
        iss=mine.iss, sub=mine.sub, connection="slack", kind="mcp", name="standup", asked_at=NOON
    )
    Asset.objects.create(kind="mcp", name="standup", decision="allow")
    ConnectionSetting.objects.create(name="slack", connectable=True, seen_at=NOON)
    client = signed_in("member1")
    words = shown(client)
    assert "2 components can act for you Last used by github-mcp, 3 Nov 12:30 UTC" in words
    assert "MCP server standup was allowed and needs your Slack account" in words
    page = client.get("/").content.decode()
    assert 'href="/connections/connect/slack/?for=mcp%3Astandup"' in page
    assert "Connect Slack…" in words and words.count("My connected accounts") == 1
    assert "GitHub account octo" in words
    assert "not-mine" not in words and "findings" not in words


@pytest.mark.parametrize(
    ("decision", "connectable", "said"),
    [
        ("allow", True, "Connect Slack…"),
        ("block", True, "It gets no token now."),
        ("allow", False, ""),
    ],
)
def test_home_offers_to_connect_only_what_can_be_used(
    decision: str, connectable: bool, said: str
) -> None:
    mine = account("member1", State.CONNECTED)
    Need.objects.create(
        iss=mine.iss, sub=mine.sub, connection="slack", kind="mcp", name="standup", asked_at=NOON
    )
    Asset.objects.create(kind="mcp", name="standup", decision=decision)
    ConnectionSetting.objects.create(name="slack", connectable=connectable, seen_at=NOON)
    words = shown(signed_in("member1"))
    assert "standup was allowed and needs your Slack account" in words and said in words
    assert ("Connect Slack…" in words) == (said == "Connect Slack…")


def at(moment: datetime) -> str:
    """As the page writes it: with the day where that is another one."""
    today = moment.date() == clock.now().date()
    return f"{moment:%H:%M}" if today else f"{moment.day} {moment:%b}, {moment:%H:%M}"


def test_a_member_without_accounts_reads_that_applications_can_act_without_one() -> None:
    words = shown(signed_in("member1"))
    assert "You have no connected account" in words
    assert "Applications that you approved or signed in to need no connected account." in words
    assert "no agent" not in words.lower()
    AppAccess.objects.create(
        iss=django_settings.ENV.issuer, sub=SUBS["member1"], kind="grant", auth0_id="cgr_1",
        client_id="ata-web", state_since=NOON, first_seen=NOON, seen_at=NOON,
    )  # fmt: skip
    assert "1 application can act for you without an account" in shown(signed_in("member1"))


def test_a_member_whose_accounts_were_revoked_reads_the_last_use_and_which_tokens_work() -> None:
    soon = clock.now() + timedelta(minutes=20)
    used_by_codex(State.REVOKED, soon)
    words = shown(signed_in("member1"))
    assert "1 agent used your accounts Last used by codex, 5 min ago" in words
    assert f"Tokens already issued work until they expire, the last at {at(soon)} UTC" in words
    assert "No agent was seen" not in words and "no agent can act" not in words


def test_a_frozen_member_reads_who_froze_the_access_and_which_tokens_work() -> None:
    soon = clock.now() + timedelta(minutes=20)
    mine = used_by_codex(State.CONNECTED, soon)
    Freeze.objects.create(
        kind="person", name=mine.sub, by="auth0|amir", by_name="Amir Admin",
        since=clock.now() - timedelta(minutes=2),
    )  # fmt: skip
    client = signed_in("member1")
    words = shown(client)
    assert (
        "Access to your accounts is frozen Frozen by Amir Admin, 2 min ago; only an admin can"
        in words
    )
    assert "Last used by codex, 5 min ago" in words
    until = "Tokens already issued work until they expire, the last"
    assert f"{until} at {at(soon)} UTC" in words and "can act for you" not in words
    page = re.sub(r"<[^>]+>", "", client.get("/connections/").content.decode())
    assert "can act for you" not in page and "Last used: codex" in page
    assert "Frozen by Amir Admin" in page
    assert f"{until} in " in re.sub(r"\s+", " ", page)


@pytest.mark.parametrize("role", ["auditor", "operator", "admin"])
def test_a_frozen_person_with_a_role_reads_who_froze_their_access_and_who_can_lift_it(
    role: str,
) -> None:
    Freeze.objects.create(
        kind="person", name=SUBS[role], by="auth0|x", by_name="Xenia",
        since=clock.now() - timedelta(minutes=2),
    )  # fmt: skip
    said = "Access to your accounts is frozen by Xenia, 2 min ago; only an admin can lift it"
    assert said in shown(signed_in(role, role))
    Freeze.objects.update(name=SUBS["member1"])
    assert "Access to your accounts is frozen" not in shown(signed_in(role, role))


def test_an_agent_that_is_frozen_is_not_counted_as_one_that_can_act() -> None:
    mine = account("member1", State.CONNECTED, last_used_at=NOON, last_agent="codex")
    for agent in ("codex", "claw"):
        Use.objects.create(account=mine, agent=agent, count=1, first=NOON, last=NOON)
    Freeze.objects.create(kind="agent", name="claw", by="auth0|amir", since=NOON)
    assert title(signed_in("member1")) == "1 agent can act for you"


@pytest.mark.parametrize("standing", [{"decision": "block"}, {"holder": "x", "held_at": NOON}])
def test_a_component_that_the_broker_refuses_is_not_counted_as_one_that_can_act(
    standing: dict[str, Any],
) -> None:
    mine = account("member1", State.CONNECTED, last_used_at=NOON, last_skill="mcp:release-bot")
    for skill in ("mcp:github-mcp", "mcp:release-bot", "release-bot", ""):
        Use.objects.create(account=mine, agent="codex", skill=skill, count=1, first=NOON, last=NOON)
    client = signed_in("member1")
    assert title(client) == "1 agent can act for you", "of the others, none is allowed"
    AllowRule.objects.update_or_create(pk=1, defaults={"open": True, "changed_at": NOON})
    assert title(client) == "2 components and 1 agent can act for you"
    Asset.objects.create(kind="mcp", name="github-mcp", **standing)
    assert title(client) == "1 component and 1 agent can act for you"
    for kind in ("mcp", "skill"):
        Asset.objects.create(kind=kind, name="release-bot", decision="block")
    assert title(client) == "1 agent can act for you", "codex, where it names no component"


def test_many_components_cost_no_more_queries_than_one() -> None:
    signed_in("member1")
    mine = account("member1", State.CONNECTED, last_used_at=NOON)
    counted = []
    for number in range(6):
        skill = f"mcp:server-{number}"
        Use.objects.create(account=mine, agent="codex", skill=skill, count=1, first=NOON, last=NOON)
        with CaptureQueriesContext(connection) as asked:
            member_overview.summary(Person.objects.get(sub=mine.sub).as_actor("web"))
        counted.append(len(asked))
    assert len(set(counted)) == 1


def test_a_long_account_name_is_cut_at_its_end_with_the_whole_of_it_in_the_title() -> None:
    label = "octo-" + "x" * 80 + "-of-the-build-farm"
    account("member1", State.CONNECTED, label=label)
    client = signed_in("member1")
    assert "SHA-256" not in shown(client) and "octo-" in shown(client)
    Notice.objects.create(
        iss=django_settings.ENV.issuer, sub=SUBS["member1"], code="suspended", by="Amir Admin",
        account=ConnectedAccount.objects.get(), created=NOON,
    )  # fmt: skip
    page = client.get("/").content.decode()
    assert f'title="Amir Admin suspended your GitHub account {label}"' in page
    assert "SHA-256" not in page

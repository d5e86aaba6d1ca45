"""Freezing: no token from the next request on, without step-up; ending it waits for a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval
from approvals.pipeline.service import perform
from approvals.step_up.facts_shown_to_approver import facts
from audit.recording.actors import Actor, Target
from connections.broker import accounts_and_uses
from connections.component_manifests import manifest_store
from connections.lifecycle import freezes
from connections.models import ConnectedAccount, ConnectionSetting, Freeze, FrozenKind
from connections.status.account_status import EVERYTHING
from tests.accounts.trail import events
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import Gateway, know, subject
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS

type Gateways = Callable[[str], Gateway]

ALL = Target(FrozenKind.SERVICE, EVERYTHING)


def person(who: str, *roles: str) -> Actor:
    return Actor(iss=settings.ENV.issuer, sub=subject(who), roles=frozenset(roles), via="web")


def admin() -> Actor:
    know("admin", "admin2")
    return person("admin", "admin")


def freeze(kind: str, name: str, by: Actor | None = None) -> None:
    perform(by or admin(), freezes.verb_of(kind, "freeze"), Target(kind, name), reason="odd")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("agent", "release-bot"),
        ("person", SUBS["operator"]),
        ("service", "github"),
        ("service", "*"),
    ],
)
def test_the_next_exchange_is_refused_and_recorded(
    gateway: Gateways, github_mcp: manifest_store.Declaration, kind: str, name: str
) -> None:
    caller = gateway("operator")
    assert caller.exchange().status_code == 200
    know("operator")
    freeze(kind, name)
    answer = caller.exchange()
    assert (answer.status_code, answer.json()["code"]) == (403, "frozen")
    assert events("token.refused")[-1]["data"]["code"] == "frozen"
    assert len(events("token.exchanged")) == 1


@pytest.mark.parametrize(
    ("kind", "name"), [("agent", "other-bot"), ("person", SUBS["member1"]), ("service", "slack")]
)
def test_nothing_else_is_stopped(
    gateway: Gateways, github_mcp: manifest_store.Declaration, kind: str, name: str
) -> None:
    know("member1")
    freeze(kind, name)
    assert gateway("operator").exchange().status_code == 200


def test_a_token_that_was_being_exchanged_when_it_was_frozen_is_dropped(
    gateway: Gateways, github_mcp: manifest_store.Declaration, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = gateway("operator")
    held = accounts_and_uses.accounts_of

    def meanwhile(*given: Any) -> list[ConnectedAccount]:
        found = held(*given)
        if found and not Freeze.objects.exists():
            freeze("service", "github")
        return found

    monkeypatch.setattr(accounts_and_uses, "accounts_of", meanwhile)
    answer = caller.exchange()
    assert (answer.status_code, answer.json()["code"]) == (403, "frozen")
    assert events("token.exchanged") == []


def test_freezing_needs_no_approval_and_unfreezing_does(db: None) -> None:
    freeze("agent", "claw")
    done = perform(admin(), "agent.unfreeze", Target("agent", "claw"))
    assert done.approval is not None and done.approval.rule["approver"] == "self"
    assert Freeze.objects.count() == 1


def test_who_approves_an_unfreeze_reads_what_works_again_who_froze_it_and_why(db: None) -> None:
    know("member1", "admin2")
    target = Target("person", SUBS["member1"])
    perform(person("admin2", "admin"), "person.freeze", target, reason="on leave")
    approval = perform(admin(), "person.unfreeze", target).approval
    assert approval is not None
    assert approval.risk.startswith(
        "agents get tokens for “Mia Member”'s accounts again; frozen by "
    )
    assert approval.risk.endswith(f" on {clock.now():%d %b %Y} (“on leave”)")
    shown = {fact.name: fact.text for fact in facts(approval, None)}
    assert shown["if_denied"].startswith("Their access stays frozen.")


@pytest.mark.parametrize("target", [ALL, Target("person", SUBS["member1"])], ids=["all", "person"])
def test_ending_a_grave_freeze_waits_for_another_admin(db: None, target: Target) -> None:
    know("member1")
    freeze(target.kind, target.name)
    done = perform(admin(), freezes.verb_of(target.kind, "unfreeze"), target)
    assert done.approval is not None and done.approval.rule["approver"] == "another"
    assert done.approval.current is not None
    assert done.approval.current.person.sub == subject("admin2")


def test_ending_another_admins_freeze_waits_for_somebody_else(db: None) -> None:
    know("admin", "admin2")
    freeze("agent", "claw", by=person("admin2", "admin"))
    done = perform(admin(), "agent.unfreeze", Target("agent", "claw"))
    assert done.approval is not None and done.approval.current is not None
    assert done.approval.current.person.sub == subject("admin2")


def test_whom_the_directory_does_not_know_yet_is_frozen_by_their_account(db: None) -> None:
    with pytest.raises(Refused, match="No one of that subject"):
        freeze("person", "auth0|newcomer")  # or a typing mistake
    make("member2", sub="auth0|newcomer")
    freeze("person", "auth0|newcomer")
    assert freezes.in_force("claw", "auth0|newcomer", "github") is not None


def test_it_reads_as_what_it_is(db: None) -> None:
    from audit.recording import action_registry

    freeze("service", "*")
    [event] = events("connection.frozen")
    assert action_registry.sentence(event).endswith("froze everything")


def test_what_is_so_already_changes_nothing(db: None) -> None:
    freeze("agent", "claw")
    with pytest.raises(Refused, match=r"Agent “claw” is already frozen by .* since") as refused:
        freeze("agent", "claw")
    assert refused.value.code == "nothing_to_do"
    with pytest.raises(Refused) as refused:
        perform(admin(), "agent.unfreeze", Target("agent", "other"))
    assert refused.value.code == "nothing_to_do"


@pytest.mark.parametrize("roles", [(), ("auditor",), ("operator",)], ids=str)
@pytest.mark.parametrize("act", ["freeze", "unfreeze"])
def test_only_an_admin_may(db: None, roles: tuple[str, ...], act: str) -> None:
    know("operator")
    with pytest.raises(Refused) as refused:
        perform(person("operator", *roles), f"agent.{act}", Target("agent", "claw"))
    assert refused.value.code == "not_permitted"


def test_a_person_may_freeze_themselves_and_nobody_else(db: None) -> None:
    know("member1", "member2")
    mia = person("member1")
    freeze("person", subject("member1"), by=mia)
    with pytest.raises(Refused):
        freeze("person", subject("member2"), by=mia)
    with pytest.raises(Refused):
        perform(mia, "person.unfreeze", Target("person", subject("member1")))


def test_one_click_freezes_me_and_the_page_says_so(db: None) -> None:
    client = signed_in("member1")
    assert client.post("/connections/freeze/me/").status_code == 302
    assert Freeze.objects.get().name == SUBS["member1"]
    page = client.get("/connections/").content.decode()
    assert "Access to your accounts is frozen" in page and "Freeze all my access" not in page


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("person", SUBS["member1"], "Access to your accounts is frozen by Amir"),
        ("service", "github", "All GitHub accounts are frozen by Amir"),
        ("service", "*", "Everything is frozen by Amir"),
    ],
)
def test_who_connects_an_account_that_is_frozen_reads_so_before(
    db: None, kind: str, name: str, words: str
) -> None:
    ConnectionSetting.objects.create(name="github", connectable=True, seen_at=clock.now())
    client = signed_in("member1")
    url = "/connections/connect/github/"
    assert "frozen" not in client.get(url).content.decode()
    freeze(kind, name, by=replace(admin(), name="Amir"))
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get(url).content.decode()))
    assert words in page and "no agent can use it until an admin lifts that" in page
    assert "Once it is unfrozen, agents will be able to" in page


def test_an_admin_freezes_and_asks_for_the_end_on_the_page(db: None) -> None:
    signed_in("admin2", "admin")
    client = signed_in("admin", "admin")
    answer = client.post(
        "/connections/freeze/now/",
        {"kind": "agent", "name_agent": "claw", "reason": "odd", "new": "on"},
    )
    assert answer.status_code == 302
    page = client.get("/connections/freeze/").content.decode()
    assert "agent “claw”" in page and "Unfreeze…" in page and "odd" in page
    answer = client.post("/connections/freeze/agent/claw/unfreeze/", {"reason": "it was us"})
    assert answer["Location"] == f"/approvals/{Approval.objects.get().id}/"
    assert "Waits for approval" in client.get("/connections/freeze/").content.decode()


def test_the_form_of_an_unfreeze_says_what_follows_and_takes_a_reason(db: None) -> None:
    freeze("agent", "claw", by=person("admin2", "admin"))
    client, path = signed_in("admin", "admin"), "/connections/freeze/agent/claw/unfreeze/"
    page = client.get(path).content.decode()
    assert "Unfreeze agent “claw”" in page and 'name="reason"' in page
    assert (
        "If approved: Agents get tokens again" in page
        and "If denied: The agent stays frozen" in page
    )
    assert "Frozen by" in page and not Approval.objects.exists(), "looking asks nobody"
    answer = client.post(path, {"reason": " "})
    assert answer.status_code == 422 and not Approval.objects.exists()
    assert "Nothing was requested: give a reason." in answer.content.decode()
    client.post(path, {"reason": "it was us"})
    assert Approval.objects.get().reason == "it was us"


def test_the_form_of_what_is_not_frozen_leads_back(db: None) -> None:
    client = signed_in("admin", "admin")
    answer = client.get("/connections/freeze/agent/claw/unfreeze/", follow=True)
    assert answer.redirect_chain == [("/connections/freeze/", 302)]
    assert "No freeze of agent “claw” was in force." in answer.content.decode()


@pytest.mark.parametrize("given", [{}, {"kind": "agent"}, {"kind": "planet", "name_planet": "x"}])
def test_what_names_nothing_freezes_nothing_and_loses_nothing(
    db: None, given: dict[str, str]
) -> None:
    client = signed_in("admin", "admin")
    answer = client.post("/connections/freeze/now/", given | {"reason": "typed at length"})
    assert answer.status_code == 422 and "typed at length" in answer.content.decode()
    assert not Freeze.objects.exists()


def test_an_auditor_sees_it_and_is_offered_no_act(db: None) -> None:
    freeze("agent", "claw")
    page = signed_in("auditor", "auditor").get("/connections/freeze/").content.decode()
    assert "agent “claw”" in page and "Unfreeze…" not in page and "Freeze now" not in page


@pytest.mark.parametrize("path", ["now/", "agent/claw/unfreeze/"])
@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_others_are_refused_at_each_door(db: None, path: str, role: str) -> None:
    assert signed_in(role, role).post(f"/connections/freeze/{path}").status_code == 403


def test_an_unknown_kind_is_not_there(db: None) -> None:
    assert signed_in("admin", "admin").post("/connections/freeze/x/y/unfreeze/").status_code == 404


def test_the_check_costs_one_query(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        freezes.check("claw", subject("member1"), "github")


def test_a_name_of_another_kind_than_the_chosen_one_freezes_nothing(db: None) -> None:
    client = signed_in("admin", "admin")
    given = {"kind": "person", "name_agent": "claw", "reason": "typed at length"}
    answer = client.post("/connections/freeze/now/", given)
    page = answer.content.decode()
    assert answer.status_code == 422 and not Freeze.objects.exists()
    assert "you chose the person and named the agent claw" in page
    assert 'value="claw"' in page and "typed at length" in page


def test_a_name_that_no_caller_can_have_is_not_frozen(db: None) -> None:
    ConnectionSetting.objects.create(name="github", seen_at=clock.now())
    with pytest.raises(Refused, match=r"no connection GitHub\. Did you mean github") as refused:
        freeze("service", "GitHub")
    assert refused.value.code == "unknown_target"
    with pytest.raises(Refused, match="no space"):
        freeze("agent", "codex ")
    assert not Freeze.objects.exists()
    freeze("service", "github")


def test_an_agent_that_nobody_saw_is_frozen_once_the_name_is_confirmed(
    db: None, gateway: Gateways
) -> None:
    account = make("member1")
    accounts_and_uses.count(account, "release-bot", "", clock.now(), None)
    amir, about = gateway("admin"), {"kind": "agent", "name": "relase-bot"}
    said: dict[str, Any] = {"verb": "agent.freeze", "target": about, "reason": "odd"}
    no = amir.call("POST", "/v1/decisions", said)
    assert (no.status_code, no.json()["code"]) == (409, "unknown_target")
    assert no.json()["nearest"] == ["release-bot"] and not Freeze.objects.exists()
    known = said | {"target": {"kind": "agent", "name": "release-bot"}}
    assert amir.call("POST", "/v1/decisions", known).status_code == 201
    assert amir.call("POST", "/v1/decisions", said | {"params": {"new": True}}).status_code == 201


def test_the_page_asks_whether_the_name_of_an_agent_is_right(db: None) -> None:
    client, path = signed_in("admin", "admin"), "/connections/freeze/now/"
    given = {"kind": "agent", "name_agent": "claw", "reason": "typed at length"}
    answer = client.post(path, given)
    shown = answer.content.decode()
    assert answer.status_code == 422 and 'name="new"' in shown and "typed at length" in shown
    assert client.post(path, given | {"new": "on"}).status_code == 302
    assert Freeze.objects.get().name == "claw"


@pytest.mark.parametrize("name", ["\N{SNOWFLAKE}\N{FIRE}", "\u202eclaw", "x" * 101], ids=ascii)
@pytest.mark.parametrize("confirmed", [{}, {"new": "on"}], ids=["first", "confirmed"])
def test_a_name_that_no_agent_can_have_is_said_at_once_and_stays(
    db: None, name: str, confirmed: dict[str, str]
) -> None:
    client = signed_in("admin", "admin")
    given = {"kind": "agent", "name_agent": name, "reason": "typed at length"}
    answer = client.post("/connections/freeze/now/", given | confirmed)
    shown = answer.content.decode()
    assert answer.status_code == 422 and not Freeze.objects.exists()
    assert (
        "at most 100 printable ASCII characters" in shown and "confirm that it is new" not in shown
    )
    assert f'value="{name}"' in shown and "typed at length" in shown

"""Unfreeze, escalation and wake on phones of another provider that fails in the middle of them."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from typing import Any

import pytest

from tests.connections.broker_house import Said
from tests.elsewhere.whole_house import HTML, PUSH, SLOW, SUBS, TOKEN, WholeHouse, limited
from tests.support.stack import eventually

LOST: tuple[dict[str, Any], ...] = (
    {"cut": True},
    HTML | {"done": True},
    SLOW,
)
"""An answer comes once; these lose it after the provider gave it."""


def frozen(place: WholeHouse, name: str) -> str:
    """An agent that Amir froze, and his request to end that."""
    place.decide("agent.freeze", "agent", name, who=SUBS["amir"])
    return place.asks_as("amir", "admin", "agent.unfreeze", "agent", name)


def is_frozen(place: WholeHouse, name: str) -> bool:
    said = place.ask(place.vault.token(SUBS["sven"]), "dropbox", Skill="", Agent=name)
    assert said.code in {"frozen", "connection_not_linked"}
    return said.code == "frozen"


def unfrozen(place: WholeHouse, name: str) -> int:
    """How often it was recorded."""
    return len([e for e in place.told("agent.unfrozen") if e["target"]["name"] == name])


def test_an_unfreeze_waits_out_limits_and_outages(place: WholeHouse) -> None:
    place.breaks(PUSH, limited(4), having=SUBS["amir"])
    pk = frozen(place, "patient")
    push = place.pushed(pk, "amir")
    sent = f"{PUSH} {push['code']}"
    tries = place.calls(sent)
    assert len(tries) == 2 and tries[1] - tries[0] >= 4, "Retry-After is honoured"
    began = time.time()
    place.breaks(TOKEN, limited(5), {"status": 500}, HTML, having=push["id"])
    eventually(place.all_broke, "each bad answer to a poll")
    polls = place.calls(f"{TOKEN} {re.escape(push['id'])}", began)
    assert max(b - a for a, b in pairwise(polls)) >= 5, "here, too"
    assert place.approval(pk)["status"] == "pending" and is_frozen(place, "patient")
    place.answered(pk, "amir")
    assert place.closed(pk)["outcome"] == "approved"
    assert not is_frozen(place, "patient")
    assert (unfrozen(place, "patient"), len(place.calls(sent))) == (1, 2)


@pytest.mark.parametrize("fault", [{"cut": True}, {"status": 500, "done": True}], ids=str)
def test_a_push_whose_answer_was_lost_commits_nothing(
    place: WholeHouse, fault: dict[str, Any]
) -> None:
    began, name = time.time(), f"lost-push-{len(fault)}"
    place.breaks(PUSH, fault, having=SUBS["amir"])
    pk = frozen(place, name)
    eventually(lambda: len(place.pushes("amir", began)) == 2, "two pushes")
    first, second = place.pushes("amir", began)
    assert first["code"] != second["code"] == place.code(pk)
    place.vault.tell(answer={first["code"]: "approve"})
    time.sleep(3)
    assert place.approval(pk)["status"] == "pending" and is_frozen(place, name)
    place.answered(pk, "amir")
    assert place.closed(pk)["outcome"] == "approved"
    assert (is_frozen(place, name), unfrozen(place, name)) == (False, 1)


def test_an_approval_that_was_lost_unfreezes_nothing(place: WholeHouse) -> None:
    asked = {f"lost-{n}": frozen(place, f"lost-{n}") for n in range(len(LOST))}
    for pk, fault in zip(asked.values(), LOST, strict=True):
        place.answered(pk, "amir", **fault)
    for name, pk in asked.items():
        over = place.closed(pk)
        assert (over["outcome"], over["code"]) == ("failed", "answer_lost")
        assert is_frozen(place, name) and not unfrozen(place, name)
    again = place.asks_as("amir", "admin", "agent.unfreeze", "agent", "lost-0")
    place.answered(again, "amir")
    assert place.closed(again)["outcome"] == "approved"
    assert (is_frozen(place, "lost-0"), unfrozen(place, "lost-0")) == (False, 1)


def test_keys_change_while_people_are_asked(place: WholeHouse) -> None:
    names = ("early", "at-once", "late")
    asked = {name: frozen(place, name) for name in names}
    codes = {name: place.pushed(pk, "amir")["code"] for name, pk in asked.items()}
    place.rotates(answer={codes["early"]: "approve"})
    over = place.closed(asked["early"])
    assert over["outcome"] == "approved", over
    place.rotates(answer={codes["at-once"]: "approve"})
    over = place.closed(asked["at-once"])
    assert over["outcome"] == "approved", "although the keys were read a moment ago"
    for name in names[:2]:
        assert (is_frozen(place, name), unfrozen(place, name)) == (False, 1)
        (event,) = [e for e in place.told("agent.unfrozen") if e["target"]["name"] == name]
        assert event["human"] == "H2", "what was signed by the new key proves it"
    place.vault.tell(retired=True, answer={codes["late"]: "approve"})
    over = place.closed(asked["late"])
    place.vault.tell(retired=False)
    assert over["outcome"] == "failed", "signed by a key that is published no more"
    assert is_frozen(place, "late") and not unfrozen(place, "late")


def escalated(place: WholeHouse, who: str) -> str:
    """A request beyond the manifest; the approval that it waits for."""
    place.connects(who, "github", f"octo-{who}")
    said = beyond(place, who)
    assert (said.status, said.code) == (403, "scope_escalation_pending")
    return str(said.body["approval_id"])


def beyond(place: WholeHouse, who: str) -> Said:
    return place.ask(place.vault.token(SUBS[who]), Scopes="repo delete_repo")


def security_of(place: WholeHouse, pk: str, owner: str) -> str:
    """Which admin is asked after the owner."""
    eventually(lambda: place.approval(pk)["asked_sub"] != SUBS[owner], "security is asked")
    return place.asked(pk)


def test_an_escalation_needs_both_answers(place: WholeHouse) -> None:
    place.breaks(PUSH, limited(1), {"status": 500}, having=SUBS["omar"])
    pk = escalated(place, "omar")
    eventually(place.all_broke, "a limit and an outage")
    place.answered(pk, "omar")
    security = security_of(place, pk, "omar")
    assert beyond(place, "omar").code == "scope_escalation_pending"
    place.rotates()
    place.answered(pk, security)
    assert place.closed(pk)["outcome"] == "approved"
    said = beyond(place, "omar")
    assert said.status == 200, said.body
    assert len([e for e in place.told("scope.granted") if e["approval"] == pk]) == 1
    assert len(place.vault.tell()["exchanges"]) > 0


def test_an_escalation_whose_second_answer_was_lost_grants_nothing(place: WholeHouse) -> None:
    pk = escalated(place, "olga")
    place.answered(pk, "olga")
    place.answered(pk, security_of(place, pk, "olga"), cut=True)
    over = place.closed(pk)
    assert (over["outcome"], over["code"]) == ("failed", "answer_lost")
    assert beyond(place, "olga").status == 403
    assert not [e for e in place.told("scope.granted") if e["approval"] == pk]


def test_what_sleeps_wakes_only_by_an_answer_that_came(place: WholeHouse) -> None:
    place.connects("rita", "jira", "rita-at-jira")

    def uses() -> Said:
        return place.ask(place.vault.token(SUBS["rita"]), "jira", Skill="")

    assert uses().status == 200
    place.api("PUT", "/v1/connections/settings/jira", SUBS["anya"], "admin",
              {"idle_h": 2, "wake": "owner", "reason": "a test"})  # fmt: skip
    place.unused_for(3, "jira")

    def sleeps() -> str:
        said = uses()
        assert (said.status, said.code) == (403, "wake_pending"), said.body
        return str(said.body["approval_id"])

    place.breaks(PUSH, HTML, having=SUBS["rita"])
    lost = set()
    for fault in ({"cut": True}, SLOW):
        lost.add(pk := sleeps())
        place.answered(pk, "rita", **fault)
        over = place.closed(pk)
        assert (over["outcome"], over["code"]) == ("failed", "answer_lost")
        assert not place.told("connection.woken")
    honest = sleeps()
    assert len({*lost, honest}) == 3, "nobody is woken by a request that is over"
    place.rotates()
    place.answered(honest, "rita", **limited(2))
    assert place.closed(honest)["outcome"] == "approved"
    assert uses().status == 200
    assert len(place.told("connection.woken")) == 1
    place.unused_for(3, "jira")
    refused = sleeps()
    place.answered(refused, "rita", "deny")
    over = place.closed(refused)
    assert (over["outcome"], over["inferred"]) == ("denied", False), "the tenant log says so"
    said = uses()
    assert (said.code, len(place.told("connection.woken"))) == ("connection_suspended", 1)

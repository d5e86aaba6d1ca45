"""A person who may not take a decision is refused before anything about it is read or judged."""

from __future__ import annotations

from dataclasses import replace
from time import process_time
from typing import Any

import pytest

from approvals import policy, registry
from approvals.errors import Refused
from approvals.pipeline.service import perform
from approvals.policy import minimum
from approvals.policy.document import read
from approvals.policy.policy_change import TARGET, VERB
from audit.clock import uuid7
from audit.recording.actors import Actor, Target
from connections.lifecycle import connect_revoke_suspend_resume
from tests.approvals.lamps import Lamps
from tests.approvals.policies import document, rule
from tests.connections.campaign import connected

MEMBER = Actor(iss="https://issuer.test/", sub="mia", via="api")


def refusal(verb: str, target: Target, params: dict[str, Any] | None = None) -> str:
    with pytest.raises(Refused) as refused:
        perform(MEMBER, verb, target, params=params)
    return refused.value.code


def large() -> dict[str, Any]:
    """As many rules and verbs as a policy may have; only the last one is about any real verb."""
    verbs = [f"{'a' * 30}.{'b' * n}" for n in range(1, 41)]
    return document(*(rule(f"r{n}", verbs=verbs) for n in range(59)), rule("last"))


def test_nothing_is_judged_for_a_person_who_may_not(
    lamps: Lamps, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_args: object) -> Any:
        raise AssertionError("it was read for a person who may not decide")

    blind = replace(
        registry.get("lamp.block"),
        relaxes=asked,
        severity=asked,
        look=asked,
        validate=asked,
        already=asked,
        sentence=asked,
    )
    monkeypatch.setitem(registry._VERBS, "lamp.block", blind)
    assert refusal("lamp.block", Target("lamp", "porch"), {"watt": "many"}) == "not_permitted"


def test_every_verb_refuses_a_stranger_alike_whatever_the_parameters() -> None:
    answers = {
        (name, kind): refusal(name, Target(kind, str(uuid7())), {"nonsense": [1]})
        for name in registry.names()
        for kind in sorted(registry.get(name).target_kinds)
    }
    assert len(answers) > 40
    assert {each: code for each, code in answers.items() if code != "not_permitted"} == {}


def test_what_is_there_and_what_is_not_is_refused_alike() -> None:
    theirs = str(connected("member2").pk)
    verbs = [
        n
        for n in registry.names()
        if connect_revoke_suspend_resume._KIND & registry.get(n).target_kinds
    ]
    assert "connection.resume" in verbs
    for verb in verbs:
        there, missing = (refusal(verb, Target("connection", n)) for n in (theirs, str(uuid7())))
        assert (there, missing) == ("not_permitted", "not_permitted"), verb


def test_a_large_policy_of_a_member_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minimum, "breaches", lambda _made: pytest.fail("the policy was judged"))
    params = {"document": large(), "base": policy.policy_digest()}
    assert refusal(VERB, TARGET, params) == "not_permitted"


def test_the_largest_policy_is_judged_in_a_moment() -> None:
    made = read(large())
    began = process_time()
    assert minimum.breaches(made) == []
    assert process_time() - began < 1.0  # 3.3 s when each situation compared each pattern

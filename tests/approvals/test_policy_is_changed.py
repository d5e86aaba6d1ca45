"""`policy.change`: the policy is changed by two admins, under the policy in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from approvals import policy
from approvals.errors import Refused
from approvals.models import Approval, PolicyVersion
from approvals.pipeline.service import perform
from approvals.policy.document import read
from approvals.policy.policy_change import TARGET, VERB
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones, acting
from tests.approvals.policies import document, in_force, keyed, rule

type Work = Callable[..., None]


@pytest.fixture
def amir(phones: Phones) -> Actor:
    """The admin who asks."""
    return acting("admin", "admin")


@pytest.fixture
def anya(phones: Phones) -> Actor:
    """The admin who is asked."""
    return acting("member1", "admin")


def change(actor: Actor, made: dict[str, Any] | None = None, base: str = "") -> Approval:
    """Ask for another policy."""
    made = made or document(rule("all", within_s=90))
    done = perform(
        actor, VERB, TARGET, params={"document": made, "base": base or policy.policy_digest()}
    )
    assert done.approval is not None
    return done.approval


def test_another_admin_approves_and_the_new_policy_is_in_force(
    lamps: Lamps, phones: Phones, amir: Actor, anya: Actor, work: Work
) -> None:
    in_force(rule("all"))
    before = policy.policy_digest()
    approval = change(amir)
    assert approval.severity == "CRITICAL"
    assert approval.sentence == (
        "Change the approval policy: rule all (any decision that is final or relaxes "
        "something): 90 seconds to answer, before 5 minutes"
    )
    assert approval.risk == "it changes how long people have to answer"
    work()
    phones.answer("member1", code_of(approval), "approve")
    work()
    assert fresh(approval).outcome == "approved"
    now = policy.in_force()
    assert now.document.rules[0].within_s == 90
    changed = events("policy.changed")[-1]
    assert changed["data"]["before"] == before and changed["data"]["after"] == now.digest
    assert changed["data"]["policy"] == before, "decided under the policy that was in force"
    assert changed["data"]["approver"]["sub"] == anya.sub
    assert "within 90 seconds" in changed["changes"]["rule all"]["after"]
    row = PolicyVersion.objects.latest("id")
    assert (str(row.event_id), row.approval) == (changed["id"], str(approval.pk))
    assert row.author["sub"] == amir.sub


def test_a_change_that_does_not_fit_a_phone_is_approved_by_passkey_next_to_all_of_it(
    lamps: Lamps, phones: Phones, amir: Actor, anya: Actor
) -> None:
    keyed(anya)
    approval = change(amir)  # every rule of the policy as delivered goes
    assert approval.rule["channel"] == "passkey"
    assert "in 6 points, all on the page of the request; the gravest first: " in approval.sentence
    assert "more" not in approval.sentence.rpartition("first: ")[2]


def test_a_change_that_needs_a_passkey_nobody_has_is_refused_with_what_to_do(
    lamps: Lamps, phones: Phones, amir: Actor, anya: Actor
) -> None:
    with pytest.raises(Refused, match="no one who could approve it has a passkey") as refused:
        change(amir)
    assert refused.value.code == "no_approver" and not Approval.objects.exists()


def test_the_only_admin_may_answer_with_a_passkey_that_nobody_could_confirm(
    lamps: Lamps, phones: Phones, amir: Actor
) -> None:
    key = keyed(amir)
    key.approver_since = None
    key.save()
    assert change(amir).rule["channel"] == "passkey"


def test_the_grave_part_of_a_rule_is_named_where_it_is_about_own_things_only(
    lamps: Lamps, phones: Phones, amir: Actor, anya: Actor
) -> None:
    now = policy.current().as_json()
    rules = [dict(one) for one in now["rules"]]
    rules[-1] |= {"others": False, "automatic": False}
    said = change(amir, now | {"number": now["number"] + 1, "rules": rules}).sentence
    assert "requested by a person, about what is not another person’s" in said


def test_what_is_taken_away_is_named_before_times(
    lamps: Lamps, phones: Phones, amir: Actor, anya: Actor
) -> None:
    now = policy.current().as_json()
    rules = [dict(one) for one in now["rules"]]
    rules[4]["within_s"] = 120
    rules[3] |= {"while_pending": "open", "on_expiry": "release"}
    approval = change(amir, now | {"number": now["number"] + 1, "rules": rules})
    assert approval.rule["channel"] == "ciba"
    assert approval.sentence == (
        "Change the approval policy: rule critical (any decision that is final or relaxes "
        "something at severity CRITICAL): nothing is on hold any more while a request waits; the "
        "hold ends if no one "
        "answers, before it stayed; rule high (any decision that is final or relaxes "
        "something at severity HIGH): 2 minutes to answer, before 5 minutes"
    )
    assert approval.risk == (
        "it changes what is on hold while a request waits, what ends a hold and how long people "
        "have to answer"
    )


def test_who_is_asked_first_is_named_to_the_approver(
    lamps: Lamps, phones: Phones, amir: Actor, anya: Actor
) -> None:
    now = policy.current().as_json()
    named = {"roster": [{"iss": anya.iss, "sub": anya.sub}]}
    approval = change(amir, now | {"number": now["number"] + 1} | named)
    assert approval.sentence == (
        f"Change the approval policy: order on call: “{anya.name}” ({anya.sub}), before as people "
        "were enrolled"
    )
    assert approval.risk == "it changes who is asked first"


def test_what_waits_under_the_old_policy_fails(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    in_force(rule("all"))
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert (fresh(approval).outcome_code, lamps.lit) == ("policy_changed", {})


@pytest.mark.parametrize("roles", [(), ("operator",), ("auditor",)])
def test_only_an_admin_asks_for_it(lamps: Lamps, phones: Phones, roles: tuple[str, ...]) -> None:
    acting("admin", "admin")
    with pytest.raises(Refused) as refused:
        change(acting("operator", *roles))
    assert refused.value.code == "not_permitted"


def test_a_stale_base_is_refused(lamps: Lamps, amir: Actor, anya: Actor) -> None:
    old = policy.policy_digest()
    in_force(rule("all"))
    with pytest.raises(Refused) as refused:
        change(amir, base=old)
    assert (refused.value.code, refused.value.pointer) == ("stale_policy", "/params/base")


def test_of_two_changes_the_first_wins_and_the_other_closes_at_once(
    lamps: Lamps, phones: Phones, amir: Actor, anya: Actor, work: Work
) -> None:
    in_force(rule("all"))
    first = change(amir, document(rule("first")))
    second = change(amir, document(rule("second")))
    work()
    phones.answer("member1", code_of(first), "approve")
    work()
    assert fresh(first).outcome == "approved"
    lost = fresh(second)
    assert (lost.status, lost.outcome, lost.outcome_code) == ("closed", "failed", "overtaken")
    assert policy.current().rules[0].id == "first"


@pytest.mark.parametrize(
    ("made", "pointer", "said"),
    [
        (lambda: document(), "/params/document/rules", "at least 1"),
        (lambda: document(rule("a", approver="none")), "/params/document/rules/0", "less than"),
        (lambda: document(rule("a")) | {"number": 9}, "/params/document/number", "version 1"),
        (lambda: document(rule("a", verbs=["x"])), "/params/document/rules/0/verbs/0", "no verb"),
    ],
)
def test_what_cannot_be_a_policy_asks_nobody(
    lamps: Lamps, amir: Actor, anya: Actor, made: Any, pointer: str, said: str
) -> None:
    with pytest.raises(Refused) as refused:
        change(amir, made())
    assert (refused.value.code, refused.value.pointer) == ("bad_policy", pointer)
    assert said in refused.value.detail
    assert not Approval.objects.exists()


@pytest.mark.parametrize(
    ("made", "groups"),
    [
        (rule("keys", channel="passkey"), {}),
        (rule("three", approver="group", group="all", count=3), {"all": {"role": "admin"}}),
        (rule("operators", approver="group", group="ops"), {"ops": {"role": "operator"}}),
    ],
)
def test_no_policy_locks_everybody_out_of_changing_it(
    lamps: Lamps, amir: Actor, anya: Actor, made: dict[str, Any], groups: dict[str, Any]
) -> None:
    with pytest.raises(Refused, match="No one could change the policy again") as refused:
        change(amir, document(made, groups=groups))
    assert refused.value.code == "bad_policy"


def test_what_changes_nothing_asks_nobody(lamps: Lamps, amir: Actor, anya: Actor) -> None:
    same = policy.current().as_json() | {"number": 1}
    with pytest.raises(Refused) as refused:
        change(amir, same)
    assert refused.value.code == "nothing_changes"


def test_undo_is_proposing_the_earlier_version(
    lamps: Lamps, phones: Phones, amir: Actor, anya: Actor, work: Work
) -> None:
    first = in_force(rule("first"))
    in_force(rule("second"))
    again = first.document.as_json() | {"number": 3}
    approval = change(amir, again)
    work()
    phones.answer("member1", code_of(approval), "approve")
    work()
    now = policy.in_force()
    assert now.document.rules == first.document.rules
    assert now.digest != first.digest, "going back is a version of its own"
    assert read(again).number == 3


def test_a_lonely_admin_may_and_the_record_says_so(
    lamps: Lamps, phones: Phones, amir: Actor, work: Work
) -> None:
    in_force(rule("all"))
    approval = change(amir)
    assert approval.single_person
    work()
    phones.answer("admin", code_of(approval), "approve")
    work()
    assert fresh(approval).outcome == "approved"
    assert events("approval.approved")[-1]["data"]["single_person"] is True

"""The policy as a document: its shape, its floor, its words, and what would happen if."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals import policy, registry
from approvals.models import PolicyVersion
from approvals.policy import evaluation, minimum, policy_in_force, sentences
from approvals.policy.diff import changes
from approvals.policy.document import DEFAULT, BadDocument, Document, read
from approvals.policy.first_matching_rule import Situation, first_match
from approvals.policy.single_decision_dry_run import Trial, make_situation, what_if
from approvals.registry import Stance
from audit.ledger.format.allowed_field_values import SEVERITIES
from audit.recording.actors import Target
from enforcement.decisions import decision_severity
from tests.approvals.lamps import Lamps
from tests.approvals.policies import document, in_force, rule


def tried(made: Document, name: str, severity: str, **facts: Any) -> Trial:
    """The dry run of a registered decision."""
    verb = registry.get(name)
    return what_if(made, verb, make_situation(verb, severity, **facts))


def test_the_document_that_is_delivered_is_above_the_floor(lamps: Lamps) -> None:
    assert minimum.breaches(read(DEFAULT)) == []


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        ({"rules": []}, "/rules", "at least 1"),
        ({"rules": [rule("a"), rule("a")]}, "", "two rules are called a"),
        ({"rules": [rule("a", verbs=["block"])]}, "/rules/0/verbs/0", "is no verb"),
        ({"rules": [rule("A b")]}, "/rules/0/id", "small letters"),
        ({"rules": [rule("a", severities=["GRAVE"])]}, "/rules/0/severities/0", "CRITICAL"),
        ({"rules": [rule("a", count=2)]}, "/rules/0", "only where a group does"),
        ({"rules": [rule("a", approver="group")]}, "/rules/0", "a group is named"),
        ({"rules": [rule("a", approver="group", group="nobody")]}, "", "which is not there"),
        ({"rules": [rule("a", within_s=5)]}, "/rules/0/within_s", "at least 30"),
        ({"rules": [rule("a", within_s="60")]}, "/rules/0/within_s", "a whole number"),
        ({"groups": {"sec": {}}}, "/groups/sec", "a role or people"),
        ({"roster": [{"iss": "i", "sub": "a"}] * 2}, "", "on the roster twice"),
        ({"never_scanned_loosening": "LOW"}, "/never_scanned_loosening", "'HIGH' or 'CRITICAL'"),
        ({"surprise": 1}, "/surprise", "no such key"),
    ],
)
def test_what_cannot_be_a_policy_is_refused_at_its_place(
    db: None, change: dict[str, Any], where: str, said: str
) -> None:
    with pytest.raises(BadDocument) as bad:
        read(document(rule("all")) | change)
    places = dict(bad.value.problems)
    assert where in places, places
    assert said in places[where]


def test_the_first_rule_that_matches_applies(lamps: Lamps) -> None:
    made = read(
        document(
            rule("blocks", verbs=["lamp.block"], severities=["HIGH"], approver="self"),
            rule("rest", within_s=60),
        )
    )
    operator = frozenset({"operator"})
    assert tried(made, "lamp.block", "HIGH", roles=operator).rule == "blocks"
    grave = tried(made, "lamp.block", "CRITICAL", roles=operator)
    assert (grave.rule, grave.place, grave.decision.within_s) == ("rest", 2, 60)
    assert grave.why == (
        "1. blocks does not apply: it is for severity HIGH.",
        "2. rest applies.",
    )


def test_a_dry_run_says_why_and_writes_nothing(
    lamps: Lamps, django_assert_num_queries: Any
) -> None:
    made = read(DEFAULT)
    operator = frozenset({"operator"})
    with django_assert_num_queries(0):
        held = tried(made, "lamp.hold", "CRITICAL", roles=operator)
        own = tried(made, "lamp.block", "CRITICAL", roles=frozenset(), owns=True)
        none = tried(made, "lamp.block", "LOW", roles=operator)
        refused = tried(made, "lamp.block", "LOW", roles=frozenset({"auditor"}))
        finding = tried(made, "lamp.block", "LOW", roles=frozenset(), automatic=True)
    assert held.decision.kind == "commit" and "Tightening is immediate" in held.why[0]
    assert own.decision.kind == "commit" and "your own" in own.why[0]
    assert none.decision.kind == "commit" and none.rule == ""
    assert refused.sentence == "Refused: Block needs operator."
    assert finding.rule == "findings-ask" and "the next on call is asked" in finding.sentence


def test_a_rule_reads_as_one_sentence() -> None:
    made = read(
        {
            "schema": "ata.policy.v2",
            "number": 1,
            "groups": {"security": {"role": "admin"}},
            "rules": [
                rule("a", verbs=["skill.block"], severities=["CRITICAL"]),
                rule(
                    "b",
                    verbs=["skill.allow", "mcp.allow"],
                    roles=["operator"],
                    approver="group",
                    group="security",
                    count=2,
                    channel="both",
                    within_s=120,
                    while_pending="open",
                ),
                rule("c", verbs=["*.unblock"], approver="self", within_s=3600, escalate=False),
                rule("d", severities=["LOW"], approver="none"),
            ],
        }
    )
    said = [sentences.sentence(one, made, 300) for one in made.rules]
    assert said == [
        "Blocking a skill with a CRITICAL finding: another operator approves by phone within "
        "5 minutes; held meanwhile; if no one answers the next on call is asked, and after the "
        "last the hold stays; a denial ends the hold.",
        "Allowing a skill or an MCP server, asked for by an operator: two of the admins "
        "(security), all asked at once, approve by phone and with a passkey within 2 minutes; "
        "nothing changes meanwhile; if no one answers nothing is committed; a denial ends the "
        "request.",
        "Unblocking anything: the one who asks approves by e-mail within 1 hour; nothing changes "
        "meanwhile; if no one answers nothing is committed; a denial ends the request.",
        "Any decision that is final or relaxes something at severity LOW: committed at once.",
    ]


def test_every_difference_is_told_before_and_after() -> None:
    before = read(DEFAULT)
    after = before.model_copy(
        update={
            "rules": [
                *before.rules[1:4],
                before.rules[0],
                before.rules[4].model_copy(update={"within_s": 60}),
            ],
            "never_scanned_loosening": "CRITICAL",
        }
    )
    told = changes(before, after, 300)
    assert changes(before, before, 300) == []
    by_name = {one.about: one for one in told}
    assert by_name["rule findings-ask"].kind == "moved"
    high = by_name["rule high"]
    assert "within 5 minutes" in high.before and "within 1 minute;" in high.after
    assert by_name["loosening what was never scanned"].after == "CRITICAL"
    gone = before.model_copy(update={"rules": before.rules[:4]})
    assert [(c.about, c.kind) for c in changes(before, gone, 300)] == [("rule high", "removed")]


# Any document at all: whatever it says, nothing passes below the floor.

_KINDS = ("*", "lamp.block", "lamp.allow", "lamp.*", "*.remove", "policy.change", "*.change")
_RULES = st.builds(
    lambda **said: said,
    verbs=st.lists(st.sampled_from(_KINDS), min_size=1, max_size=3),
    severities=st.lists(st.sampled_from(SEVERITIES), max_size=3),
    roles=st.lists(st.sampled_from(["member", "auditor", "operator", "admin"]), max_size=2),
    automatic=st.sampled_from([None, True, False]),
    others=st.sampled_from([None, True, False]),
    approver=st.sampled_from(["none", "self", "another"]),
    channel=st.sampled_from(["ciba", "passkey", "both", "either"]),
)
_DOCUMENTS = st.lists(_RULES, min_size=1, max_size=6).map(
    lambda rules: read(
        {
            "schema": "ata.policy.v2",
            "number": 1,
            "rules": [one | {"id": f"r{n}"} for n, one in enumerate(rules)],
        }
    )
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(made=_DOCUMENTS)
def test_no_document_passes_below_the_floor(lamps: Lamps, made: Document) -> None:
    situations = [one for name in registry.names() for one in minimum.situations_of(name)]
    for situation in situations:
        if not situation.verb.startswith(("lamp.", "policy.")):
            continue
        decided = evaluation.by_rule(made, registry.get(situation.verb), situation)
        _check_floor(situation, decided)
    # What the form would say about it is what the floor had to lift.
    lifted = any(
        minimum.raised(_approver(made, situation), situation) != _approver(made, situation)
        for situation in situations
        if _matches(made, situation)
    )
    assert bool(minimum.breaches(made)) == lifted


def _check_floor(situation: Situation, decided: evaluation.Decision) -> None:
    loosens = situation.stance in {Stance.FINAL, Stance.LOOSEN}
    grave = situation.severity in {"HIGH", "CRITICAL"}
    if situation.automatic or (loosens and (grave or situation.others)):
        assert decided.kind == "require", situation
    needs_another = situation.severity == "CRITICAL" or situation.verb.startswith("policy.")
    if situation.automatic or (loosens and needs_another):
        assert decided.approver in {"another", "group"}, situation


def _approver(made: Document, situation: Situation) -> str:
    _, found = first_match(made, situation)
    return found.approver if found else "none"


def _matches(made: Document, situation: Situation) -> bool:
    return first_match(made, situation)[1] is not None


def test_what_no_rule_matches_still_meets_the_floor(lamps: Lamps) -> None:
    made = read(document(rule("notes", verbs=["lamp.note"])))
    grave = tried(made, "lamp.block", "CRITICAL", roles=frozenset({"operator"}))
    assert (grave.decision.kind, grave.decision.approver, grave.rule) == ("require", "another", "")
    assert "The floor asks for more" in grave.why[-1]


# Which one is in force.


def test_the_newest_version_is_in_force_at_the_cost_of_one_read(
    lamps: Lamps, django_assert_num_queries: Any
) -> None:
    assert policy.in_force() == policy_in_force.default()
    first = in_force(rule("one"))
    second = in_force(rule("two"))
    assert (first.document.number, second.document.number) == (1, 2)
    with django_assert_num_queries(1):
        assert policy.current().rules[0].id == "two"


def test_a_stored_policy_that_was_altered_is_not_believed(lamps: Lamps) -> None:
    weaker = in_force(rule("one")).document.as_json()
    weaker["rules"][0]["approver"] = "none"
    PolicyVersion.objects.update(document=weaker)
    policy_in_force._kept.cache_clear()
    now = policy.in_force()
    assert now.broken and now.document.rules[0].id == "safest"
    decided = evaluation.by_rule(
        now.document,
        registry.get("lamp.allow"),
        Situation("lamp.allow", Stance.LOOSEN, "LOW", frozenset({"operator"})),
    )
    assert (decided.kind, decided.approver) == ("require", "another")


def test_loosening_what_was_never_scanned_counts_as_the_policy_says(db: None) -> None:
    assert decision_severity.of_loosening(Target("skill", "new"), {}) == "HIGH"
    in_force(rule("all"), never_scanned_loosening="CRITICAL")
    assert decision_severity.of_loosening(Target("skill", "new"), {}) == "CRITICAL"

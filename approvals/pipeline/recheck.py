"""Whether an approval request still is what people approved: its row has the values of the intent,
its time is not over, and policy, state, roles and approvers are as they were (DESIGN 1.3.1, 1.3.5).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from approvals import actor_json, clock, people_and_roles, policy, registry
from approvals.audit_events import HOLD_RULE
from approvals.erasure import permitted_gaps
from approvals.erasure.permitted_gaps import Excuses
from approvals.errors import Refused
from approvals.models import Approval, AskState, Person
from approvals.pipeline import closing_entry_lookup, intent
from approvals.policy import policy_in_force
from approvals.step_up import owner_must_approve_first, rate_limit
from audit.erasure.subject_and_store_registry import MARK
from audit.models import EventRow
from audit.recording.actors import Actor
from audit.recording.stored_event_loader import AlteredEntry, load

READ_WITHIN = timedelta(minutes=10)
"""An answer that is read later than this after its time, as after a long outage, is not carried
out; polling gives up after the same time."""
STATE_CHANGED = "state_changed"
_OTHERS_FOLLOW_S = 7 * 86_400


def open_for_s(within_s: int, *, others_follow: bool) -> int:
    """Seconds until `not_after` of an intent: one person's time, or time to ask those on call; and
    time to wait for the turn of a push."""
    return (max(within_s, _OTHERS_FOLLOW_S) if others_follow else within_s) + rate_limit.SLACK_S


def no_longer_true(approval: Approval) -> str:
    """The code of what changed since the intent was made; empty when nothing did."""
    if differs := intent_broken(approval):
        return differs
    verb, target = registry.get(approval.verb), approval.target
    if approval.policy_digest != policy.policy_digest():
        return "policy_changed"
    if approval.state_digest != intent.digest(dict(verb.look(target, approval.params))):
        return STATE_CHANGED
    if approval.requester_sub:
        asked = people_and_roles.find(approval.requester_iss, approval.requester_sub)
        if asked is None or not policy.may(requester_now(approval), verb, target):
            return "requester_lost_role"
    return _rule_broken(approval)


def intent_broken(approval: Approval) -> str:
    """`intent_differs`, `intent_expired`, or empty."""
    if not _is_whole(approval) or differs(approval, _event_of_asking(approval)):
        return "intent_differs"
    if closing_entry_lookup.closing([approval]):  # somebody reopened it in the database
        return "intent_differs"
    try:
        not_after = datetime.fromisoformat(json.loads(approval.intent)["not_after"])
    except (ValueError, KeyError, TypeError):
        return "intent_differs"
    late = clock.now() - READ_WITHIN
    return "intent_expired" if late > min(not_after, approval.expires_at) else ""


def why_hold_stays(approval: Approval, *, by_rule: bool) -> str:
    """The code of why a hold stays that a denial, silence or the requester would end; else empty.

    Who writes the database must not have a hold end that the recorded request keeps.

    Args:
        by_rule: its rule says that the hold ends; without, its requester withdraws it.
    """
    try:
        asked, closed = _event_of_asking(approval), closing_entry_lookup.closing([approval])
    except AlteredEntry:
        return "intent_differs"
    outcome, _ = closed.get(str(approval.pk), ("", None))
    if differs(approval, asked) or asked is None or outcome != approval.outcome:
        return "intent_differs"
    return "rule_changed" if by_rule and _ends_otherwise(approval, asked) else ""


def _ends_otherwise(approval: Approval, asked: Mapping[str, Any]) -> bool:
    """Whether the rule of the row says something else of the hold than was recorded."""
    recorded = asked["data"].get("hold_rule") or _hold_rule_by_policy(approval, asked)
    return any(recorded.get(name) != approval.rule.get(name) for name in HOLD_RULE)


def _hold_rule_by_policy(approval: Approval, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the policy of a request says, which an older version recorded without that; empty where
    the policy, or what the request is about, is gone."""
    under = policy_in_force.load(approval.policy_digest)
    if under.broken:
        return {}
    roles = frozenset(asked["actor"]["roles"])
    requester = replace(actor_json.from_json(approval.requester), roles=roles)
    verb, target, params = registry.get(approval.verb), approval.target, approval.params
    try:
        decision = policy.decide(requester, verb, target, approval.severity, under, params)
    except Refused:
        return {}
    return decision.as_json()


def _event_of_asking(approval: Approval) -> Mapping[str, Any] | None:
    asked = EventRow.of_operation(approval.operation).filter(
        approval=str(approval.pk), action="approval.requested"
    )
    first = asked.order_by("event").values_list("event", flat=True).first()
    return load(first) if first else None


def differs(approval: Approval, asked: Mapping[str, Any] | None) -> bool:
    """Whether a request's row says something else than its intent, or than the event of the asking.

    The words that people read, the reason, and who asks are in no intent; the event has them. What
    an erasure took may be missing.

    Args:
        asked: the first `approval.requested` of the request; None where there is none.
    """
    if asked is None:
        return True
    if permitted_gaps.is_emptied(approval):
        return False
    if not _is_whole(approval) and MARK not in approval.intent:
        return True
    return _unlike_intent(approval) or _shown_otherwise(approval, asked)


def _is_whole(approval: Approval) -> bool:
    return intent.intent_hash(approval.intent.encode()) == approval.intent_hash


def _unlike_intent(approval: Approval) -> bool:
    try:
        said = json.loads(approval.intent)
    except ValueError:
        return True
    if not isinstance(said, dict):
        return True
    return any(said.get(name) != value for name, value in _row(approval).items())


def _shown_otherwise(approval: Approval, event: Mapping[str, Any]) -> bool:
    by = actor_json.from_json(approval.requester)
    if (by.iss, by.sub) != (approval.requester_iss, approval.requester_sub):
        return True
    return any(
        _altered(approval, column, row, said)
        for column, row, said in (
            ("intent", approval.intent, event["data"].get("intent")),
            ("reason", approval.reason, event["reason"]),
            ("sentence", approval.sentence, event["data"].get("sentence")),
            ("if_approved", approval.if_approved, event["data"].get("if_approved", "")),
            ("risk", approval.risk, event["data"].get("risk", "")),
            ("account", approval.account, event["data"].get("account", "")),
            ("requested_by", approval.requested_by, event["data"].get("requested_by", "")),
            ("requester", by.name, event["actor"].get("name")),
            ("requester", by.via, event["via"]),
            ("requester", by.agent, event["agent"]),
        )
    )


def _altered(approval: Approval, column: str, row: str, said: object) -> bool:
    if not isinstance(said, str) or said == row:
        return False
    return MARK not in row or Excuses().differ(approval, column, row, said)


def _row(approval: Approval) -> dict[str, Any]:
    instance = {"instance": approval.target_instance} if approval.target_instance else {}
    return {
        "verb": approval.verb,
        "target": {"kind": approval.target_kind, "name": approval.target_name, **instance},
        "params": approval.params,
        "severity": approval.severity,
        "actor": {"iss": approval.requester_iss, "sub": approval.requester_sub},
        "policy": approval.policy_digest,
        "state": approval.state_digest,
    }


_WHO = ("kind", "approver", "channel", "approver_roles", "count", "group", "people", "first")


def _rule_broken(approval: Approval) -> str:
    """Whether the rule that is kept with the request is the one that applies, and was kept to.

    The policy is the same here, so another rule means other roles, or an altered row.
    """
    requester = requester_now(approval)
    verb, target = registry.get(approval.verb), approval.target
    decision = policy.decide(requester, verb, target, approval.severity, params=approval.params)
    applies = decision.as_json()
    if any(applies[name] != approval.rule.get(name) for name in _WHO):
        return "rule_changed"
    asks = approval.asks.filter(state=AskState.APPROVED).select_related("person")
    approvers = {(ask.person.iss, ask.person.sub): ask.person for ask in asks}
    if broken := owner_must_approve_first.broken(approval, approvers, applies, requester):
        return broken
    own = (requester.iss, requester.sub)
    if applies["approver"] == "self":
        return "approver_is_another" if set(approvers) - {own} else ""
    if not all(may_approve(applies, person) for person in approvers.values()):
        return "approver_lost_role"
    if own in approvers and owner_must_approve_first.another_could(applies, requester):
        return "approver_is_requester"
    return ""


def requester_now(approval: Approval) -> Actor:
    """The requester with the roles held now; the system where a finding asked."""
    if not approval.requester_sub:
        return actor_json.from_json({})
    known = people_and_roles.find(approval.requester_iss, approval.requester_sub)
    roles = known.roles_now if known else frozenset()
    return replace(actor_json.from_json(approval.requester), roles=roles)


def may_approve(rule: dict[str, Any], person: Person) -> bool:
    """Whether somebody has a role for it still, and is in the group where one is asked."""
    wanted, named = set(rule["approver_roles"]), rule.get("people")
    in_group = not named or {"iss": person.iss, "sub": person.sub} in named
    return in_group and (not wanted or bool(wanted & person.roles_now))

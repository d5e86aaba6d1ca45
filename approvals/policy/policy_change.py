"""`policy.change`: the policy is changed under the policy in force, by two people (DESIGN 1.3.2).

The whole new document is in the intent. A base that is no longer in force is refused at the
request, and fails at commit: nobody overwrites what they did not see.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field

from approvals import actor_json, clock, people_and_roles, registry
from approvals.errors import Refused
from approvals.models import Person, PolicyVersion
from approvals.pipeline.intent import digest
from approvals.policy import change_for_approver, minimum, policy_in_force
from approvals.policy.change_for_approver import Difference
from approvals.policy.diff import Change, as_changes, changes
from approvals.policy.document import BadDocument, Document, read
from approvals.policy.evaluation import by_rule
from approvals.policy.first_matching_rule import Situation
from approvals.registry import CommitContext, Committed, Stance, Verb
from audit.recording.actors import Target

VERB: Final = "policy.change"
TARGET: Final = Target("policy", "approvals")


class ChangeParams(BaseModel):
    """`document`: the whole new policy; `base`: digest of the one it was made from."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any]
    base: str = Field(pattern="^[0-9a-f]{64}$")


def checked(document: Mapping[str, Any], base: str) -> tuple[Document, list[Change]]:
    """The document and what it changes, when it may become the policy.

    Raises:
        Refused: `bad_policy` (naming the place), `stale_policy`, `nothing_changes`.
    """
    now = policy_in_force.in_force()
    if base != now.digest:
        raise Refused(
            "stale_policy",
            "The policy was changed meanwhile. Look at what is in force now and change that.",
            pointer="/params/base",
        )
    try:
        made = read(document)
    except BadDocument as bad:
        where, words = bad.problems[0]
        raise Refused("bad_policy", f"{where}: {words}", pointer=_pointer(where)) from None
    if made.number != now.document.number + 1:
        raise Refused(
            "bad_policy",
            f"This would be version {now.document.number + 1}.",
            pointer=_pointer("/number"),
        )
    for breach in minimum.breaches(made):
        raise Refused("bad_policy", breach.words, pointer=_pointer(f"/rules/{breach.rule}"))
    if locked_out := _locked_out(made):
        raise Refused("bad_policy", locked_out, pointer=_pointer("/rules"))
    found = changes(now.document, made, settings.STEP_UP_EXPIRY_S)
    if not found:
        raise Refused("nothing_changes", "That is the policy in force already.")
    return made, found


def admins() -> list[Person]:
    """Who can change the policy, in the order of the roster."""
    return list(people_and_roles.with_role("admin"))


def _locked_out(made: Document) -> str:
    """Why nobody could change the policy any more under this one; empty when two admins could."""
    decided = by_rule(made, registry.get(VERB), _BY_AN_ADMIN)
    everybody = admins()
    if decided.approver == "group":
        named = [(p["iss"], p["sub"]) for p in decided.people]
        able = [
            p
            for p in everybody
            if set(decided.approver_roles) & set(p.roles) and (not named or (p.iss, p.sub) in named)
        ]
        needed = decided.count + 1
    else:
        able, needed = everybody, min(2, len(everybody))  # alone, they may by themselves
    if decided.channel in people_and_roles.NEEDS_PASSKEY:
        keyed = people_and_roles.with_passkeys(able)
        able = [p for p in able if p.pk in keyed]
    if len(able) >= needed:
        return ""
    with_passkey = (
        " with a passkey that counts" if decided.channel in people_and_roles.NEEDS_PASSKEY else ""
    )
    return (
        f"No one could change the policy again: that would need {needed} admins{with_passkey}, "
        f"so that one can ask and the others approve, and there are {len(able)}."
    )


_BY_AN_ADMIN = Situation(VERB, Stance.FINAL, "CRITICAL", frozenset({"admin"}))


def _pointer(where: str) -> str:
    return f"/params/document{where}"


def _severity(_target: Target, params: Mapping[str, Any]) -> str:
    """Always CRITICAL; what could not become the policy is refused before anybody is asked."""
    checked(params["document"], params["base"])
    return "CRITICAL"


def _differences(params: Mapping[str, Any]) -> list[Difference]:
    made, _ = checked(params["document"], params["base"])
    before = policy_in_force.in_force().document
    named = policy_in_force.names_in(before, made)
    return change_for_approver.differences(before, made, settings.STEP_UP_EXPIRY_S, named)


def _commit(ctx: CommitContext) -> Committed:
    made, found = checked(ctx.params["document"], ctx.params["base"])
    document = made.as_json()
    after = digest(document)
    PolicyVersion.objects.create(
        digest=after,
        document=document,
        approval=ctx.approval,
        operation=ctx.operation,
        created=clock.now(),
        author=actor_json.to_json(ctx.actor),
    )
    return Committed(
        data={"before": ctx.params["base"], "after": after, "number": made.number},
        changes=as_changes(found),
    )


def _recorded(ctx: CommitContext, event_id: UUID) -> None:
    PolicyVersion.objects.filter(operation=ctx.operation).update(event_id=event_id)


registry.register(
    Verb(
        name=VERB,
        event="policy.changed",
        label="Change",
        roles=frozenset({"admin"}),
        needs_fresh_sign_in=lambda _actor, _target: True,
        stance=Stance.FINAL,
        target_kinds=frozenset({TARGET.kind}),
        commit=_commit,
        recorded=_recorded,
        params=ChangeParams,
        severity=_severity,
        look=lambda _target, _params: {"policy": policy_in_force.in_force().digest},
        sentence=lambda _target, params: change_for_approver.sentence(_differences(params)),
        by_passkey=lambda _target, params: change_for_approver.is_for_portal(_differences(params)),
        risk=lambda _target, params: change_for_approver.risk(_differences(params)),
        if_approved="It applies to every later decision. Requests waiting under the old "
        "policy fail.",
        if_denied="The policy stays as it is.",
        if_expired="The policy stays as it is.",
    )
)

"""Several requests about one thing: the first that commits wins, and the others close at once.

The rule (ADR 11): the same request by the same person is the one that waits already; different ones
wait side by side. As soon as one commits, every other whose target is no longer as it was asked
about fails as `overtaken`, rather than at its own answer, so that nobody approves in vain.
"""

from __future__ import annotations

from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max

from approvals import policy, registry
from approvals.errors import Refused
from approvals.models import Approval, Status
from approvals.pipeline import deny_expire_cancel, intent, recheck
from approvals.step_up.rate_limit import OVERTAKEN_BY_REQUESTER
from audit.recording.actors import Actor, Target

CODE = "overtaken"
_WORDS = (
    "Another decision about the same thing was applied first. Request it again if it is still "
    "needed."
)
_BY_REQUESTER_WORDS = (
    "Its requester decided something else about the same thing meanwhile. Ask again if it is still "
    "wanted."
)
_BEFORE_UPDATE = "asked_before_update"
_BEFORE_UPDATE_WORDS = (
    "It was asked for before the portal was updated, and what its requester was shown then cannot "
    "be compared with what stands now. Ask again if it is still wanted."
)


def close(
    target: Target,
    winner: Approval | None = None,
    by: Actor | None = None,
    because: tuple[str, str] = (CODE, _WORDS),
) -> int:
    """Close what a decision about `target`, just committed in this transaction, overtook.

    Returns how many. `winner` is the approval that committed, `by` the person who decided without
    one, `because` code and sentence where it was no decision. A request that was made meanwhile and
    that another transaction has locked is left to it: its own answer finds that the state changed.
    """
    waiting = Approval.objects.filter(
        target_kind=target.kind, target_name=target.name, status=Status.PENDING
    ).select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
    if winner is not None:
        waiting = waiting.exclude(pk=winner.pk)
    closed = 0
    for approval in waiting:
        if approval.state_digest == _state_now(approval):
            continue
        own = by is not None and (by.iss, by.sub) == (
            approval.requester_iss,
            approval.requester_sub,
        )
        said = (OVERTAKEN_BY_REQUESTER, _BY_REQUESTER_WORDS) if own else because
        deny_expire_cancel.fail(approval, None, *why(approval, *said))
        closed += 1
    return closed


def why(approval: Approval, code: str, words: str) -> tuple[str, str]:
    """Code and sentence of a request whose target is not as it was shown: these, or others where
    an update of the portal came between, since a later version may describe the same otherwise."""
    updated = MigrationRecorder.Migration.objects.aggregate(at=Max("applied"))["at"]
    if updated is not None and approval.created < updated:
        return _BEFORE_UPDATE, _BEFORE_UPDATE_WORDS
    return code, words


def changed(approval: Approval) -> str:
    """The code of what a waiting request is no longer true of: its target or the policy. Empty
    while it is; what else can fail it shows when it is approved."""
    if approval.policy_digest != policy.policy_digest():
        return "policy_changed"
    return "" if approval.state_digest == _state_now(approval) else recheck.STATE_CHANGED


def _state_now(approval: Approval) -> str:
    verb = registry.get(approval.verb)
    try:
        return intent.digest(dict(verb.look(approval.target, approval.params)))
    except Refused:  # what it was asked about is not there any more
        return ""

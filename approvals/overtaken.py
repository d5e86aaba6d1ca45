"""Several requests about one thing: the first that commits wins, and the others close at once.

The rule (ADR 11): the same request by the same person is the one that waits already; different ones
wait side by side. As soon as one commits, every other whose target is no longer as it was asked
about fails as `overtaken`, rather than at its own answer, so that nobody approves in vain.
"""

from __future__ import annotations

from django.db import connection

from approvals import intent, registry
from approvals.models import Approval, Status
from audit.actor import Target

CODE = "overtaken"
_WORDS = (
    "Another decision about the same thing was committed first. Ask again if it is still wanted."
)


def close(target: Target, winner: Approval | None = None) -> int:
    """Close what a decision about `target`, just committed in this transaction, overtook.

    Returns how many. `winner` is the approval that committed. One that was asked for meanwhile and
    that another transaction has locked is left to it: its own answer finds that the state changed.
    """
    from approvals import closing  # closing calls this

    waiting = Approval.objects.filter(
        target_kind=target.kind, target_name=target.name, status=Status.PENDING
    ).select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
    if winner is not None:
        waiting = waiting.exclude(pk=winner.pk)
    closed = 0
    for approval in waiting:
        if approval.state_digest == _state_now(approval):
            continue
        closing.fail(approval, None, CODE, _WORDS)
        closed += 1
    return closed


def _state_now(approval: Approval) -> str:
    from approvals.perform import Refused  # perform calls this

    verb = registry.get(approval.verb)
    target = Target(approval.target_kind, approval.target_name, approval.target_instance)
    try:
        return intent.digest(dict(verb.look(target, approval.params)))
    except Refused:  # what it was asked about is not there any more
        return ""

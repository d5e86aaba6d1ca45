"""Locks on approvals, taken in one order so that two answers about one thing never wait for each
other: first whatever is pending about the target, by id, then the one in question.

So the second of two answers sees what the first did, and its request may be closed already.
"""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from approvals.models import Approval, Status


def lock_target(kind: str, name: str) -> None:
    """Lock every pending request about a thing, inside the caller's transaction.

    Where the engine has no such locks (SQLite), its transactions write one at a time anyway.
    """
    if not connection.features.has_select_for_update:
        return
    pending = Approval.objects.filter(target_kind=kind, target_name=name, status=Status.PENDING)
    list(pending.select_for_update().order_by("pk").values_list("pk", flat=True))


def locked(approval_id: UUID | str) -> Approval:
    """The approval, locked for the caller's transaction.

    Raises:
        Approval.DoesNotExist: there is none.
    """
    if connection.features.has_select_for_update:
        about = Approval.objects.filter(pk=approval_id)
        lock_target(*about.values_list("target_kind", "target_name").get())
    return Approval.objects.select_for_update().get(pk=approval_id)

"""Locks on requests, taken in one order so that two decisions never wait for each other.

A decision locks, in one statement and by id, every pending request about its target and about all
parts of it, then the rows of its domain. So the second of two answers sees what the first did, and
a decision on several things and one on a single of them wait for each other in one direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import connection
from django.db.models import Q

from approvals import registry
from approvals.models import Approval, Status
from audit.db.process_locks import one_at_a_time
from audit.recording.actors import Target


def lock_decisions(target: Target) -> None:
    """Wait until nobody else decides about this thing, also where it has no row, until the caller's
    transaction ends."""
    one_at_a_time(f"decide {target.kind} {target.name}")


def lock_targets(targets: Sequence[Target]) -> None:
    """Lock every pending request about these things, inside the caller's transaction.

    Where the engine has no such locks (SQLite), its transactions write one at a time anyway.
    """
    if connection.features.has_select_for_update:
        _lock(_about(targets))


def locked(approval_id: UUID | str) -> Approval:
    """The approval, locked for the caller's transaction with all requests about the same things.

    Raises:
        Approval.DoesNotExist: there is none.
    """
    if connection.features.has_select_for_update:
        found = Approval.objects.only("verb", "params", *_TARGET).get(pk=approval_id)
        target = found.target
        parts = registry.get(found.verb).parts(target, found.params)
        _lock(_about([target, *parts]) | Q(pk=approval_id))
    return Approval.objects.select_for_update().get(pk=approval_id)


_TARGET = ("target_kind", "target_name", "target_instance")


def _about(targets: Sequence[Target]) -> Q:
    names: dict[str, set[str]] = {}
    for target in targets:
        names.setdefault(target.kind, set()).add(target.name)
    about = Q(pk__in=[])
    for kind, named in names.items():
        about |= Q(target_kind=kind, target_name__in=named, status=Status.PENDING)
    return about


def _lock(which: Q) -> None:
    rows = Approval.objects.filter(which).select_for_update().order_by("pk")
    list(rows.values_list("pk", flat=True))

"""The erase job: store after store, each step kept, so that a kill only means to go on.

It is a remote-like step of the decision (`approvals.outbox.step_execution`): due work that any
worker takes up, and its end, the certificate, is a separate event.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction

from approvals import clock, registry
from approvals.erasure import (
    approved_scope,
    certificate,
    changed_scope_refusal,
    erased_or_altered_documents,
    erasure_list_file,
    legal_hold_check,
    record_of_emptied_columns,
)
from approvals.models import Erasure, ErasureState
from approvals.registry import EffectResult, EffectRun
from audit.db import process_locks
from audit.erasure import audit_app_stores, erase_openings, subject_and_store_registry, vacuum
from audit.erasure.subject_and_store_registry import Store, Whose
from audit.exports import erase_exports

ERASE = "subject.erase"
_BUDGET_S = 15.0  # well below the lease of a due step
_HELD = "a legal hold was placed before all was erased"
_RESTRICTED = "others restricted more of the person after the approval: decide again"
_CODES = {_HELD: legal_hold_check.CODE, _RESTRICTED: "restricted_meanwhile"}


@registry.effect(ERASE)
def erase(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Go on with an erasure for a while; done once every store is."""
    found = Erasure.objects.filter(pk=payload["erasure"]).first()
    if found is None or found.operation != run.operation:
        return changed_scope_refusal.refuse(found, run.operation)
    return go_on(found, ends=payload.get("ends"))


def go_on(
    found: Erasure, *, ends: Collection[str] | None = None, budget_s: float = _BUDGET_S
) -> EffectResult:
    """Erase what is left of an erasure, for about `budget_s`; safe to repeat at any time.

    Args:
        ends: digests of what others restricted and its approver was shown: with anything else it
            stops. None of one that is repeated, or was decided before they were kept.
    """
    with process_locks.alone("erasing") as held:
        if not held:
            return _waits(found, "another worker is at it", 2.0)
        found.refresh_from_db()
        try:
            if approved_scope.altered(found):
                return changed_scope_refusal.refuse(found, found.operation)
        except approved_scope.NotYet:
            return _waits(found, "waits for the decision to be in the log", 1.0)
        if found.state == ErasureState.PENDING:
            return _go_on(found, ends, time.monotonic() + budget_s)
    if found.state == ErasureState.DONE:
        return _done(found)
    return _stopped(found)


def _go_on(found: Erasure, ends: Collection[str] | None, until: float) -> EffectResult:
    if not found.replayed and legal_hold_check.in_force(found.subject).exists():
        return _stop(found, _HELD)
    left = [store for store in subject_and_store_registry.stores() if store.name not in found.steps]
    if _is_restricted_further(left, subject_and_store_registry.identify(found.subject), ends):
        return _stop(found, _RESTRICTED)
    reach = _list(found)
    for store in left:
        if reach is not None and store.name not in reach:
            continue
        if time.monotonic() > until:
            return _waits(found, f"next: {store.label}", 0.0)
        if ended := _erase_one(found, store, until, ends):
            return ended
    found.state, found.detail, found.finished = ErasureState.DONE, "", clock.now()
    found.certificate = certificate.build(found)
    approved_scope.save(found, ["state", "detail", "finished", "certificate"])
    return _done(found)


def _is_restricted_further(
    stores: Iterable[Store], whose: Whose, ends: Collection[str] | None
) -> bool:
    if ends is None:
        return False
    now = {one.digest for store in stores for one in store.restrictions(whose)}
    return not now <= set(ends)


def _list(found: Erasure) -> set[str] | None:
    """Put the erasure on the list outside the database, before anything is erased; which stores."""
    if found.replayed:
        return None
    decided = approved_scope.decision(found)
    if found.index is None or not found.seal:
        found.index = decided["index"]
        approved_scope.save(found, ["index"])
    erasure_list_file.add(found.subject, found.index)
    return approved_scope.reach(decided)


def _erase_one(
    found: Erasure, store: Store, until: float, ends: Collection[str] | None = None
) -> EffectResult | None:
    """Erase one store; None once it is done."""
    whose = subject_and_store_registry.identify(found.subject)
    if store.name == audit_app_stores.LOG:
        return _erase_log(found, whose, until)
    if store.name == audit_app_stores.DATABASE:
        try:
            vacuum.compact()
        except vacuum.Busy as busy:
            return _waits(found, str(busy), 5.0)
        _keep(found, store.name, 0)
        return None
    with transaction.atomic():
        store.lock(whose)
        if _is_restricted_further([store], whose, ends):
            return _stop(found, _RESTRICTED)
        sealed = erased_or_altered_documents.unaltered(store.sealed(whose))
        said = record_of_emptied_columns.read(store.repeats(whose))
        _keep(found, store.name, store.erase(whose))
        erased_or_altered_documents.note(found, sealed)
        record_of_emptied_columns.note(found, said)
    return None


def _erase_log(found: Erasure, whose: Whose, until: float) -> EffectResult | None:
    def note(positions: Any) -> None:
        seen = [seq for first, last in found.touched for seq in range(first, last + 1)]
        found.touched = erase_openings.ranges([*seen, *positions])
        approved_scope.save(found, ["touched"])

    while erase_openings.erase_some(whose, note, placed_only=not found.replayed):
        if time.monotonic() > until:
            return _waits(found, "values of the audit trail", 0.0)
    if not found.replayed and erase_openings.waiting(whose):
        return _waits(found, "waits for the newest events to be in the log", 1.0)
    if found.touched:
        erase_exports.drop_holding(found.touched[0][0])  # one may have been written meanwhile
    _keep(found, audit_app_stores.LOG, sum(last - first + 1 for first, last in found.touched))
    return None


def _keep(found: Erasure, store: str, count: int) -> None:
    found.steps = {**found.steps, store: count}
    approved_scope.save(found, ["steps"])


def _waits(found: Erasure, detail: str, retry_in_s: float) -> EffectResult:
    Erasure.objects.filter(pk=found.pk, state=ErasureState.PENDING).update(detail=detail[:300])
    return EffectResult("pending", detail, retry_in_s=retry_in_s)


def _stop(found: Erasure, why: str) -> EffectResult:
    found.state, found.detail, found.finished = ErasureState.FAILED, why, clock.now()
    approved_scope.save(found, ["state", "detail", "finished"])
    return _stopped(found)


def _stopped(found: Erasure) -> EffectResult:
    code = _CODES.get(found.detail, legal_hold_check.CODE)
    data = {"failure": code, **certificate.touched(found), **certificate.lists(found)}
    return EffectResult("failed", found.detail, data=data)


def _done(found: Erasure) -> EffectResult:
    return EffectResult("done", "erased in every store", data=dict(found.certificate))

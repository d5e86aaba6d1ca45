"""The store of `enforcement`: who decided, held or dismissed, and people that findings name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db.models import Q

from approvals import clock
from approvals.models import Effect
from audit.erasure import erase_names_in_text
from audit.erasure.subject_and_store_registry import MARK, Store, Whose, register, reserves
from enforcement.models import (
    Asset,
    CommandState,
    Finding,
    OutpostCommand,
    OutpostState,
    Scan,
    Watch,
)
from enforcement.outposts import issued_commands

_COMMAND: Final = ("body", "result")
_SCRUBBED: tuple[tuple[type[Any], tuple[str, ...]], ...] = (
    (
        Asset,
        (
            *("decided_by", "decided_sub", "reason", "also_by"),
            *("held_by", "hold_reason", "holds_below"),
        ),
    ),
    (Finding, ("title", "location", "status_by", "status_reason")),
    (Scan, ("detail",)),
    (Watch, ("blocked", "allowed", "detail")),
    (OutpostState, ("entries", "quarantine", "config", "health")),
    (OutpostCommand, _COMMAND),
)


@reserves
def from_assets(_key: str) -> Iterator[str]:
    """What components are called."""
    yield from Asset.objects.order_by().values_list("name", flat=True).distinct()


def _count(whose: Whose) -> int:
    return sum(erase_names_in_text.count(model, fields, whose) for model, fields in _SCRUBBED)


def _erase(whose: Whose) -> int:
    # What they wrote goes whole. Where only a display name stands, it tells whose it was, unless
    # somebody else has it too.
    names = {whose.name, whose.email} & {*whose.words, *whose.labels}
    Asset.objects.filter(decided_sub__in=whose.subs).update(
        decided_by=MARK, decided_sub=MARK, reason=""
    )
    Asset.objects.filter(held_by__in=names).update(held_by=MARK, hold_reason="")
    for row in Asset.objects.select_for_update().exclude(holds_below=[]):
        theirs = [one for one in row.holds_below if one["by"] in names]
        for one in theirs:
            one |= {"by": MARK, "reason": ""}
        if theirs:
            row.save(update_fields=["holds_below"])
    Finding.objects.filter(Q(status_by__in=names)).update(status_by=MARK, status_reason="")
    whole = issued_commands.sealed_now()
    withdrawn = _withdraw_commands(whose)
    scrubbed = sum(erase_names_in_text.scrub(model, fields, whose) for model, fields in _SCRUBBED)
    issued_commands.reseal(whole)
    return withdrawn + scrubbed


def _withdraw_commands(whose: Whose) -> int:
    """Withdraw what waits and names the person: its step issues it again, without them."""
    pattern = whose.pattern()
    waiting = OutpostCommand.objects.filter(state=CommandState.WAITING)
    named = [
        one.pk
        for one in erase_names_in_text.naming(waiting, _COMMAND, whose)
        if pattern is not None and erase_names_in_text.holds(one.body, pattern)
    ]
    OutpostCommand.objects.filter(pk__in=named).delete()
    Effect.objects.filter(pk__in=named, due__isnull=False).update(due=clock.now())
    return len(named)


register(
    Store(
        "enforcement",
        "Who decided on components and findings, and findings that name the person",
        20,
        _count,
        _erase,
        [f"enforcement.{model.__name__}.{name}" for model, fields in _SCRUBBED for name in fields],
    )
)

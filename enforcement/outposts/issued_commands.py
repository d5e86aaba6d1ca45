"""Commands to outposts as sealed rows: issued once for each remote step, settled by a report.

The seal says that this portal wrote the row and its result so. A row that somebody made or changed
is neither sent nor believed.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from approvals import clock
from approvals.models import Effect
from audit.evidence import row_seals
from audit.verification.checks import checks_from_other_apps
from audit.verification.checks.checks_from_other_apps import Wrong
from audit.verification.unreadable_rows import UNREADABLE
from enforcement.models import CommandState, Outpost, OutpostCommand
from enforcement.outposts import command_format

LABEL: Final = "ata.outpost-command.v1"
MOST: Final = 20
"""Commands of one answer."""
_SEALED: Final = ("n", "act", "body", "signature", "state", "result")
_ENDED: Final = "ended_step"
log = logging.getLogger(__name__)


def issue(effect: Effect, outpost_id: str, tags: Mapping[str, str]) -> OutpostCommand:
    """Write and sign the command of a remote step; the one that there is where it was issued.

    Numbers grow with the clock, so that they also do after an older database was restored.

    Raises:
        LedgerIdentityError: the command key cannot be read.
    """
    now = clock.now()
    with transaction.atomic():
        outpost = Outpost.objects.select_for_update().get(pk=outpost_id)
        known = OutpostCommand.objects.filter(pk=effect.pk).first()
        if known is not None:
            return known
        n = max(outpost.last_command + 1, int(now.timestamp() * 1000))
        text = command_format.body(effect, outpost.id, n, tags, now)
        command = OutpostCommand(
            id=effect.pk,
            outpost=outpost,
            n=n,
            act=command_format.STEPS[effect.kind],
            body=text,
            signature=command_format.sign(text),
            issued_at=now,
        )
        command.seal = row_seals.seal(LABEL, _said(command))
        command.save(force_insert=True)
        outpost.last_command = n
        outpost.save(update_fields=["last_command"])
    return command


def waiting(outpost_id: str, after: int) -> list[OutpostCommand]:
    """What an outpost has not reported on, beyond that number, in order; altered rows are left out.

    The rows are marked as fetched.
    """
    found = OutpostCommand.objects.filter(
        outpost=outpost_id, n__gt=after, state=CommandState.WAITING
    )
    sealed = (one for one in found.order_by("n").iterator(MOST) if is_sealed(one))
    sent = list(islice(sealed, MOST))
    fresh = [one.pk for one in sent if one.fetched_at is None]
    if fresh:
        OutpostCommand.objects.filter(pk__in=fresh).update(fetched_at=clock.now())
        # Its step says on the page that the outpost has it.
        Effect.objects.filter(pk__in=fresh, due__isnull=False).update(due=clock.now())
    return sent


def newest_waiting() -> dict[str, int]:
    """The number of the newest command that waits, by outpost; one query."""
    rows = OutpostCommand.objects.filter(state=CommandState.WAITING).order_by()
    return dict(rows.values_list("outpost_id").annotate(Max("n")))


def settle(command: OutpostCommand, state: CommandState, result: Mapping[str, Any]) -> None:
    """Write what the outpost reported of a command, and have its step look at that now."""
    command.state, command.result = state, dict(result)
    command.seal = row_seals.seal(LABEL, _said(command))
    command.save(update_fields=["state", "result", "seal"])
    Effect.objects.filter(pk=command.pk, due__isnull=False).update(due=clock.now())


def note_end_of_step(command: OutpostCommand) -> None:
    """Note that the step of a command failed by what was reported of it; when the step is tried
    again, that result is an old one."""
    command.result = {**command.result, _ENDED: True}
    command.seal = row_seals.seal(LABEL, _said(command))
    command.save(update_fields=["result", "seal"])


def has_ended_its_step(command: OutpostCommand) -> bool:
    """Whether the step of a command failed by it, so that another try needs another command."""
    return is_sealed(command) and command.result.get(_ENDED) is True


def is_sealed(command: OutpostCommand) -> bool:
    """Whether the row is as this portal wrote it."""
    try:
        return row_seals.holds(LABEL, _said(command), command.seal)
    except UNREADABLE:
        return False


def sealed_now() -> set[UUID]:
    """Commands that are as this portal wrote them."""
    return {one.pk for one in OutpostCommand.objects.iterator(500) if is_sealed(one)}


def reseal(which: Collection[UUID]) -> None:
    """Seal these again: this portal removed personal values from them, or the key changes."""
    for one in OutpostCommand.objects.filter(pk__in=which):
        OutpostCommand.objects.filter(pk=one.pk).update(seal=row_seals.seal(LABEL, _said(one)))


def waits_since(outpost_id: str) -> datetime | None:
    """When the oldest command was issued that an outpost has not reported on."""
    found = OutpostCommand.objects.filter(outpost=outpost_id, state=CommandState.WAITING)
    return found.order_by("n").values_list("issued_at", flat=True).first()


def problems() -> Iterator[Wrong]:
    """Commands that are not what this portal wrote; part of `verify_ledger`."""
    for one in OutpostCommand.objects.order_by("n").iterator(500):
        if not is_sealed(one):
            yield Wrong(f"the command {one.pk} to an outpost is not one that was issued")


def _said(command: OutpostCommand) -> dict[str, Any]:
    names = {name: getattr(command, name) for name in _SEALED}
    return {**names, "id": str(command.pk), "outpost": command.outpost_id}


checks_from_other_apps.register("commands to outposts", problems)

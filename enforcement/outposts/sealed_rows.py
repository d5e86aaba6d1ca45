"""Rows of outposts, their codes and revocations, checked before the portal goes by them: sealed, as
other working rows are, and compared with the log.

A seal keeps somebody who writes to the database from making a row or changing one. An older sealed
row could still be put back; so the entries of the log have to agree which outpost of a gateway
enrolled last, and whether it was suspended, revoked or contested since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import Q

from approvals import clock
from audit.evidence import row_seals
from audit.recording import enrolment_entry_lookup
from audit.verification.unreadable_rows import UNREADABLE
from enforcement.models import EnrolmentCode, Outpost, RevokedEnrolment

type Row = Outpost | EnrolmentCode | RevokedEnrolment

ALTERED: Final = (
    "The row of this outpost is not as it was enrolled and decided: someone wrote to the "
    "database. It gets no commands, and its reports are refused. Find out who, revoke it and "
    "enrol a new one if the gateway needs one."
)
_LABELS: Final[dict[type[Row], str]] = {
    Outpost: "ata.outpost.v1",
    EnrolmentCode: "ata.outpost-code.v1",
    RevokedEnrolment: "ata.revoked-enrolment.v1",
}
_SEALED: Final[dict[type[Row], tuple[str, ...]]] = {
    Outpost: (
        *("id", "public_key", "command_key", "instance", "operation", "enrolled_at"),
        *("suspended_at", "suspended_by", "revoked_at", "contested_at"),
    ),
    EnrolmentCode: (
        *("approval", "operation", "instance", "decided_at"),
        *("digest", "expires_at", "used_at", "uses", "until"),
    ),
    RevokedEnrolment: ("instance", "enrolment", "operation", "revoked_at"),
}
_LATER: Final[dict[str, str | None]] = {"uses": "1", "until": None}
"""Columns that came later: sealed only where they have another value, so older seals stay valid."""

_LONGEST_ID: Final = 32
"""Characters of an outpost's id; an entry that somebody added may name a longer one."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The outpost of a gateway by the log: the decision that enrolled it, and what came since."""

    operation: str
    outpost: str
    is_suspended: bool = False
    is_revoked: bool = False
    is_contested: bool = False


def seal(row: Row) -> str:
    """The seal of a row as it is now."""
    return row_seals.seal(_LABELS[type(row)], _said(row))


def is_sealed(row: Row) -> bool:
    """Whether this portal wrote the row so."""
    try:
        return row_seals.holds(_LABELS[type(row)], _said(row), row.seal)
    except UNREADABLE:
        return False


def change(row: Row, **values: Any) -> None:
    """Write columns of a locked row and seal it again; one that somebody altered stays unsealed."""
    whole = is_sealed(row)
    for name, value in values.items():
        setattr(row, name, value)
    row.seal = seal(row) if whole else ""
    row.save(update_fields=[*values, "seal"])


def revoke(instance: str, operation: str) -> dict[str, Any]:
    """Revoke the outpost of a gateway, by its rows and by the log, so that the gateway has none.

    Rows of what the log has as enrolled are sealed whatever somebody wrote to them: a revoked one
    is only refused, and who revokes one that was altered has decided that its gateway has none. One
    of another enrolment keeps its seal and gets none, since it may name one that is still to come.
    Where no row is left of what the log has as enrolled, another row says that this enrolment is
    revoked.

    Args:
        operation: the decision that revokes it.

    Returns:
        What its event has in clear: the outpost, the gateway, and that its row was missing or
        altered.
    """
    newest = recorded(instance).get(instance)
    of_newest = Q(operation=newest.operation) if newest else Q()
    stored = Outpost.objects.select_for_update().filter(instance=instance)
    rows = list(stored.filter(Q(revoked_at=None) | of_newest).order_by("id"))
    named = next((row.id for row in rows if row.revoked_at is None), "")
    state = "" if all(agrees(row, newest) for row in rows) else "altered"
    if newest and not any(row.operation == newest.operation for row in rows):
        named, state = newest.outpost, "missing"
        _end_enrolment(instance, newest.operation, operation)
    for row in rows:
        whole = is_sealed(row) or (newest is not None and row.operation == newest.operation)
        row.revoked_at = clock.now()
        row.seal = seal(row) if whole else ""
        row.save(update_fields=["revoked_at", "seal"])
    said = {"outpost": named or rows[0].id, "gateway": instance}
    return said | ({"row": state} if state else {})


def _end_enrolment(instance: str, enrolment: str, operation: str) -> None:
    """Write that an enrolment is revoked of which no row is left, over what somebody wrote."""
    row = RevokedEnrolment(
        instance=instance, enrolment=enrolment, operation=operation, revoked_at=clock.now()
    )
    RevokedEnrolment.objects.update_or_create(
        instance=instance,
        enrolment=enrolment,
        defaults={"operation": operation, "revoked_at": row.revoked_at, "seal": seal(row)},
    )


def is_ended(instance: str, newest: Recorded) -> bool:
    """Whether the newest enrolment at a gateway was revoked by a decision that found no row of it:
    the log and a sealed row have to agree."""
    found = RevokedEnrolment.objects.filter(instance=instance, enrolment=newest.operation)
    return newest.is_revoked and any(is_sealed(row) for row in found)


def recorded(instance: str = "") -> dict[str, Recorded]:
    """What the log has about the newest outpost of each gateway, or of one."""
    found: dict[str, Recorded] = {}
    gateways: dict[str, str] = {}
    operations = set()
    for one in enrolment_entry_lookup.of("outpost"):
        action, said = one.document["action"], one.document["data"]
        named = enrolment_entry_lookup.gateway_of(one.document)
        name = str(named or gateways.get(said.get("outpost"), ""))
        if instance and name != instance:
            continue
        known = found.get(name)
        if action == "outpost.key_enrolled":
            operation = one.document["operation"]
            if (name, operation) not in operations:  # one decision enrols once
                found[name] = Recorded(operation, said["outpost"][:_LONGEST_ID])
            operations.add((name, operation))
            gateways[said["outpost"]] = name
        elif known is not None:
            found[name] = Recorded(
                known.operation,
                known.outpost,
                action == "outpost.suspended"
                or (known.is_suspended and action != "outpost.resumed"),
                known.is_revoked or action == "outpost.revoked",
                known.is_contested or action == "outpost.contested",
            )
    return found


def is_as_recorded(outpost: Outpost) -> bool:
    """Whether an outpost's row is sealed and the log agrees with it; its row may be read again."""
    if agrees(outpost, recorded(outpost.instance).get(outpost.instance)):
        return True
    if not Outpost.objects.filter(pk=outpost.pk).exists():
        return False
    outpost.refresh_from_db()  # a decision may have been committed between both readings
    return agrees(outpost, recorded(outpost.instance).get(outpost.instance))


def agrees(outpost: Outpost, found: Recorded | None) -> bool:
    """Whether a row is sealed and stands as the log has the outpost of its gateway."""
    if found is None or not is_sealed(outpost):
        return False
    if found.operation != outpost.operation:
        return outpost.revoked_at is not None  # a later one enrolled
    if found.is_revoked:
        return outpost.revoked_at is not None
    return (found.is_suspended, found.is_revoked, found.is_contested) == (
        outpost.suspended_at is not None,
        outpost.revoked_at is not None,
        outpost.contested_at is not None,
    )


def sealed_now() -> dict[type[Row], set[Any]]:
    """Rows that are as this portal wrote them."""
    return {
        model: {row.pk for row in model.objects.iterator(500) if is_sealed(row)}
        for model in _SEALED
    }


def reseal(which: Mapping[type[Row], Collection[Any]]) -> None:
    """Seal these again: the key changes."""
    for model, keys in which.items():
        for row in model.objects.filter(pk__in=keys):
            row.seal = seal(row)
            row.save(update_fields=["seal"])


def _said(row: Row) -> dict[str, Any]:
    said = {name: _json(getattr(row, name)) for name in _SEALED[type(row)]}
    return {k: value for k, value in said.items() if k not in _LATER or value != _LATER[k]}


def _json(value: Any) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return None if value is None else str(value)

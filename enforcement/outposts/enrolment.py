"""Enrolling an outpost: an approved decision gives one code, and the code takes in one device key.

A code is 128 random bits. It is shown once to the person who asked, kept as a digest, and counts
for fifteen minutes and one use. A fleet code counts for as many uses as were approved, one a name
that matches its pattern, until it expires or is ended, while the person who asked for it is an
admin; its uses are counted in the log.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from approvals import clock, people_and_roles
from approvals.errors import Refused
from approvals.models import Approval, Person
from audit.clock import rfc3339
from audit.recording import enrolment_entry_lookup
from audit.recording.actors import Actor, Target
from audit.recording.enrolment_entry_lookup import GATEWAY, Found
from audit.recording.record import record
from enforcement import waiting_steps
from enforcement.models import EnrolmentCode, Outpost
from enforcement.outposts import command_recipients, sealed_rows, trust_pinned_at_enrolment

GOOD_FOR: Final = timedelta(minutes=15)
ISSUED_WITHIN: Final = timedelta(days=1)
"""How long after the decision its code can be had."""
_GROUP: Final = 4
REFUSED: Final = (
    "This code does not count: it is wrong, used, expired, ended, for another gateway, or from "
    "before an outpost of this gateway enrolled or was revoked."
)
_ANY: Final = "*"
"""What ends the pattern of a fleet code; no gateway has it in its name."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A code, for the eyes of the person who asked, once."""

    code: str
    instance: str
    expires_at: datetime
    pins: dict[str, Any]
    pins_digest: str
    uses: int


@dataclass(frozen=True, slots=True)
class Device:
    """What an outpost says about itself when it enrols; host and user are personal."""

    public_key: str
    outpost: str
    instance: str
    host: str
    user: str
    uid: int
    data_folder: str
    generation: str
    cli_path: str
    cli_sha256: str
    version: str


def may_be_issued(actor: Actor, approval: UUID) -> EnrolmentCode | None:
    """The right to a code that this person still has from their approved request."""
    asked = Approval.objects.filter(
        id=approval, requester_iss=actor.iss, requester_sub=actor.sub, verb="outpost.enrol"
    )
    if not actor.sub or not asked.exists():
        return None
    found = EnrolmentCode.objects.filter(
        approval=approval, digest=None, decided_at__gt=clock.now() - ISSUED_WITHIN
    ).first()
    if found is None or not sealed_rows.is_sealed(found):
        return None
    return None if is_fleet(found) and not is_good(found) else found


def issue(actor: Actor, approval: UUID) -> Issued:
    """Make the code of an approved request; it cannot be had a second time.

    Raises:
        Refused: `code_not_available`, `not_permitted`.
    """
    if "admin" not in actor.roles:
        raise Refused("not_permitted", "Only an admin gets the code of an outpost.")
    right, found = may_be_issued(actor, approval), trust_pinned_at_enrolment.current()
    now, code = clock.now(), _grouped(b32encode(secrets.token_bytes(16)).decode().rstrip("="))
    expires_at = (right.until if right is not None else None) or now + GOOD_FOR
    with transaction.atomic():
        mine = EnrolmentCode.objects.filter(approval=approval, digest=None)
        if right is not None:
            right.digest, right.expires_at = digest_of(code), expires_at
        if right is None or not mine.update(
            digest=right.digest, expires_at=expires_at, seal=sealed_rows.seal(right)
        ):
            raise Refused(
                "code_not_available",
                "There is no code to show: the request is not yours, not approved or older than a "
                "day, its code was shown already, or an outpost enrolled or was revoked since. Ask "
                "again to enrol the outpost.",
            )
        record(
            actor,
            "outpost.code_issued",
            target=Target("outpost", right.instance, "" if is_fleet(right) else right.instance),
            approval=str(approval),
            operation=right.operation,
            data={"expires_at": clock.stamp(expires_at)},
        )
    pins_digest = trust_pinned_at_enrolment.digest(found)
    return Issued(code, right.instance, expires_at, found, pins_digest, right.uses)


def enrol(code: str, device: Device, actor: Actor, pinned: Mapping[str, Any]) -> Outpost:
    """Take in a device key for the instance that the code is for.

    Args:
        actor: how the request arrived (its address); the outpost is named in the event.
        pinned: what the outpost is given to pin (`pins.current`).

    Raises:
        Refused: `enrolment_refused`, the same for every reason.
    """
    try:
        with transaction.atomic():
            return _enrol(digest_of(code), device, actor, pinned)
    except IntegrityError:  # the key was enrolled before, or the instance has an outpost already
        raise Refused("enrolment_refused", REFUSED) from None


def _enrol(digest: str, device: Device, actor: Actor, pinned: Mapping[str, Any]) -> Outpost:
    now = clock.now()
    lock_open_codes(device.instance)
    right = EnrolmentCode.objects.filter(digest=digest).first()
    if right is None or not sealed_rows.is_sealed(right):
        raise Refused("enrolment_refused", REFUSED)
    if is_fleet(right):
        _check_fleet_code(right, device)
    else:
        _use(right, device, now)
    end_open_codes(device.instance)
    outpost = Outpost(
        id=device.outpost,
        public_key=device.public_key,
        instance=device.instance,
        operation=right.operation,
        enrolled_at=now,
        version=device.version,
        generation=device.generation,
        command_key=pinned["hold_key"],
    )
    outpost.seal = sealed_rows.seal(outpost)
    outpost.save(force_insert=True)
    record(
        actor,
        "outpost.key_enrolled",
        target=Target("outpost", device.instance, device.instance),
        approval=str(right.approval),
        operation=right.operation,
        data={
            "outpost": device.outpost,
            "public_key": device.public_key,
            "generation": device.generation,
            "version": device.version,
            "cli_sha256": device.cli_sha256,
            "pins_digest": trust_pinned_at_enrolment.digest(dict(pinned)),
            "command_key": pinned["hold_key"],
        },
        private={
            "host": device.host,
            "user": device.user,
            "uid": device.uid,
            "data_folder": device.data_folder,
            "cli_path": device.cli_path,
        },
    )
    waiting_steps.try_now(device.instance, now)
    return outpost


def _use(right: EnrolmentCode, device: Device, now: datetime) -> None:
    """Spend the code of one gateway.

    Raises:
        Refused: it does not count for this device.
    """
    entries = enrolment_entry_lookup.of("outpost")
    if right.instance != device.instance or _was_enrolled(device.outpost, right.operation, entries):
        raise Refused("enrolment_refused", REFUSED)
    right.used_at = now
    # One statement, so that of two at once only one counts.
    open_code = EnrolmentCode.objects.filter(
        digest=right.digest, instance=right.instance, used_at=None, expires_at__gt=now
    )
    if open_code.update(used_at=now, seal=sealed_rows.seal(right)) != 1:
        raise Refused("enrolment_refused", REFUSED)


def _check_fleet_code(found: EnrolmentCode, device: Device) -> None:
    """Lock a fleet code, which every use of it and its end wait for, and count its uses in the log
    and in the rows of outposts: its row may have been put back, and a search row deleted.

    Raises:
        Refused: it does not count for this device.
    """
    stored = EnrolmentCode.objects.select_for_update().filter(pk=found.pk, digest=found.digest)
    right, known = stored.first(), sealed_rows.recorded(device.instance).get(device.instance)
    if right is None or not is_good(right):
        raise Refused("enrolment_refused", REFUSED)
    entries = enrolment_entry_lookup.of("outpost", since=right.decided_at)
    used = used_names(right, entries)
    if (
        not matches(right.instance, device.instance)
        or was_ended(right, entries)
        or _has_changed(right, device.instance, entries)
        or device.instance in used
        or len(used) >= right.uses
        or _was_enrolled(device.outpost, "", entries)
        or (known is not None and not known.is_revoked)
        or command_recipients.outpost_of(device.instance) is not None  # no row bears its end out
    ):
        raise Refused("enrolment_refused", REFUSED)


def is_fleet(right: EnrolmentCode) -> bool:
    """Whether its code is for several gateways."""
    return right.instance.endswith(_ANY)


def matches(pattern: str, instance: str) -> bool:
    """Whether a gateway's name begins as the pattern of a fleet code and goes on after that."""
    start = pattern.removesuffix(_ANY)
    goes_on = instance.startswith(start) and len(instance) > len(start)
    return goes_on and GATEWAY.fullmatch(instance) is not None


def is_good(right: EnrolmentCode) -> bool:
    """Whether a fleet code, or the right to one, enrols outposts; its uses may be spent."""
    return is_open(right) and has_admin(right)


def is_open(right: EnrolmentCode) -> bool:
    """Whether a fleet code, or the right to one, is as it was approved, has not expired and was not
    ended; by the log, since its row may have been put back."""
    if right.until is None or right.until <= clock.now() or right.used_at is not None:
        return False
    return sealed_rows.is_sealed(right) and not was_ended(
        right, enrolment_entry_lookup.of("outpost")
    )


def has_admin(right: EnrolmentCode) -> bool:
    """Whether the person who asked for a fleet code is an admin now."""
    asked_by = requester(right)
    return asked_by is not None and "admin" in asked_by.roles_now


def requester(right: EnrolmentCode) -> Person | None:
    """The person who asked for a code; None where nobody of that identity is known any more."""
    asked = Approval.objects.filter(id=right.approval).first()
    return people_and_roles.find(asked.requester_iss, asked.requester_sub) if asked else None


def was_ended(right: EnrolmentCode, entries: Collection[Found]) -> bool:
    """Whether an admin ended the codes of this pattern after this one was approved, or this one
    ended with its requester's role."""
    decided = rfc3339(right.decided_at)
    return any(
        enrolment_entry_lookup.ends_code(one.document, right.instance, right.operation)
        and one.document["recorded_at"] >= decided
        for one in entries
    )


def _has_changed(right: EnrolmentCode, instance: str, entries: Collection[Found]) -> bool:
    """Whether an outpost of this gateway enrolled or was revoked after the code was approved: who
    approved the code did not approve another outpost in the place of a revoked one."""
    decided = rfc3339(right.decided_at)
    return any(
        one.document["action"] in {"outpost.key_enrolled", "outpost.revoked"}
        and enrolment_entry_lookup.gateway_of(one.document) == instance
        and one.document["recorded_at"] >= decided
        for one in entries
    )


def used_names(right: EnrolmentCode, entries: Collection[Found]) -> set[str]:
    """The gateways at which an outpost enrolled by this decision, by the log or by a row."""
    stored = Outpost.objects.filter(operation=right.operation)
    return set(stored.values_list("instance", flat=True)) | {
        str(enrolment_entry_lookup.gateway_of(one.document))
        for one in entries
        if one.document["action"] == "outpost.key_enrolled"
        and one.document["operation"] == right.operation
    }


def last_end(pattern: str) -> str:
    """The decision that ended the codes of a pattern last; empty where none did."""
    ends = [
        str(one.document["operation"])
        for one in enrolment_entry_lookup.of("outpost")
        if enrolment_entry_lookup.ends_code(one.document, pattern, "")
    ]
    return ends[-1] if ends else ""


def lock_fleet_codes(pattern: str) -> None:
    """Make uses of a fleet code and its end wait for each other."""
    list(EnrolmentCode.objects.filter(instance=pattern).select_for_update().order_by("approval"))


def _was_enrolled(outpost: str, decision: str, entries: Collection[Found]) -> bool:
    """Whether this device key enrolled before, or another one by this decision, by the log: its row
    may have been deleted, and a used code put back."""
    found = (one.document for one in entries)
    return any(
        one["action"] == "outpost.key_enrolled"
        and (one["data"]["outpost"] == outpost or one["operation"] == decision)
        for one in found
    )


def lock_open_codes(instance: str) -> None:
    """Make enrolments and revocations at one gateway wait for each other; before any other lock."""
    open_codes = EnrolmentCode.objects.filter(instance=instance, used_at=None)
    list(open_codes.select_for_update().order_by("approval"))


def end_open_codes(instance: str) -> None:
    """Delete the codes of a gateway that were not used, and the rights to one.

    A gateway has one outpost. What was approved for it is spent once a device enrols, and must not
    enrol another one after that is revoked.
    """
    EnrolmentCode.objects.filter(instance=instance, used_at=None).delete()


def digest_of(code: str) -> str:
    """What is kept of a code; hyphens, spaces and case do not matter."""
    plain = code.upper().replace("-", "").replace(" ", "")
    return hashlib.sha256(b"ata.outpost.code.v1\n" + plain.encode()).hexdigest()


def _grouped(code: str) -> str:
    return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))

"""Enrolling an outpost: an approved decision gives one code, and the code takes in one device key.

A code is 128 random bits. It is shown once to the person who asked, kept as a digest, and counts
for fifteen minutes and one use.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval
from audit.recording import enrolment_entries
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from enforcement import waiting_steps
from enforcement.models import EnrolmentCode, Outpost
from enforcement.outposts import sealed_rows, trust_pinned_at_enrolment

GOOD_FOR: Final = timedelta(minutes=15)
ISSUED_WITHIN: Final = timedelta(days=1)
"""How long after the decision its code can be had."""
_GROUP: Final = 4
REFUSED: Final = (
    "This code does not count: it is wrong, used, older than 15 minutes, for another gateway, or "
    "from before an outpost of this gateway enrolled or was revoked."
)


@dataclass(frozen=True, slots=True)
class Issued:
    """A code, for the eyes of the person who asked, once."""

    code: str
    instance: str
    expires_at: datetime
    pins: dict[str, Any]
    pins_digest: str


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
    return found if found is not None and sealed_rows.is_sealed(found) else None


def issue(actor: Actor, approval: UUID) -> Issued:
    """Make the code of an approved request; it cannot be had a second time.

    Raises:
        Refused: `code_not_available`, `not_permitted`.
    """
    if "admin" not in actor.roles:
        raise Refused("not_permitted", "Only an admin gets the code of an outpost.")
    right, found = may_be_issued(actor, approval), trust_pinned_at_enrolment.current()
    now, code = clock.now(), _grouped(b32encode(secrets.token_bytes(16)).decode().rstrip("="))
    expires_at = now + GOOD_FOR
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
            target=Target("outpost", right.instance, right.instance),
            approval=str(approval),
            operation=right.operation,
            data={"expires_at": clock.stamp(expires_at)},
        )
    return Issued(code, right.instance, expires_at, found, trust_pinned_at_enrolment.digest(found))


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
    codes = EnrolmentCode.objects.filter(digest=digest, instance=device.instance)
    right = codes.first()
    if right is None or not sealed_rows.is_sealed(right):
        raise Refused("enrolment_refused", REFUSED)
    if _was_enrolled(device.outpost, right.operation):
        raise Refused("enrolment_refused", REFUSED)
    right.used_at = now
    # One statement, so that of two at once only one counts.
    open_code = codes.filter(used_at=None, expires_at__gt=now)
    if open_code.update(used_at=now, seal=sealed_rows.seal(right)) != 1:
        raise Refused("enrolment_refused", REFUSED)
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


def _was_enrolled(outpost: str, decision: str) -> bool:
    """Whether this device key enrolled before, or another one by this decision, by the log: its row
    may have been deleted, and a used code put back."""
    found = (one.document for one in enrolment_entries.of("outpost"))
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

"""Passkeys as pages show them: where each lives, what it counts for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from approvals.models import Approval, Passkey, Status
from approvals.passkeys import relying_party
from approvals.passkeys.enrol_and_revoke import APPROVER

_REACHED = {
    "internal": "built into a device",
    "usb": "USB key",
    "nfc": "NFC",
    "ble": "Bluetooth",
    "smart-card": "smart card",
    "hybrid": "a phone nearby",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One passkey; `asked` is the request that a second person confirms it, while it waits."""

    key: Passkey
    lives: str
    asked: Approval | None

    @property
    def short(self) -> str:
        """What tells two keys of one name apart, and what a second person compares."""
        return relying_party.short(self.key.handle)

    @property
    def may_ask(self) -> bool:
        """Whether a second person can be asked to confirm it."""
        return not (self.key.revoked_at or self.key.approver_since or self.asked)


def rows(found: Iterable[Passkey]) -> list[Row]:
    """Those that sign first, each oldest first; two queries."""
    listed = sorted(found, key=lambda key: key.revoked_at is not None)
    waiting = {
        approval.target_name: approval
        for approval in Approval.objects.filter(
            target_kind=APPROVER,
            target_name__in=[key.handle for key in listed],
            status=Status.PENDING,
        )
    }
    return [Row(key, lives(key), waiting.get(key.handle)) for key in listed]


def lives(key: Passkey) -> str:
    """Such as `built into a device, synced to its owner's other devices`."""
    reached = ", ".join(_REACHED[way] for way in key.transports if way in _REACHED)
    kept = "synced to other devices of its owner" if key.backed_up else "on one device only"
    return f"{reached}; {kept}" if reached else kept

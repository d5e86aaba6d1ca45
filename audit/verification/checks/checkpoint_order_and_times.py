"""The order in which checkpoints were signed, and when.

The ML-DSA-44 key of the log signs the time with size and root, so `created` is checked against its
signature. The time is what the clock of the signing host showed: where it lies ahead or goes back,
a clock was wrong, which is noted with the checkpoint's number and is no tampering. Of checkpoints
from before the log had such a key nobody signed `created`; it lies between those of its neighbours,
and not before its newest entry was recorded.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from audit import clock
from audit.clock import rfc3339
from audit.ledger import note
from audit.ledger.note import NoteError
from audit.models import Checkpoint, Event
from audit.verification.report import Findings

SKEW = timedelta(minutes=5)  # clocks of several hosts
_SECOND = timedelta(seconds=1)
_TIME_BYTES = 8  # before the signature (C2SP tlog-cosignature, ML-DSA-44)
_MLDSA_BYTES = _TIME_BYTES + 2420


class SignedOrder:
    """Takes checkpoints by size and id, and reports ids that go back and times that are wrong."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._before: Checkpoint | None = None
        self._latest: datetime | None = None  # of all `created` so far
        self._signed: datetime | None = None  # the time of the one before

    def check(self, row: Checkpoint) -> None:
        """Compare one with those before it."""
        name = f"checkpoint {row.pk}"
        before, self._before = self._before, row
        if before is not None and row.pk < before.pk:
            covers = f"checkpoint {before.pk} covers {before.size} entries"
            self._add(before, f"{covers}, and {name}, signed before it, {row.size}")
        signed = signed_time(row)
        if signed is None:
            self._check_unsigned(row, name)
        else:
            self._check_signed(row, name, signed, before)
        self._signed = signed
        self._latest = max(self._latest or row.created, row.created)

    def _check_signed(
        self, row: Checkpoint, name: str, signed: datetime, before: Checkpoint | None
    ) -> None:
        if not (signed <= row.created < signed + _SECOND or self._was_raised(row, signed)):
            says = f"{name} says it was signed at {rfc3339(row.created)}"
            self._add(row, f"{says}, and its signature says {rfc3339(signed)}")
        if signed > clock.now() + SKEW:
            self._note(row, f"{name} was signed when the clock showed {rfc3339(signed)}")
        elif before is not None and self._signed is not None and signed < self._signed - SKEW:
            ahead = f"checkpoint {before.pk} was signed when the clock showed"
            back = f"{rfc3339(self._signed)}, and {name} after it at {rfc3339(signed)}"
            self._note(row, f"{ahead} {back}")

    def _was_raised(self, row: Checkpoint, signed: datetime) -> bool:
        """Whether it has the time of an earlier one: a former version dated none before that."""
        if row.created < signed:
            return False
        earlier = Checkpoint.objects.filter(pk__lt=row.pk, created=row.created)
        return row.created == self._latest or earlier.exists()

    def _check_unsigned(self, row: Checkpoint, name: str) -> None:
        if self._latest is not None and row.created < self._latest:
            self._add(row, f"{name} says it was signed before one that covers less")
        elif row.created > clock.now() + SKEW:
            self._note(row, f"{name} says it was signed in the future")
        elif (
            self._latest is None
            and (newest := _recorded(row.size - 1)) is not None
            and row.created < newest - SKEW
        ):
            self._add(row, f"{name} says it was signed before its entries were recorded")

    def _add(self, row: Checkpoint, message: str) -> None:
        self._findings.add("checkpoint", message, row.size)

    def _note(self, row: Checkpoint, message: str) -> None:
        self._findings.note("clock", f"{message}: a clock was wrong", row.size)


def signed_time(row: Checkpoint) -> datetime | None:
    """When the log's ML-DSA-44 key says that it signed; None where it did not sign."""
    try:
        parsed = note.parse(row.note)
        origin = parsed.text.partition("\n")[0]
        for one in parsed.signatures:
            if one.name == origin and len(one.value) == _MLDSA_BYTES:
                return datetime.fromtimestamp(int.from_bytes(one.value[:_TIME_BYTES]), UTC)
    except (NoteError, ValueError, OverflowError, OSError):  # what is no note is found elsewhere
        return None
    return None


def _recorded(index: int) -> datetime | None:
    return Event.objects.filter(leaf__seq=index).values_list("recorded_at", flat=True).first()

"""Which size of the log a date, a time or a number means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from audit.models import Checkpoint, Entry, EventRow
from audit.sequencing import signed_state

_SKEW: Final = timedelta(minutes=10)
"""How far the clocks of our processes may be apart: an entry is signed after it was recorded."""
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""No entry was recorded before or behind these; closer to the ends of time nobody can reckon."""


class BadMoment(ValueError):
    """`at` is neither an index, nor a date, nor an RFC 3339 time; or it is beyond the log."""


def size_at(moment: datetime) -> int:
    """How many entries had been recorded by a moment, in the log's own order."""
    start = _signed_by(moment - _SKEW)
    # A checkpoint's time is what a clock showed: where the entry before it is later, that counts.
    if EventRow.objects.filter(seq=start - 1, recorded_at__gt=moment).exists():
        start = 0
    later = EventRow.objects.filter(recorded_at__gt=moment, seq__gte=start)
    first = later.order_by("seq").values_list("seq", flat=True).first()
    return first if first is not None else Entry.objects.count()


def _signed_by(moment: datetime) -> int:
    """The size of the newest kept checkpoint made by a moment: all before it was recorded by then.

    Looked for by halves: checkpoints have an index of their sizes, and there are many.
    """
    newest = signed_state.newest_checkpoint()
    found, low, high = 0, 0, newest.size + 1 if newest else 0
    while high - low > 1:
        middle = (low + high) // 2
        heads_there = Checkpoint.objects.filter(size__gt=low, size__lte=middle)
        head = heads_there.order_by("-size").only("size", "created").first()
        if head is not None and head.created > moment:
            high = head.size
        else:
            found, low = head.size if head else found, middle
    return found


def size_of(text: str) -> int:
    """How many entries `at` means: a number of entries, or what was recorded by a moment (UTC).

    Raises:
        BadMoment: saying what would do.
    """
    total = Entry.objects.count()
    if text.isascii() and text.isdigit() and len(text) < 19:
        size = int(text)
        if size > total:
            raise BadMoment(f"at: the log has {total} entries, so at most {total}.")
        return size
    moment = moment_of(text)
    if moment is None:
        raise BadMoment("at: a number of entries, a date, or a time such as 2026-11-24T10:00:00Z.")
    return size_at(moment)


def moment_of(text: str) -> datetime | None:
    """The date or time that `at` means, in UTC, also where it names no zone; None for a number."""
    if text.isascii() and text.isdigit():
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter: of a year that UTC does not have
        return None
    return min(max(moment, _FIRST), _LAST)

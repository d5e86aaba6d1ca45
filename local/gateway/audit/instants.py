"""Text forms of instants, as the gateway (Go) and the command line (Python) store them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000_000


def now_ns() -> int:
    """Return the present instant in nanoseconds since 1970 (UTC)."""
    return time.time_ns()


def rfc3339(ns: int) -> str:
    """Write as Go's RFC3339Nano does: up to nine digits and ``Z``."""
    seconds, rest = divmod(ns, _SECOND)
    stamp = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{rest:09d}".rstrip("0").rstrip(".") + "Z"


def go_time_string(ns: int) -> str:
    """Write as Go's ``Time.String`` does: a space, ``+0000 UTC``."""
    return rfc3339(ns).replace("T", " ").removesuffix("Z") + " +0000 UTC"


def go_time_string_with_clock(ns: int, started_ns: int) -> str:
    """Write as `go_time_string` with the monotonic clock reading, as 0.2.0 stores scans."""
    return f"{go_time_string(ns)} m=+{(ns - started_ns) / _SECOND:.9f}"


def isoformat(ns: int) -> str:
    """Write as the Python command line does (``datetime.isoformat`` in UTC)."""
    moment = _EPOCH + timedelta(microseconds=ns // 1_000)
    return moment.isoformat(timespec="microseconds")


def as_rfc3339(stored: str) -> str:
    """Return a stored instant of either writer in the form that REST answers carry."""
    text = stored.partition(" m=")[0].removesuffix(" UTC").replace(" +0000", "Z")
    return text.replace(" ", "T", 1).replace("+00:00", "Z")


def go_duration(ns: int) -> str:
    """Write a duration as Go does (``1.581677183s``, ``160.93ms``)."""
    if ns < 1_000_000_000:
        return f"{ns / 1_000_000:.6f}".rstrip("0").rstrip(".") + "ms"
    return f"{ns / _SECOND:.9f}".rstrip("0").rstrip(".") + "s"

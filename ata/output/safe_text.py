"""Text from elsewhere made safe and short enough for a terminal."""

from __future__ import annotations


def safe(value: object) -> str:
    """One line of printable text: what a server says cannot drive the operator's terminal."""
    text = "" if value is None else str(value)
    text = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    if text.isascii() and text.isprintable():
        return text
    from audit.ledger.format.safe_display import (
        visible,  # only where there is something to write out
    )

    return visible(text)


def time_left(seconds: float) -> str:
    """A countdown such as `4:32`; never negative."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{second:02d}" if hours else f"{minutes}:{second:02d}"


def in_words(seconds: float) -> str:
    """A duration in words such as `5 minutes`; never negative."""
    whole = max(0, round(seconds))
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if whole >= size:
            count = round(whole / size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{whole} second{'' if whole == 1 else 's'}"


def ago(seconds: float) -> str:
    """How long ago in a few characters, such as `3 min ago`; `in 4 min` for what is to come."""
    whole = round(abs(seconds))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if whole >= size:
            count = f"{whole // size} {unit}"
            return f"{count} ago" if seconds > 0 else f"in {count}"
    return "now"

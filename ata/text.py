"""Text from elsewhere made safe and short enough for a terminal."""

from __future__ import annotations

import unicodedata

# Control characters move the cursor or recolour the screen; the bidirectional controls can
# make a name read as another. Both are shown as U+FFFD.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs"})
_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def safe(value: object) -> str:
    """One line of printable text: what a server says cannot drive the operator's terminal."""
    text = "" if value is None else str(value)
    text = text.replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    if text.isascii() and text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if _unsafe(char) else char for char in text)


def _unsafe(char: str) -> bool:
    return unicodedata.category(char) in _UNSAFE_CATEGORIES or char in _BIDI_CONTROLS


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

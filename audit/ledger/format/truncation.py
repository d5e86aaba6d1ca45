"""Texts that are too long to keep or show whole: their start, and length and digest of all.

`… [cut: 1,048,576 characters in all, SHA-256 <hex>]`. The digest is over the whole text in UTF-8,
so that who has the source can compare it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

BOUND: Final = 262_144
"""The most characters of a text, label included; a longer one is cut."""

MARK: Final = "[cut: "
_LABEL_SIZE: Final = 160
_WORD: Final = 1024
_LABEL: Final = re.compile(r" \[cut: [0-9,]{1,30} characters in all, SHA-256 [0-9a-f]{64}\]")


def start_of(text: str) -> str:
    """The text itself up to BOUND characters, else its start without the word at the end.

    Half a secret would not be recognised as one, so the last word goes, up to 1,024 characters.
    """
    if len(text) <= BOUND:
        return text
    start = text[: BOUND - _LABEL_SIZE]
    last = max(start.rfind(mark, len(start) - _WORD) for mark in " \n\t,;\"'")
    return start if last < 0 else start[:last]


def cut(start: str, text: str) -> str:
    """The start of a text, such as it may be shown, with the label of the whole."""
    return start[: BOUND - _LABEL_SIZE] + label(text)


def label(text: str) -> str:
    """Length and digest of a text, in the words that stand where it was cut."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f" {MARK}{len(text):,} characters in all, SHA-256 {digest}]"


def start_shown(shown: str, text: str) -> str | None:
    """What is shown of a text that was cut; None where it is no cut of this one."""
    found = _LABEL.search(shown, max(0, len(shown) - _LABEL_SIZE))
    if found is None or not shown.endswith(found[0]) or found[0] != label(text):
        return None
    return shown[: found.start()]


def is_cut(shown: str) -> bool:
    """Whether a text ends in the label of a longer one."""
    return any(found.end() == len(shown) for found in _LABEL.finditer(shown))

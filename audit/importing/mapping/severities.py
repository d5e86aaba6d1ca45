"""DefenseClaw's severities as ours, with how we came to know them.

CRITICAL, HIGH, MEDIUM, LOW and INFO are the same. WARN and ERROR are what DefenseClaw's own OTLP
exporter makes of MEDIUM and HIGH, so they are read back that way. NONE and nothing are INFO.
Generation 7 overwrites the severity of an acknowledged row with ACK: what it was is taken from the
row's own details where they still say it, otherwise it is unknown and shown as INFO.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from audit.ledger.format.allowed_field_values import SEVERITIES

ACKNOWLEDGED: Final = "ACK"
_SAME_AS: Final = {"WARN": "MEDIUM", "WARNING": "MEDIUM", "ERROR": "HIGH", "NONE": "INFO"}
_SAID: Final = re.compile(r"\b(?:max_)?severity\"?[=:]\s*\"?(CRITICAL|HIGH|MEDIUM|LOW|INFO)\b")


@dataclass(frozen=True, slots=True)
class Severity:
    """One of ours, and the basis: reported, translated, absent, details, overwritten, unknown."""

    code: str
    basis: str


def of(reported: str, elsewhere: Iterable[str] = ()) -> Severity:
    """The severity for what a row reports; `elsewhere` are its texts that may repeat it."""
    word = reported.strip().upper()
    if word in SEVERITIES:
        return Severity(word, "reported")
    if not word:
        return Severity("INFO", "absent")
    if word in _SAME_AS:
        return Severity(_SAME_AS[word], "translated")
    if word != ACKNOWLEDGED:
        return Severity("INFO", "unknown")
    for text in elsewhere:
        if said := _SAID.search(text):
            return Severity(said[1], "details")
    return Severity("INFO", "overwritten")

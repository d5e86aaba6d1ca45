"""How 0.8.4 hides free text in audit rows and every later generation in hook answers."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_SHORTEST_WITH_DIGEST: Final = 5
_HARMLESS: Final = re.compile(r"\d{1,6}|(?=.*[A-Za-z])[A-Za-z0-9]{1,11}|[a-z]+(?:[-_][a-z]+)+")
"""Single words that 0.8.4 leaves as they are: short names, counts and reason codes."""


def redact(text: str) -> str:
    """Return the placeholder for a text: its length and eight digits of its SHA-256."""
    if not text:
        return "<empty>"
    if len(text) < _SHORTEST_WITH_DIGEST:
        return f"<redacted len={len(text)}>"
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"<redacted len={len(text)} sha={digest}>"


def redact_value(text: str) -> str:
    """Return one value of `details` as 0.8.4 stores it: harmless words stay."""
    return text if _HARMLESS.fullmatch(text) else redact(text)

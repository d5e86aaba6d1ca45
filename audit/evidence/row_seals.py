"""Seals of rows that the portal relies on later, against somebody who writes to the database.

A seal is HMAC-SHA256 under a key made from EVIDENCE_KEY, which no database holds. It says that this
portal wrote the row so; what was decided stands in the ledger.
"""

from __future__ import annotations

import hmac
from typing import Any

from django.conf import settings

from audit.evidence import subject_keys
from audit.ledger.format.canonical import canonical


def seal(label: str, said: Any) -> str:
    """The seal of what a row says, 64 hex digits.

    Args:
        label: of the table, so that no row passes for one of another kind.
        said: JSON.
    """
    return _seal(settings.EVIDENCE_KEY, label, said)


def holds(label: str, said: Any, found: str) -> bool:
    """Whether a seal is one of ours over this; the EVIDENCE_KEY before counts until it is retired.

    Raises:
        ValueError: `said` is no canonical JSON, as only somebody else would write.
    """
    keys = [settings.EVIDENCE_KEY]
    previous: bytes = settings.EVIDENCE_KEY_PREVIOUS
    if len(previous) == 32 and not subject_keys.is_retired(previous):
        keys.append(previous)
    return any(
        key and hmac.compare_digest(found.encode(), _seal(key, label, said).encode())
        for key in keys
    )


def _seal(key: bytes, label: str, said: Any) -> str:
    made = hmac.digest(key, label.encode(), "sha256")
    return hmac.digest(made, canonical(said), "sha256").hex()

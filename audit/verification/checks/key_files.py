"""Whether the log and the files beside it tell of the same keys and adoptions.

Both stand in files, because they count when a database was lost; that they also stand in the log is
what others can check. Such events are found among all search rows, which takes longer the longer
the log is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.keys import key_events, keyring, recovery
from audit.keys.log_identity import LedgerIdentityError
from audit.verification.report import Findings

type Told = Mapping[str, list[Mapping[str, Any]]]


def look() -> Told:
    """What the log tells of keys and adoptions."""
    return key_events.told_of(key_events.ACTION, recovery.ACTION)


def check(findings: Findings, told: Told | None = None) -> None:
    """Compare the files with what the log tells, `told` where another process looked."""
    told = look() if told is None else told
    try:
        ring = keyring.read()
    except LedgerIdentityError:
        return  # said where the keys are needed
    for problem in key_events.problems(ring, told[key_events.ACTION], told[recovery.ACTION]):
        findings.add("key", problem)
    for problem in recovery.problems(told[recovery.ACTION]):
        findings.add("state", problem)

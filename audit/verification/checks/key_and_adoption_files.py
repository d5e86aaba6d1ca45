"""Whether the log and the files next to it have the same keys and adoptions.

Both stand in files, because they count when a database was lost; that they also stand in the log is
what others can check. Such events are found among all search rows, which takes longer the longer
the log is.
"""

from __future__ import annotations

from audit.keys import key_events, keyring, restored_database_adoption
from audit.keys.log_identity import LedgerIdentityError
from audit.verification.report import Findings


def check(findings: Findings) -> None:
    """Compare the files with the log."""
    logged = key_events.data_of(key_events.ACTION, restored_database_adoption.ACTION)
    try:
        ring = keyring.read()
    except LedgerIdentityError:
        return  # said where the keys are needed
    for problem in key_events.problems(
        ring, logged[key_events.ACTION], logged[restored_database_adoption.ACTION]
    ):
        findings.add("key", problem)
    for problem in restored_database_adoption.problems(logged[restored_database_adoption.ACTION]):
        findings.add("state", problem)

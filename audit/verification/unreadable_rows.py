"""Reading rows that somebody may have changed or damaged: one that cannot be read spoils no
other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.db import DatabaseError, DataError

from audit.db import storage_error_kinds
from audit.verification.report import Findings

# What converters raise for a value that no writer of ours puts into its column.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, DataError)

NOT_READ = (*UNREADABLE, DatabaseError)


def note(findings: Findings, what: str, error: Exception, index: int | None = None) -> None:
    """Add to the findings that something cannot be read.

    Raises:
        DatabaseError: the error itself, where the database only does not answer now.
    """
    if isinstance(error, DatabaseError) and storage_error_kinds.is_not_stored(error):
        raise error
    kind = f"{type(error).__name__}: " if isinstance(error, UNREADABLE) else ""
    findings.add("unreadable", f"{what} cannot be read: {kind}{error}", index)


def can_read(
    findings: Findings, what: str, check: Callable[[], object], index: int | None = None
) -> bool:
    """Whether a check can read what it is about; where it cannot, the findings say so.

    Raises:
        DatabaseError: the database does not answer now.
    """
    try:
        check()
    except NOT_READ as error:
        note(findings, what, error, index)
        return False
    return True


def each[K, V](
    keys: Sequence[K], load: Callable[[Sequence[K]], dict[K, V]]
) -> tuple[dict[K, V], dict[K, str]]:
    """Load many at once, or one by one where that fails; what was found, and what is unreadable."""
    try:
        return load(keys), {}
    except UNREADABLE:
        pass
    found: dict[K, V] = {}
    broken: dict[K, str] = {}
    for key in keys:
        try:
            found |= load([key])
        except UNREADABLE as error:
            broken[key] = f"{type(error).__name__}: {error}"
    return found, broken

"""Changes of accounts, recorded by triggers, so that a process can keep what it counted.

Every change of what the inventory counts by leaves the account's id in
`connections_accountchange` with a number, in the transaction that makes it, by
whatever way. A reader asks for what was added since it asked last.

SQLite has one writer at a time: a running number is in the order of commits. PostgreSQL has many:
the number is that of the transaction (`pg_current_xact_id`), and a reader asks again for all from
the oldest on that was under way when it asked last (`pg_snapshot_xmin`), so it may hear of a change
twice and never misses one. No transaction waits for another because of this: who changes an account
holds its row already.

The triggers note a change of a last use at most once an hour: a broker uses accounts many times
a second.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from django.db import DatabaseError, connection
from django.db.models import Max

from audit.db.storage_errors import is_failure
from connections.inventory.change_triggers import CHANGES, NOBODY, problems
from connections.models import AccountChange

log = logging.getLogger(__name__)
_recorded_here: dict[str, bool] = {}  # by database


@dataclass(frozen=True, slots=True)
class Changes:
    """What a reader heard.

    Attributes:
        mark: of the beginning; another one says that changes may have been lost.
        upto: where to go on.
        accounts: that changed.
    """

    mark: str
    upto: int
    accounts: frozenset[UUID]


def are_recorded() -> bool:
    """Whether this database records changes; asked once a process."""
    name = str(connection.settings_dict["NAME"])
    if name not in _recorded_here:
        found = problems()
        for problem in found:
            log.warning("%s", problem)
        _recorded_here[name] = not found
    return _recorded_here[name]


def read(since: int) -> Changes | None:
    """What changed since a reader asked last; one query. Not for use inside a transaction.

    None where there is no beginning yet and nothing can be stored just now.
    """
    changes = _read(since)
    if changes is None and _begin():
        changes = _read(since)
    return changes


def _read(since: int) -> Changes | None:
    upto = "at" if connection.vendor == "sqlite" else _XMIN
    after = ">" if connection.vendor == "sqlite" else ">="
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT account, mark, {upto} FROM {CHANGES} "  # noqa: S608 - constants
            f"WHERE at {after} %s OR account = %s",
            [since, _spelled(NOBODY)],
        )
        rows = [(UUID(str(account)), mark, at) for account, mark, at in cursor.fetchall()]
    found = next(((mark, at) for account, mark, at in rows if account == NOBODY and mark), None)
    if found is None:
        return None
    changed = frozenset(account for account, _, _ in rows if account != NOBODY)
    return Changes(found[0], int(found[1]), changed)


_XMIN: Final = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"


def _spelled(account: UUID) -> UUID | str:
    return account.hex if connection.vendor == "sqlite" else account


def _begin() -> bool:
    """Write the beginning where it is not there (a new database, tables emptied at once)."""
    last = AccountChange.objects.aggregate(last=Max("at"))["last"] or 0
    at = last if connection.vendor == "sqlite" else 0
    beginning = AccountChange(account=NOBODY, at=at, mark=str(uuid4()))
    try:
        AccountChange.objects.bulk_create([beginning], ignore_conflicts=True)
    except DatabaseError as error:
        if is_failure(error):
            return False
        raise
    return True

"""Short rows of accounts, as the inventory counts by them: plain SQL, since there are many."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import batched
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from connections.standing import began


class Known(NamedTuple):
    """What one account is counted by. `pk` is its id as a whole number."""

    pk: int
    owner: tuple[str, str]
    connection: str
    state: str
    source: str
    grant: str
    ends: datetime | None
    watched: datetime
    since: datetime
    used: datetime | None
    elsewhere: datetime | None  # when the last day began on which another application used it
    agents: tuple[str, ...]
    skills: tuple[str, ...]

    @property
    def unheard(self) -> datetime:
        """The last that began a new span of silence of our broker (`standing.idle_since`)."""
        last = max(self.watched, self.since)
        return last if self.used is None else max(last, self.used)

    @property
    def quiet(self) -> datetime:
        """The same of our broker and of Auth0."""
        return self.unheard if self.elsewhere is None else max(self.unheard, self.elsewhere)

    @property
    def seen(self) -> datetime:
        """The last use, or since when we watch (`fitting.quiet_since`)."""
        return max((at for at in (self.used, self.elsewhere) if at), default=self.watched)


_ACCOUNTS = (
    'SELECT id, iss, sub, connection, state, source, "grant", expires_at, watched_since, '
    "state_since, last_used_at, elsewhere_on FROM connections_connectedaccount"
)
_USES = "SELECT account_id, agent, skill FROM connections_use"
_LAST = "SELECT id, last_used_at FROM connections_connectedaccount"
_AT_ONCE = 500


def every() -> list[Known]:
    """All accounts, in the order of their ids; two queries."""
    with connection.cursor() as cursor:
        cursor.execute(_USES)
        users = _Users(cursor)
        cursor.execute(_ACCOUNTS + " ORDER BY id")
        return list(_known(cursor, users))


def these(ids: Collection[UUID]) -> list[Known]:
    """Those of some accounts that there are; two queries for each 500."""
    found: list[Known] = []
    for some in batched(ids, _AT_ONCE):
        users = _Users(_of(_USES, "account_id", some))
        found += _known(_of(_ACCOUNTS, "id", some), users)
    return found


def last_uses(ids: Collection[UUID]) -> Iterator[tuple[int, datetime | None]]:
    """When each account was used last; one query for each 500."""
    for some in batched(ids, _AT_ONCE):
        for pk, used in _of(_LAST, "id", some):
            yield _number(pk), _moment(used)


def _of(query: str, column: str, ids: Sequence[UUID]) -> list[tuple[Any, ...]]:
    spelled = [pk.hex if connection.vendor == "sqlite" else pk for pk in ids]
    marks = ", ".join(["%s"] * len(spelled))
    with connection.cursor() as cursor:
        cursor.execute(f"{query} WHERE {column} IN ({marks})", spelled)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


class _Users:
    """The agents and components that used each account; one object for what many have."""

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self._of: dict[Any, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._same: dict[Any, Any] = {}
        for account, agent, skill in rows:
            agents, skills = self.of(account)
            self._of[account] = (self.once(_with(agents, agent)), self.once(_with(skills, skill)))

    def of(self, account: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self._of.get(account, _NOBODY)

    def once[T](self, value: T) -> T:
        """The same value, kept once."""
        found: T = self._same.setdefault(value, value)
        return found


_NOBODY: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())


def _with(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return names if name in names else (*names, name)


def _known(accounts: Iterable[tuple[Any, ...]], users: _Users) -> Iterator[Known]:
    once = users.once
    for pk, iss, sub, service, state, source, grant, *moments, day in accounts:
        ends, watched, since, last = moments
        yield Known(
            _number(pk),
            once((iss, sub)),
            once(service),
            once(state),
            once(source),
            once(grant),
            _moment(ends),
            _certain(watched),
            _certain(since),
            _moment(last),
            once(_day(day)),
            *users.of(pk),
        )


def _day(value: Any) -> datetime | None:
    return began(date.fromisoformat(value) if isinstance(value, str) else value)


def _number(pk: Any) -> int:
    return int(pk, 16) if isinstance(pk, str) else int(pk.int)


def _moment(value: Any) -> datetime | None:
    return None if value is None else _certain(value)


def _certain(value: Any) -> datetime:
    told: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told  # SQLite says no zone

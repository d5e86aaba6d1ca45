"""People from the tenant's directory: their roles and whether a phone is enrolled.

Auth0's search gives a thousand people at most, so they are walked in the order of their creation:
each page begins at the time where the one before ended. That time is kept, and a walk that was
stopped by a kill or a rate limit goes on from there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from approvals import auth0_clients, clock, people_and_roles
from auth0_client.errors import Auth0Error, RateLimited, Unavailable
from auth0_client.management_api import MOST_FOUND, USERS_A_PAGE, Management, User
from connections.sync import schedule
from connections.sync.schedule import Progress
from http_client.errors import HttpClientError

log = logging.getLogger(__name__)

ROLES = frozenset({"auditor", "operator", "admin"})
_PUSH = frozenset({"push", "guardian"})  # authentication-methods `type`
_KEEP_EACH: Final = 20
_GIVE_UP_AFTER: Final = 3
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def sync_people(progress: Progress | None = None) -> None:
    """Note everybody the tenant knows in `approvals.people_and_roles`, or go on where it stopped.

    Where the tenant assigns none of our roles to anybody, roles are managed elsewhere (a claim
    made by an Action) and the ones from the last sign-in stay.

    Raises:
        RateLimited: the tenant wants us to wait. Auth0Error, HttpClientError: the directory could
            not be listed. Either way it goes on from there.
    """
    management = auth0_clients.management()
    if management is not None:
        _Walk(management, progress).to_the_end()


class _Walk:
    """Person after person by the time of their creation, which is kept on the job's row."""

    def __init__(self, management: Management, progress: Progress | None) -> None:
        self._management, self._progress = management, progress
        begun = progress.after if progress else 0
        self._at = _BEGINNING + timedelta(milliseconds=begun)
        self.done = self.failed = self._total = 0
        self._in_a_row = 0  # unanswered: it may be Auth0 that is away, not these people
        self._kept, self._kept_at = 0, time.monotonic()
        if progress and begun:
            progress.say(f"Goes on with people created since {self._at:%Y-%m-%d %H:%M} UTC.")

    def to_the_end(self) -> None:
        """As `sync_people`."""
        managed = self._management.has_members(ROLES)
        try:
            for user in self._users():
                self._one(user, managed)
                if self.done - self._kept >= _KEEP_EACH or time.monotonic() - self._kept_at > 1:
                    self._keep()
            self._at = _BEGINNING  # the next walk is a new one
        finally:
            self._keep()

    def _users(self) -> Iterator[User]:
        """Each once; those of the very time where a page ended come with the next one again."""
        known: set[str] = set()
        since, page = self._at, 0
        while True:
            users, matching = self._management.users_created(since, page)
            self._total = max(self._total, self.done + matching - len(known))
            for user in users:
                if user.user_id not in known:
                    yield user
            if len(users) < USERS_A_PAGE:
                return
            last = users[-1].created_at or since
            if last > since:
                known = {user.user_id for user in users if user.created_at == last}
                since, page = last, 0
                continue
            known |= {user.user_id for user in users}
            page += 1
            if page * USERS_A_PAGE >= MOST_FOUND:  # as many in one millisecond: an import
                self._say(
                    f"More than {MOST_FOUND:,} people were created at {last}; some are missing."
                )
                known, since, page = set(), last + _MS, 0

    def _one(self, user: User, managed: bool) -> None:
        schedule.spare(self._management.budget)
        unanswered: Exception | None = None
        read_at = clock.now()
        try:
            roles = {role.name for role in self._management.roles(user.user_id)} & ROLES
            phone = _has_phone(self._management, user.user_id)
        except RateLimited:
            raise
        except (Auth0Error, HttpClientError) as error:
            log.info("one person not readable: %s", type(error).__name__)
            self.failed += 1
            self._say("Some people could not be read.")
            unanswered = error if isinstance(error, Unavailable | HttpClientError) else None
        else:
            self._note(user, roles if managed else None, phone, read_at)
        self.done += 1
        self._at = user.created_at or self._at
        self._in_a_row = self._in_a_row + 1 if unanswered else 0
        if unanswered and self._in_a_row >= _GIVE_UP_AFTER:
            raise unanswered  # goes on behind them; the next walk reads them again

    @staticmethod
    def _note(user: User, roles: set[str] | None, phone: bool | None, read_at: datetime) -> None:
        people_and_roles.note_person(
            iss=auth0_clients.auth0().issuer,
            sub=user.user_id,
            name=user.name or "",
            email=user.email or "",
            roles=roles,
            phone=phone,
            read_at=read_at,
        )

    def _say(self, words: str) -> None:
        if self._progress:
            self._progress.say(words)

    def _keep(self) -> None:
        self._kept, self._kept_at = self.done, time.monotonic()
        if self._progress:
            self._progress.at(self.done, self._total, self.failed)
            self._progress.stopped_at((self._at - _BEGINNING) // _MS)


def _has_phone(management: Management, user_id: str) -> bool | None:
    try:
        methods = management.authentication_methods(user_id)
    except RateLimited:
        raise
    except Auth0Error:  # the scope may be missing: then nobody said
        return None
    return any(m.type in _PUSH and m.confirmed is not False for m in methods)

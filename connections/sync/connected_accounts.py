"""Compare the inventory with Auth0: person by person, on a schedule and on demand.

The Management API lists accounts per user and nothing else does; a person whose list cannot be
read is counted and kept as last seen, never read as "nothing connected".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from django.db import transaction

from approvals import auth0_clients, clock
from approvals.models import Person
from auth0_client.errors import Auth0Error, NotFound, RateLimited
from auth0_client.management_api import ManagedAccount, Management
from connections.models import (
    NOT_HELD,
    ConnectedAccount,
    ConnectionSetting,
    ManifestNeed,
    ReconcileRun,
)
from connections.sync import people_roles_and_enrolments, run_progress, schedule, update_accounts
from connections.sync.schedule import Progress
from http_client.errors import HttpClientError

log = logging.getLogger(__name__)

_GIVE_UP_AFTER = 3
_PAGE = 200
_KEEP_EACH = 20
PEOPLE = "people"
ACCOUNTS = "accounts"
_CONNECTED = "connected_accounts_connection_succeeded"  # tenant log, facts/auth0-wire.md §6.4


def run_due(now: datetime | None = None) -> int:
    """Do what is due, people before their accounts; returns how many jobs ran."""
    jobs: dict[str, schedule.Job] = {PEOPLE: _people, ACCOUNTS: everybody}
    return schedule.run_due(jobs, now or clock.now())


def _people(progress: Progress) -> None:
    """Read the directory; accounts of people who are new are compared next, not in ten minutes."""
    known = Person.objects.exclude(sub="").count()
    people_roles_and_enrolments.sync_people(progress)
    if Person.objects.exclude(sub="").count() > known:
        schedule.ask_now(ACCOUNTS, clock.now())


def one_person(iss: str, sub: str) -> bool:
    """Compare one person's accounts; False when Auth0 could not be asked."""
    management = auth0_clients.management()
    if management is None:
        return False
    try:
        _compare(management, iss, sub)
    except (Auth0Error, HttpClientError) as error:
        log.info("accounts of one person not readable: %s", type(error).__name__)
        return False
    return True


def everybody(progress: Progress) -> None:
    """Compare all known people and what the tenant offers to connect, or go on where it stopped.

    Raises:
        RateLimited: the tenant wants us to wait; the run goes on from there.
        Auth0Error, HttpClientError: person after person could not be read; it goes on before them.
    """
    management = auth0_clients.management()
    if management is None:
        progress.say("No Management API client is configured (AUTH0_MGMT_CLIENT_ID).")
        return
    run = ReconcileRun.objects.filter(finished=None).first()  # by whomever it was stopped
    if run is None:
        try:
            _offers(management)
        except (Auth0Error, HttpClientError) as error:
            progress.say(f"The list of connections could not be read: {_words(error)}")
        run = run_progress.begin(Person.objects.exclude(sub="").count())
    else:
        run = run_progress.go_on(run)
    _Walk(management, run, progress).to_the_end()
    run_progress.finish(run)


class _Walk:
    """Person after person, keeping in the run's row up to whom it is done."""

    def __init__(self, management: Management, run: ReconcileRun, progress: Progress) -> None:
        self._management, self._run, self._progress = management, run, progress
        self._after, self._done, self._failed = run.after, run.done, run.failed
        self._unread: list[int] = []  # in a row: it may be Auth0 that is away, not these people
        self._kept, self._kept_at = run.done, time.monotonic()

    def to_the_end(self) -> None:
        """As `everybody`."""
        self._keep()
        try:
            for pk, iss, sub in self._people():
                schedule.spare(self._management.budget)
                self._one(pk, iss, sub)
                if self._done - self._kept >= _KEEP_EACH or time.monotonic() - self._kept_at > 1:
                    self._keep()
            self._past_unread()
        finally:
            self._keep()

    def _people(self) -> Iterator[tuple[int, str, str]]:
        last = self._after
        while True:
            found = Person.objects.filter(id__gt=last).exclude(sub="").order_by("id")
            page = list(found.values_list("id", "iss", "sub")[:_PAGE])
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def _one(self, pk: int, iss: str, sub: str) -> None:
        try:
            _compare(self._management, iss, sub, self._run.pk)
        except RateLimited:
            raise
        except NotFound as error:
            self._gone(iss, sub, error)
        except (Auth0Error, HttpClientError) as error:
            self._unread.append(pk)
            self._progress.say(_words(error))
            if len(self._unread) < min(_GIVE_UP_AFTER, self._run.total):
                return
            self._keep()
            if not run_progress.passes(self._run):
                raise
            self._past_unread()  # minutes later it is still these people and nobody else
            return
        self._past_unread()
        self._after, self._done = pk, self._done + 1

    def _gone(self, iss: str, sub: str, error: NotFound) -> None:
        """Auth0 itself says that there is no such user: their accounts went with them."""
        if error.code != "inexistent_user":
            self._failed += 1
            self._progress.say(_words(error))
            return
        accounts = ConnectedAccount.objects.filter(iss=iss, sub=sub).exclude(state__in=NOT_HELD)
        for account in accounts:
            update_accounts.vanished(account, "its owner is no longer a user there", self._run.pk)

    def _past_unread(self) -> None:
        """Others can be read, so these few are on their own: counted, and kept as last seen."""
        if self._unread:
            self._after = self._unread[-1]
            self._done += len(self._unread)
            self._failed += len(self._unread)
            self._unread = []

    def _keep(self) -> None:
        run_progress.reached(self._run, self._after, self._done, self._failed)
        self._progress.at(self._done, self._run.total, self._failed)
        self._kept, self._kept_at = self._done, time.monotonic()


def _words(error: Exception) -> str:
    return error.advice if isinstance(error, Auth0Error) else "Auth0 could not be reached."


def _offers(management: Management) -> None:
    now = clock.now()
    for found in management.connections():
        active = found.nested("connected_accounts").optional_flag("active") or False
        ConnectionSetting.objects.update_or_create(
            name=found.text("name", limit=128),
            defaults={
                "strategy": found.optional_text("strategy", limit=128) or "",
                "connectable": active,
                "seen_at": now,
            },
        )
    ConnectionSetting.objects.filter(seen_at__lt=now).update(connectable=False)


def _compare(management: Management, iss: str, sub: str, run: UUID | None = None) -> None:
    as_of = clock.now()
    listed = management.connected_accounts(sub)
    with transaction.atomic():  # a person at a time: one wait for the disk, not one an account
        fresh = _settle(iss, sub, listed, as_of, run)
    if fresh:
        name_accounts(management, sub, fresh)


def _settle(
    iss: str, sub: str, listed: Iterable[ManagedAccount], as_of: datetime, run: UUID | None
) -> list[ConnectedAccount]:
    """Bring a person's rows to what was listed at `as_of`; returns those that are new."""
    known = {
        (row.connection, row.auth0_id): row
        for row in ConnectedAccount.objects.filter(iss=iss, sub=sub)
    }
    fresh: list[ConnectedAccount] = []
    same: list[UUID] = []
    for account in listed:
        row, fact = known.pop((account.connection, account.id), None), _fact(account)
        if row is None:
            fresh.append(update_accounts.appeared(iss, sub, fact, "management", run))
        elif update_accounts.unchanged(row, fact):
            same.append(row.pk)
        else:
            update_accounts.still_there(row, fact, as_of, run)
    ConnectedAccount.objects.filter(pk__in=same).update(seen_at=as_of)
    for row in known.values():
        if row.state not in NOT_HELD and row.seen_at < as_of:
            update_accounts.vanished(row, "no longer listed for its owner", run)
    return fresh


def _fact(account: ManagedAccount) -> update_accounts.Fact:
    return update_accounts.Fact(
        account.id, account.connection, account.scopes, account.created_at, account.expires_at
    )


def name_accounts(management: Management, sub: str, rows: Iterable[ConnectedAccount]) -> None:
    """Learn the provider's own user ids from the tenant log, the one place that tells them."""
    wanted = {row.auth0_id: row for row in rows if not row.provider_user}
    try:
        page = management.search_logs(f'type:"{_CONNECTED}" AND user_id:"{sub}"', per_page=50)
    except (Auth0Error, HttpClientError) as error:
        log.info("tenant log not readable: %s", type(error).__name__)
        return
    for entry in page.entries:
        details = entry.get("details")
        account = details.get("connected_account") if isinstance(details, dict) else None
        if not isinstance(account, dict):
            continue
        row = wanted.get(str(account.get("id")))
        user = account.get("idp_user_id")
        if row is not None and isinstance(user, str) and user:
            ConnectedAccount.objects.filter(pk=row.pk).update(provider_user=user[:255])


def connectable() -> list[str]:
    """What can be connected, as the tenant said last; before it did, what manifests name."""
    if ConnectionSetting.objects.exists():
        offered = ConnectionSetting.objects.filter(connectable=True)
        return list(offered.values_list("name", flat=True))
    return sorted(set(ManifestNeed.objects.values_list("connection", flat=True)))

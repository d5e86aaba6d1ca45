"""Compare the inventory with Auth0: person by person, on a schedule and on demand.

The Management API lists accounts per user and nothing else does; a person whose list cannot be
read is counted and kept as last seen, never read as "nothing connected".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from approvals import clock, issuer
from approvals.models import Person
from auth0_client.errors import Auth0Error, RateLimited
from auth0_client.management import ManagedAccount, Management
from connections import directory, drift, schedule
from connections.models import ConnectedAccount, ConnectionSetting, ManifestNeed, State
from connections.schedule import Progress
from outbound.errors import OutboundError

log = logging.getLogger(__name__)

_GIVE_UP_AFTER = 3
PEOPLE = "people"
ACCOUNTS = "accounts"
_CONNECTED = "connected_accounts_connection_succeeded"  # tenant log, facts/auth0-wire.md §6.4


def run_due(now: datetime | None = None) -> int:
    """Do what is due, people before their accounts; returns how many jobs ran."""
    jobs: dict[str, schedule.Job] = {PEOPLE: directory.scheduled, ACCOUNTS: everybody}
    return schedule.run_due(jobs, now or clock.now())


def one_person(iss: str, sub: str) -> bool:
    """Compare one person's accounts; False when Auth0 could not be asked."""
    management = issuer.management()
    if management is None:
        return False
    try:
        _compare(management, iss, sub)
    except (Auth0Error, OutboundError) as error:
        log.info("accounts of one person not readable: %s", type(error).__name__)
        return False
    return True


def everybody(progress: Progress) -> None:
    """Compare all known people and what the tenant offers to connect.

    Raises:
        RateLimited: the tenant wants us to wait; what was read so far is kept.
        Auth0Error, OutboundError: person after person could not be read.
    """
    management = issuer.management()
    if management is None:
        progress.say("No Management API client is configured (AUTH0_MGMT_CLIENT_ID).")
        return
    try:
        _offers(management)
    except (Auth0Error, OutboundError) as error:
        progress.say(f"The list of connections could not be read: {_words(error)}")
    people = list(Person.objects.exclude(sub="").order_by("id").values_list("iss", "sub"))
    progress.begin(len(people))
    in_a_row = 0
    for iss, sub in people:
        try:
            _compare(management, iss, sub)
            in_a_row = 0
        except RateLimited:
            raise
        except (Auth0Error, OutboundError) as error:
            progress.failed(_words(error))
            in_a_row += 1
            if in_a_row >= min(_GIVE_UP_AFTER, len(people)):
                raise  # it is Auth0 that is away, not these people: nothing was compared
        progress.step()


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


def _compare(management: Management, iss: str, sub: str) -> None:
    as_of = clock.now()
    listed = management.connected_accounts(sub)
    known = {
        (row.connection, row.auth0_id): row
        for row in ConnectedAccount.objects.filter(iss=iss, sub=sub)
    }
    fresh: list[ConnectedAccount] = []
    for account in listed:
        row = known.pop((account.connection, account.id), None)
        if row is None:
            fresh.append(drift.appeared(iss, sub, _fact(account), "management"))
        else:
            drift.still_there(row, _fact(account), as_of)
    for row in known.values():
        if row.state != State.REVOKED and row.watched_since < as_of:
            drift.vanished(row, "no longer listed for its owner")
    if fresh:
        name_accounts(management, sub, fresh)


def _fact(account: ManagedAccount) -> drift.Fact:
    return drift.Fact(
        account.id, account.connection, account.scopes, account.created_at, account.expires_at
    )


def name_accounts(management: Management, sub: str, rows: Iterable[ConnectedAccount]) -> None:
    """Learn the provider's own user ids from the tenant log, the one place that tells them."""
    wanted = {row.auth0_id: row for row in rows if not row.provider_user}
    try:
        page = management.search_logs(f'type:"{_CONNECTED}" AND user_id:"{sub}"', per_page=50)
    except (Auth0Error, OutboundError) as error:
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

"""The one recorder of tenant-log entries, whichever feed brings them (DESIGN 1.3, 1.5).

Each useful entry becomes one `LogFact`. The trail gets little of it, so that a busy tenant cannot
flood the log: what our own broker exchanged is there already, and use by other applications is one
event a person, connection, application, outcome and UTC day. The facts keep every one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from approvals import clock, people_and_roles
from audit.recording.actors import SYSTEM, Subject, Target
from audit.recording.record import record
from connections.models import (
    NOT_HELD,
    ConnectedAccount,
    Feed,
    LogFact,
    LogFeed,
    LogKind,
    SeenUse,
)
from connections.sync import person_queue
from connections.tenant_log import feed_gaps, unreadable_deliveries
from connections.tenant_log.entry_parsing import Entry, Malformed

KEPT = timedelta(days=35)
"""How long a fact stays after it came: Auth0 gives up on a stream after 7 days."""

_USES = frozenset({LogKind.EXCHANGED, LogKind.EXCHANGE_FAILED})


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one delivery."""

    received: int
    recorded: int
    duplicates: int
    ignored: int
    quarantined: int


def take(feed: Feed, items: Sequence[Entry | Malformed], *, cursor: str | None = None) -> Taken:
    """Record one delivery whole, with how far the feed is; a repeated one changes nothing.

    `cursor` is where a reader goes on: it moves in the same transaction, so that a reader that is
    killed neither skips an entry nor records one twice.
    """
    now = clock.now()
    bad = [item for item in items if isinstance(item, Malformed)]
    entries = [item for item in items if isinstance(item, Entry)]
    useful = {entry.log_id: entry for entry in entries if entry.kind is not None}
    with transaction.atomic():
        row = feed_gaps.locked(feed)
        fresh = _unknown(useful)
        unreadable_deliveries.keep(feed, bad, now)
        for first in _first_of_day(fresh):
            _seen(first)
        LogFact.objects.bulk_create(_fact(entry, feed, now) for entry in fresh)
        _bring_accounts_up_to_date(fresh)
        _look_at_people(fresh, now)
        ignored = sum(entry.kind is None for entry in entries)
        taken = Taken(
            len(items), len(fresh), len(entries) - ignored - len(fresh), ignored, len(bad)
        )
        _count(row, taken, entries, now, cursor)
    return taken


def tidy(now: datetime) -> None:
    """Forget facts that no feed repeats any more; what they changed of accounts stays."""
    LogFact.objects.filter(received__lt=now - KEPT).delete()


def _count(
    row: LogFeed, taken: Taken, entries: Sequence[Entry], now: datetime, cursor: str | None
) -> None:
    row.recorded += taken.recorded
    row.duplicates += taken.duplicates
    row.ignored += taken.ignored
    row.quarantined += taken.quarantined
    row.heard = now
    row.newest = max(
        [*(e.at for e in entries), *([row.newest] if row.newest else [])], default=None
    )
    if cursor is not None:
        row.cursor = cursor
    row.save()
    if row.feed == Feed.STREAM:
        feed_gaps.stream_is_back(now)


def _unknown(useful: dict[str, Entry]) -> list[Entry]:
    ids = list(useful)
    known: set[str] = set()
    for start in range(0, len(ids), 500):
        some = LogFact.objects.filter(log_id__in=ids[start : start + 500])
        known.update(some.values_list("log_id", flat=True))
    fresh = [entry for log_id, entry in useful.items() if log_id not in known]
    return sorted(fresh, key=lambda entry: entry.at)


def _fact(entry: Entry, feed: Feed, now: datetime) -> LogFact:
    assert entry.kind is not None
    return LogFact(
        log_id=entry.log_id,
        kind=entry.kind,
        at=entry.at,
        iss=settings.ENV.issuer,
        sub=entry.sub,
        connection=entry.connection,
        client_id=entry.client_id,
        agent_id=entry.agent_id,
        auth0_id=entry.auth0_id,
        reason=entry.reason,
        feed=feed,
        received=now,
    )


def _first_of_day(fresh: Iterable[Entry]) -> list[Entry]:
    """Uses by other applications that begin a day of theirs; in order of time."""
    ours = settings.ENV.AUTH0_VAULT_CLIENT_ID
    found: dict[tuple[object, ...], Entry] = {}
    for entry in fresh:
        if entry.kind in _USES and entry.connection and entry.client_id != ours:
            key = (entry.sub, entry.connection, entry.client_id, entry.kind, entry.at.date())
            found.setdefault(key, entry)
    return [entry for entry in found.values() if not _recorded_that_day(entry)]


def _recorded_that_day(entry: Entry) -> bool:
    day = datetime.combine(entry.at.date(), datetime.min.time(), UTC)
    return LogFact.objects.filter(
        iss=settings.ENV.issuer,
        sub=entry.sub,
        connection=entry.connection,
        kind=entry.kind,
        client_id=entry.client_id,
        at__gte=day,
        at__lt=day + timedelta(days=1),
    ).exists()


def _seen(entry: Entry) -> None:
    """The first use of a day by another application, on the trail."""
    iss = settings.ENV.issuer
    held = list(_accounts(entry.sub, entry.connection).values_list("pk", flat=True))
    accounts = sorted(map(str, held))
    person = people_and_roles.find(iss, entry.sub)
    who = person.subject if person else Subject(iss, entry.sub)
    if entry.kind == LogKind.EXCHANGED:
        _remember(held, entry)
    record(
        SYSTEM,
        "connection.use_seen",
        outcome="success" if entry.kind == LogKind.EXCHANGED else "failure",
        source="auth0",
        target=Target("connection", accounts[0]) if len(accounts) == 1 else None,
        on_behalf_of=who,
        connection=entry.connection,
        reason=entry.reason,
        data={
            "connection": entry.connection,
            "client_id": entry.client_id,
            "agent_id": entry.agent_id,
            "day": entry.at.date().isoformat(),
            "accounts": accounts,
        },
        private={"owner": {"iss": iss, "sub": who.sub, "name": who.name, "email": who.email}},
        time=entry.at,
    )


def _remember(accounts: Iterable[UUID], entry: Entry) -> None:
    day = entry.at.date()
    for account in accounts:
        known = SeenUse.objects.filter(account_id=account, client_id=entry.client_id)
        if known.exists():
            known.filter(day__lt=day).update(day=day)
        else:
            SeenUse.objects.create(account_id=account, client_id=entry.client_id, day=day)
        later = Q(elsewhere_on=None) | Q(elsewhere_on__lt=day)
        ConnectedAccount.objects.filter(later, pk=account).update(elsewhere_on=day)


def _accounts(sub: str, connection: str) -> QuerySet[ConnectedAccount]:
    """The accounts that an exchange may be about."""
    found = ConnectedAccount.objects.filter(iss=settings.ENV.issuer, sub=sub, connection=connection)
    return found.exclude(state__in=NOT_HELD)


def _bring_accounts_up_to_date(fresh: Iterable[Entry]) -> None:
    newest: dict[tuple[str, str], Entry] = {}
    for entry in fresh:  # in order of time
        if entry.kind in _USES and entry.connection:
            key = (entry.sub, entry.connection)
            newest.setdefault(key, entry)
            if entry.kind == LogKind.EXCHANGED:
                newest[key] = entry
    for (sub, connection), entry in newest.items():
        accounts = _accounts(sub, connection)
        if entry.kind == LogKind.EXCHANGED:
            later = Q(auth0_used_at=None) | Q(auth0_used_at__lt=entry.at)
            accounts.filter(later).update(auth0_used_at=entry.at, auth0_used_by=entry.client_id)
        _count_failures(accounts, sub, connection)


def _count_failures(accounts: QuerySet[ConnectedAccount], sub: str, connection: str) -> None:
    """Failures since the last good exchange, whatever order they came in."""
    facts = LogFact.objects.filter(
        iss=settings.ENV.issuer, sub=sub, connection=connection, kind=LogKind.EXCHANGE_FAILED
    )
    for used_at in set(accounts.values_list("auth0_used_at", flat=True)):
        since = facts.filter(at__gt=used_at) if used_at else facts
        last = since.order_by("-at").first()
        accounts.filter(auth0_used_at=used_at).update(
            auth0_failures=since.count(),
            **({"auth0_failed_at": last.at, "auth0_failure": last.reason} if last else {}),
        )


def _look_at_people(fresh: Iterable[Entry], now: datetime) -> None:
    """Accounts that came or went: compare their owners with Auth0 soon, unless we know already."""
    for entry in fresh:
        if entry.kind not in {LogKind.CONNECTED, LogKind.DISCONNECTED}:
            continue
        known = ConnectedAccount.objects.filter(
            iss=settings.ENV.issuer, sub=entry.sub, auth0_id=entry.auth0_id
        ).exclude(state__in=NOT_HELD)
        if known.exists() != (entry.kind == LogKind.CONNECTED):
            person_queue.ask(settings.ENV.issuer, entry.sub, now + person_queue.SOON)

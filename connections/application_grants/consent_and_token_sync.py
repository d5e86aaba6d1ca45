"""Read consents and refresh tokens of everybody: hourly, on demand, from where it stopped.

Auth0 lists refresh tokens per person only, so this is two requests a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import transaction

from approvals import auth0_clients, clock
from approvals.models import Person
from audit.recording.actors import SYSTEM, Subject, Target
from audit.recording.record import record
from auth0_client.errors import Auth0Error, Forbidden, NotFound, RateLimited
from auth0_client.management_api import Management
from connections import account_names
from connections.models import AccessKind, AccessState, AppAccess, Schedule
from connections.sync import schedule
from connections.sync.schedule import Progress
from http_client.errors import HttpClientError

APPLICATIONS = "applications"
EVERY = timedelta(hours=1)
_PAGE = 100
_READ_KEY = "connections.application_grants.read."
_KEPT_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Listed:
    """One consent or refresh token as Auth0 tells it."""

    kind: AccessKind
    auth0_id: str
    client_id: str
    audiences: tuple[str, ...]
    scopes: tuple[str, ...]
    created_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


def run_due(now: datetime | None = None) -> int:
    """Read on if it is time."""
    return schedule.run_due({APPLICATIONS: everybody}, now or clock.now(), every=EVERY)


def everybody(progress: Progress) -> None:
    """Person after person; a stopped run goes on after the last one that is done.

    Raises:
        RateLimited, Auth0Error, HttpClientError: it stops here and goes on later.
    """
    management = auth0_clients.management()
    if management is None:
        progress.say("No Management API client is configured (AUTH0_MGMT_CLIENT_ID).")
        return
    place = Schedule.objects.filter(name=APPLICATIONS)
    after, total = place.values_list("after", flat=True).get(), Person.objects.count()
    left = Person.objects.exclude(sub="").order_by("id")
    progress.at(total - left.filter(id__gt=after).count(), total, 0)
    while page := list(left.filter(id__gt=after).values_list("id", "iss", "sub")[:_PAGE]):
        for pk, iss, sub in page:
            schedule.spare(management.budget)
            read_person(management, iss, sub)
            after = pk
            place.update(after=after)
            progress.step()
    name_applications(management)
    place.update(after=0)


def last_read(iss: str, sub: str) -> datetime | None:
    """When Auth0's list of this person was read, of everybody or of them alone; None before."""
    whole = Schedule.objects.filter(name=APPLICATIONS).values_list("finished", flat=True).first()
    own: datetime | None = cache.get(_READ_KEY + Subject(iss=iss, sub=sub).key)
    return max(filter(None, (whole, own)), default=None)


def one_person(iss: str, sub: str) -> bool:
    """Read one person again; False when Auth0 could not be asked."""
    as_of = clock.now()
    management = auth0_clients.management()
    if management is None:
        return False
    try:
        read_person(management, iss, sub)
    except (Auth0Error, HttpClientError):
        return False
    cache.set(_READ_KEY + Subject(iss=iss, sub=sub).key, as_of, _KEPT_S)
    return True


def read_person(management: Management, iss: str, sub: str) -> None:
    """Bring one person's rows to what Auth0 says; a kind that may not be read stays as it was."""
    as_of = clock.now()
    for kind, read in ((AccessKind.GRANT, _grants), (AccessKind.REFRESH_TOKEN, _tokens)):
        try:
            listed = read(management, sub)
        except Forbidden:
            continue
        except NotFound as error:
            if error.code != "inexistent_user":
                raise
            listed = []
        _compare(iss, sub, kind, listed, as_of)


def _grants(management: Management, sub: str) -> list[Listed]:
    return [
        Listed(AccessKind.GRANT, g.id, g.client_id, (g.audience,) if g.audience else (), g.scopes)
        for g in management.grants(sub)
    ]


def _tokens(management: Management, sub: str) -> list[Listed]:
    return [
        Listed(
            AccessKind.REFRESH_TOKEN,
            t.id,
            t.client_id,
            t.audiences,
            t.scopes,
            t.created_at,
            t.expires_at,
            t.last_exchanged_at,
        )
        for t in management.refresh_tokens(sub)
    ]


def _compare(
    iss: str, sub: str, kind: AccessKind, listed: Iterable[Listed], as_of: datetime
) -> None:
    held = AppAccess.objects.filter(iss=iss, sub=sub, kind=kind)
    known = {row.auth0_id: row for row in held}
    for grant in listed:
        row = known.pop(grant.auth0_id, None)
        if row is None:
            _appeared(iss, sub, grant, as_of)
        elif row.state_since < as_of:
            _still_there(row, grant, as_of)
    for row in known.values():
        if row.state != AccessState.GONE and row.state_since < as_of:
            gone(row, "no longer listed")


def _appeared(iss: str, sub: str, grant: Listed, now: datetime) -> None:
    with transaction.atomic():
        row = AppAccess(
            iss=iss, sub=sub, kind=grant.kind, auth0_id=grant.auth0_id, client_id=grant.client_id,
            first_seen=now, state_since=now,
        )  # fmt: skip
        _take(row, grant, now)
        row.save(force_insert=True)
        _record(row, {"drift": "appeared"})


_FIELDS = (
    *("audiences", "scopes", "created_at", "expires_at", "last_used_at", "seen_at"),
    *("state", "state_since", "operation"),
)


def _still_there(row: AppAccess, grant: Listed, as_of: datetime) -> None:
    """Bring a row to what was listed at `as_of`; what was decided since it was read stays."""
    with transaction.atomic():
        held = AppAccess.objects.select_for_update().get(pk=row.pk)
        if held.state_since >= as_of:  # decided, or gone, while Auth0 was answering
            return
        before, apis = sorted(held.scopes), sorted(held.audiences)
        back = held.state == AccessState.GONE
        if back:
            held.state, held.state_since, held.operation = AccessState.LIVE, as_of, ""
        _take(held, grant, as_of)
        held.save(update_fields=_FIELDS)
        if back:
            _record(held, {"drift": "came_back"})
        elif before != sorted(grant.scopes):
            _record(held, {"drift": "scopes_changed", "before": before, "apis_before": apis})
        elif apis != sorted(grant.audiences):
            _record(held, {"drift": "apis_changed", "apis_before": apis})


def _take(row: AppAccess, grant: Listed, now: datetime) -> None:
    row.audiences, row.scopes = list(grant.audiences), list(grant.scopes)
    row.created_at, row.expires_at = grant.created_at, grant.expires_at
    row.last_used_at, row.seen_at = grant.last_used_at, now


def gone(row: AppAccess, how: str) -> AppAccess | None:
    """Auth0 no longer holds it, by whomever it was ended; its row, None where its owner was erased
    meanwhile."""
    with transaction.atomic():
        held = AppAccess.objects.select_for_update().filter(pk=row.pk).first()
        if held is None or held.state == AccessState.GONE:
            return held
        ours = held.state == AccessState.REVOKING
        held.state, held.state_since, held.detail = AccessState.GONE, clock.now(), ""
        held.save(update_fields=["state", "state_since", "detail"])
        if not ours:  # the revocation's own step tells
            _record(held, {"drift": "vanished", "how": how})
    return held


def name_applications(management: Management) -> None:
    """Learn what the tenant calls the applications that have no name here yet."""
    unnamed = AppAccess.objects.filter(client_name="").order_by()
    for client_id in set(unnamed.values_list("client_id", flat=True)):
        try:
            name = management.client(client_id).optional_text("name", limit=512) or ""
        except RateLimited:
            raise
        except (Auth0Error, HttpClientError):  # may not be read, or is no application any more
            continue
        unnamed.filter(client_id=client_id).update(client_name=name[:200])


def facts_of(row: AppAccess) -> dict[str, object]:
    """Plain facts for an event's `data`: which one, and how the act left it."""
    return {
        "access_id": str(row.pk),
        "kind": row.kind,
        "auth0_id": row.auth0_id,
        "client_id": row.client_id,
        "application": row.application,
        "audiences": list(row.audiences),
        "scopes": list(row.scopes),
        "state": str(row.state),
        "created_at": clock.stamp(row.created_at) if row.created_at else None,
        "expires_at": clock.stamp(row.expires_at) if row.expires_at else None,
    }


def private_of(row: AppAccess) -> dict[str, object]:
    """Personal values for an event's `private`."""
    who = account_names.owner(row)
    return {"owner": {"iss": who.iss, "sub": who.sub, "name": who.name, "email": who.email}}


def _record(row: AppAccess, data: Mapping[str, object]) -> None:
    record(
        SYSTEM,
        "access.reconciled",
        source="auth0",
        target=Target(row.kind, str(row.pk)),
        on_behalf_of=account_names.owner(row),
        data={**facts_of(row), **data},
        private=private_of(row),
    )

"""What is known of one account, from which source, and when; granted next to needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings

from approvals import clock
from audit.models import EventRow
from connections.component_manifests import manifest_store
from connections.models import ConnectedAccount
from connections.scopes import catalogue, containment
from connections.scopes.catalogue import Scope
from connections.status import member_overview

SOURCES: Final = {
    "management": "Auth0’s Management API",
    "my_account": "My Account API",
    "broker": "our token broker",
    "tenant_log": "Auth0’s tenant log",
    "owner": "its owner, when connecting",
    "us": "this portal’s own record",
}


@dataclass(frozen=True, slots=True)
class Need:
    """One scope of an account, or one that it lacks."""

    scope: Scope
    granted: bool
    needed_by: tuple[str, ...]  # components whose manifests declare it

    @property
    def excess(self) -> bool:
        """Granted, and no manifest needs it."""
        return self.granted and not self.needed_by


def needs(account: ConnectedAccount) -> list[Need]:
    """Scopes granted next to those needed: excess first, then missing, then what fits.

    A scope that another holds counts as granted with it, and as needed by components that need that
    one.
    """
    wanted: dict[str, list[str]] = {}
    for need in manifest_store.naming(account.connection):
        for name in need.scopes:
            wanted.setdefault(name, []).append(str(need.manifest))
    missing = set(containment.beyond(account.connection, wanted, account.scopes))

    def needed_by(name: str) -> tuple[str, ...]:
        holding = (
            who
            for one, who in wanted.items()
            if one == name or not containment.beyond(account.connection, [name], [one])
        )
        return tuple(dict.fromkeys(each for who in holding for each in who))

    found = [
        Need(scope, scope.name not in missing, needed_by(scope.name))
        for scope in catalogue.in_words(account.connection, [*account.scopes, *sorted(wanted)])
    ]
    return sorted(found, key=lambda one: (not one.excess, one.granted))


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known, or honestly not known (`text` empty, no moment)."""

    label: str
    source: str
    as_of: datetime | None  # when the source reported it
    text: str = ""
    moment: datetime | None = None  # the fact itself, where it is a moment
    day: bool = False  # only the day of it is known


def facts(account: ConnectedAccount) -> Iterator[Fact]:
    """Each fact with its source and time."""
    source, seen = SOURCES.get(account.source, account.source), account.seen_at
    count = len(account.scopes)
    yield Fact("Scopes", source, seen, f"{count} granted")
    yield Fact("Connected", source, seen, moment=account.connected_at)
    yield Fact("Grant expires", source, seen, moment=account.expires_at)
    if account.label:
        yield Fact("Called", SOURCES["owner"], account.watched_since, account.label)
    if account.provider_user:
        yield Fact("Account", SOURCES["tenant_log"], account.watched_since, account.provider_user)
    yield Fact("Last use", SOURCES["broker"], account.last_used_at, moment=account.last_used_at)
    if account.elsewhere_on:
        past = member_overview.past_us([account]).get(account.pk, ())
        names = ", ".join(one.name for one in past if one.day == account.elsewhere_on)
        since = account.elsewhere_since
        yield Fact(
            "Last use directly at Auth0", SOURCES["tenant_log"], None, names, since, day=True
        )
    if account.auth0_used_at:
        ours = account.auth0_used_by == settings.ENV.AUTH0_VAULT_CLIENT_ID
        by = "to our token broker" if ours else account.auth0_used_by
        at = account.auth0_used_at
        yield Fact("Last token issued by Auth0", SOURCES["tenant_log"], at, by, at)
    ends = account.last_token_expires_at
    label = "Last token expired" if ends and ends <= clock.now() else "Last token expires"
    yield Fact(label, SOURCES["broker"], account.last_used_at, moment=ends)
    if account.failures:
        text = f"{account.failures} since the last good one, the last {account.last_failure}"
        yield Fact("Failed exchanges", SOURCES["broker"], account.last_failure_at, text)
    if account.auth0_failures:
        text = f"{account.auth0_failures} at Auth0, the last: {account.auth0_failure}"
        yield Fact("Failed at Auth0", SOURCES["tenant_log"], account.auth0_failed_at, text)
    yield Fact("State", SOURCES["us"], account.state_since, account.get_state_display())


def newest(account: ConnectedAccount) -> EventRow | None:
    """The newest entry about an account that has its place in the log."""
    found = EventRow.objects.filter(target_kind="connection", target_name=str(account.id))
    return found.filter(seq__isnull=False).order_by("-seq").first()

"""Steps chosen by a seed that change an inventory of connected accounts and applications."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db.models import Model, QuerySet

from approvals import clock
from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from connections.application_grants import consent_and_token_sync
from connections.models import (
    AccessKind,
    AccessState,
    AppAccess,
    ConnectedAccount,
    Feed,
    LogKind,
)
from connections.sync import update_accounts
from connections.tenant_log import entry_parsing, record_entries
from tests.connections.visitor import subject

_SCOPES = ("repo", "read:user", "delete_repo", "gist")


def owner(who: str) -> Actor:
    return Actor(iss=settings.ENV.issuer, sub=subject(who), via="web")


def any_of[M: Model](choose: random.Random, rows: QuerySet[M]) -> M | None:
    """One of them, the same one each time that a seed is tried."""
    found = list(rows.order_by("auth0_id"))
    return choose.choice(found) if found else None


def fact(choose: random.Random, auth0_id: str) -> update_accounts.Fact:
    now = clock.now().replace(microsecond=0)
    ends = choose.choice([None, now + timedelta(days=3), now - timedelta(days=1)])
    scopes = tuple(sorted(choose.sample(_SCOPES, choose.randint(0, 3))))
    return update_accounts.Fact(auth0_id, choose.choice(["github", "slack"]), scopes, now, ends)


def used_elsewhere(choose: random.Random, row: ConnectedAccount) -> None:
    """Auth0 tells of exchanges by other applications, late and in any order."""
    days = [clock.now() - timedelta(days=choose.randint(0, 3)) for _ in range(3)]
    told = [
        entry_parsing.Entry(
            log_id=f"{choose.random()}",
            at=at,
            kind=choose.choice([LogKind.EXCHANGED, LogKind.EXCHANGE_FAILED]),
            sub=row.sub,
            connection=row.connection,
            client_id=choose.choice(["concierge", "desk"]),
        )
        for at in days
    ]
    record_entries.take(choose.choice(list(Feed)), told)


def applications(choose: random.Random, sub: str) -> None:
    """Auth0 lists a person's consents and refresh tokens, or one of them is cut off."""
    row = any_of(choose, AppAccess.objects.filter(state=AccessState.LIVE))
    if row is not None and choose.random() < 0.3:
        me, target = Actor(iss=row.iss, sub=row.sub, via="web"), Target(row.kind, str(row.pk))
        perform(me, "access.revoke", target, reason="a test")
        return
    kind = choose.choice(list(AccessKind))
    # One that is being revoked goes with the step that deletes it, which tells of it.
    going = set(AppAccess.objects.filter(state="revoking").values_list("auth0_id", flat=True))
    ends = choose.choice([None, clock.now().replace(microsecond=0) + timedelta(days=30)])
    listed = [
        consent_and_token_sync.Listed(
            kind,
            f"{sub} {kind} {n}",
            f"app-{n}",
            tuple(choose.sample(["https://cal.example", "https://mail.example"], 1)),
            tuple(sorted(choose.sample(["read:a", "write:a", "offline_access"], 2))),
            expires_at=ends,
        )
        for n in range(4)
        if choose.random() < 0.7 or f"{sub} {kind} {n}" in going
    ]
    consent_and_token_sync._compare(
        settings.ENV.issuer, sub, kind, listed, clock.now() + timedelta(seconds=1)
    )


def step(choose: random.Random) -> None:
    """One thing that can happen to the inventory."""
    who = choose.choice(["member1", "member2"])
    row = any_of(choose, ConnectedAccount.objects.all())
    what = choose.choice(["appears", "seen", "gone", "suspend", "resume", "revoke", "elsewhere"])
    if row is None or what == "appears":
        known = ConnectedAccount.objects.count()
        update_accounts.appeared(
            settings.ENV.issuer, subject(who), fact(choose, f"cac_{known}"), "management"
        )
    elif what == "seen":
        seen = replace(fact(choose, row.auth0_id), connection=row.connection)
        update_accounts.still_there(row, seen, clock.now() + timedelta(seconds=1))
    elif what == "elsewhere":
        used_elsewhere(choose, row)
    elif what == "gone":
        update_accounts.vanished(row, "a test")
    else:
        me = Actor(iss=row.iss, sub=row.sub, via="web")
        try:
            perform(me, f"connection.{what}", Target("connection", str(row.id)), reason="a test")
        except Refused:
            return


def anything(choose: random.Random) -> None:
    """One thing that can happen to the inventory or to what applications may do."""
    if choose.random() < 0.3:
        applications(choose, subject(choose.choice(["member1", "member2"])))
    else:
        step(choose)

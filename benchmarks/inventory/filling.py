"""Fill the database of the environment with the inventory of a large company.

    python -m benchmarks.inventory.filling [people]

Rows only: what is measured reads rows. Fixed seed; the same number of people gives the same rows.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import django

if TYPE_CHECKING:
    from connections.models import ConnectedAccount

PEOPLE = 10_000
EACH = 5
ISSUER = "https://acme.example/"
_OFFERED = {
    "github": ("read:user", "repo", "read:org", "workflow", "gist", "notifications"),
    "slack": ("channels:read", "chat:write", "users:read", "files:write", "search:read"),
    "google-oauth2": ("openid", "email", "profile", "drive", "calendar"),
    "jira": ("read:jira-work", "write:jira-work", "manage:jira-project"),
    "notion": ("read_content", "update_content", "insert_content"),
}
_AGENTS = tuple(f"agent-{n:02}" for n in range(40))
_SKILLS = tuple(f"{kind}:component-{n:02}" for n in range(20) for kind in ("mcp", "skill"))
_STATES = ("connected",) * 88 + ("needs_reconnect",) * 4 + ("suspended",) * 3 + ("revoked",) * 4
_BATCH = 2_000


def main(people: int) -> None:
    """Fill an empty database; one that is filled already is left alone."""
    from django.utils import timezone

    from approvals.models import Person
    from connections.migrations._first_uses import mark_firsts
    from connections.models import ConnectedAccount, Use

    if ConnectedAccount.objects.count() >= people * EACH:
        return
    choose, now = random.Random(7), timezone.now()
    Person.objects.bulk_create(
        [
            Person(
                iss=ISSUER,
                sub=f"auth0|{n:06}",
                name=f"Person {n}",
                email=f"person{n}@acme.example",
                updated=now,
            )
            for n in range(people)
        ],
        batch_size=_BATCH,
    )
    _manifests(choose)
    waiting: list[ConnectedAccount] = []
    for account in _accounts(people, choose, now):
        waiting.append(account)
        if len(waiting) == _BATCH:
            _save(waiting, choose)
            waiting = []
    _save(waiting, choose)
    mark_firsts(Use)


def _manifests(choose: random.Random) -> None:
    from connections.component_manifests.manifest_store import Declaration, declare_shipped

    for n, skill in enumerate(_SKILLS):
        kind, _, name = skill.partition(":")
        connection = list(_OFFERED)[n % len(_OFFERED)]
        scopes = sorted(choose.sample(_OFFERED[connection][:4], min(2, len(_OFFERED[connection]))))
        wanted = {"connections": [{"connection": connection, "scopes": scopes}]}
        declare_shipped(kind, name, Declaration.model_validate(wanted))


def _accounts(people: int, choose: random.Random, now: datetime) -> Iterator[ConnectedAccount]:
    from connections.models import ConnectedAccount

    grants = {
        name: [sorted(choose.sample(offered, choose.randint(1, len(offered)))) for _ in range(12)]
        for name, offered in _OFFERED.items()
    }
    for n in range(people):
        for connection in _OFFERED:
            seen = now - timedelta(days=choose.randint(1, 400))
            used = choose.random() < 0.8
            yield ConnectedAccount(
                id=UUID(int=choose.getrandbits(128), version=4),
                iss=ISSUER,
                sub=f"auth0|{n:06}",
                connection=connection,
                auth0_id=f"cac_{n:06}_{connection}",
                label=f"{connection}-{n}" if n % 3 else "",
                scopes=choose.choice(grants[connection]),
                connected_at=seen,
                expires_at=now + timedelta(days=choose.randint(1, 90)) if n % 2 else None,
                state=choose.choice(_STATES),
                state_since=seen,
                source=choose.choice(("management", "my_account")),
                seen_at=now,
                watched_since=seen,
                last_used_at=now - timedelta(days=choose.randint(0, 300)) if used else None,
                last_agent=choose.choice(_AGENTS) if used else "",
                last_skill=choose.choice(_SKILLS) if used else "",
            )


def _save(accounts: Sequence[ConnectedAccount], choose: random.Random) -> None:
    from connections.models import ConnectedAccount, Use

    ConnectedAccount.objects.bulk_create(accounts)
    uses = []
    for account in accounts:
        if account.last_used_at is None:
            continue
        pairs = {(account.last_agent, account.last_skill)} | {
            (choose.choice(_AGENTS), choose.choice(_SKILLS)) for _ in range(choose.randint(0, 2))
        }
        for agent, skill in sorted(pairs):
            count, first, last = choose.randint(1, 900), account.watched_since, account.last_used_at
            uses.append(
                Use(
                    account=account,
                    agent=agent,
                    skill=skill,
                    count=count,
                    first=first,
                    last=last,
                    first_of_agent=True,
                    first_of_skill=True,
                )
            )
    Use.objects.bulk_create(uses)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE)

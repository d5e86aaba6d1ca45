"""Connect a few provider accounts, so that the demonstration starts with something to see."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from local.tenant import clock
from local.tenant.directory import people_and_claims
from local.tenant.vault import accounts
from local.tenant.vault.providers import token_issuing
from local.tenant.vault.providers.catalog import GITHUB, GOOGLE, SLACK, Provider

CONNECTED: Final[tuple[tuple[str, Provider, str, tuple[str, ...], int], ...]] = (
    # Whose, at which provider, as whom, with which scopes, connected how many days ago.
    ("operator@acme.example", GITHUB, "octo-ops", ("read:user", "repo"), 29),
    ("operator@acme.example", SLACK, "olu@acme", ("channels:read", "chat:write"), 29),
    ("operator2@acme.example", GITHUB, "oona-ops", ("read:user", "repo", "delete_repo"), 24),
    ("operator2@acme.example", SLACK, "oona@acme", ("channels:read", "chat:write"), 24),
    ("auditor@acme.example", GOOGLE, "ada.auditor@gmail.example", ("openid", "email"), 17),
    ("member1@acme.example", GITHUB, "octo-dev", ("read:user", "public_repo"), 21),
    (
        "member1@acme.example",
        GOOGLE,
        "mia.member@gmail.example",
        ("openid", "email", "https://www.googleapis.com/auth/calendar.readonly"),
        9,
    ),
)


def seed() -> None:
    """Connect what is listed above, on a vault that is still empty.

    A vault with any account is left alone: what a visitor disconnected stays disconnected.
    """
    if accounts.any_connected() or token_issuing.any_granted():
        return
    for email, provider, login, scopes, days_ago in CONNECTED:
        person = people_and_claims.by_email(email)
        if person is not None:
            then = clock.now() - timedelta(days=days_ago)
            granted = token_issuing.allow(provider, login, scopes, then)
            accounts.store(person.sub, provider.name, granted, then)

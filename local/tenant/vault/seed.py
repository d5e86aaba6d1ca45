"""Connect a few provider accounts, so that the demonstration starts with something to see."""

from __future__ import annotations

from typing import Final

from local.tenant import clock, people
from local.tenant.vault import accounts
from local.tenant.vault.providers import authority
from local.tenant.vault.providers.catalog import GITHUB, GOOGLE, SLACK, Provider

CONNECTED: Final[tuple[tuple[str, Provider, str, tuple[str, ...]], ...]] = (
    ("operator@acme.example", GITHUB, "octo-ops", ("read:user", "repo")),
    ("operator@acme.example", SLACK, "olu@acme", ("channels:read", "chat:write")),
    ("member1@acme.example", GITHUB, "octo-dev", ("read:user", "public_repo")),
    (
        "member1@acme.example",
        GOOGLE,
        "mia.member@gmail.example",
        ("openid", "email", "https://www.googleapis.com/auth/calendar.readonly"),
    ),
)


def seed() -> None:
    """Connect what is listed above, on a vault that is still empty.

    A vault with any account is left alone: what a visitor disconnected stays disconnected.
    """
    if accounts.any_connected() or authority.any_granted():
        return
    for email, provider, login, scopes in CONNECTED:
        person = people.by_email(email)
        if person is not None:
            granted = authority.allow(provider, login, scopes, clock.now())
            accounts.store(person.sub, provider.name, granted, clock.now())

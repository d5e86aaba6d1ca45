"""What each played provider is called, which scopes it knows and how it words them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Scope:
    """A provider permission and the sentence its consent page uses for it."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A service with an OAuth consent page and an API.

    Attributes:
        name: the Auth0 connection name.
        title: the name people know.
        scopes: every scope the service knows; anything else is refused.
        default_scopes: what is asked when the connect request names none.
        people: demo accounts the consent page offers, with `{given}` and `{family}` of the person.
        token_prefix, refresh_prefix: how the service's tokens begin.
    """

    name: str
    title: str
    strategy: str
    scopes: tuple[Scope, ...]
    default_scopes: tuple[str, ...]
    people: tuple[str, ...]
    token_prefix: str
    refresh_prefix: str

    def words(self, names: Iterable[str]) -> list[Scope]:
        """The scopes with the provider's wording, in the order asked."""
        known = {scope.name: scope for scope in self.scopes}
        return [
            known.get(name, Scope(name, "A permission this service does not know"))
            for name in names
        ]

    def accounts_of(self, given_name: str, family_name: str) -> list[str]:
        """The demo accounts a person is offered here."""
        given, family = given_name.lower(), family_name.lower()
        return [pattern.format(given=given, family=family) for pattern in self.people]

    def unknown(self, names: Iterable[str]) -> list[str]:
        known = {scope.name for scope in self.scopes} | {"offline_access"}
        return [name for name in names if name not in known]

    def user_id(self, login: str) -> str:
        """The stable id the service gives an account, in its own shape."""
        number = int.from_bytes(hashlib.sha256(f"{self.name}/{login}".encode()).digest()[:8])
        if self.strategy == "slack":
            return f"U{number % 36**8:08X}"[:11]
        return str(number % 10**8) if self.strategy == "github" else str(10**20 + number)


GITHUB: Final = Provider(
    name="github",
    title="GitHub",
    strategy="github",
    scopes=(
        Scope("read:user", "Read your profile"),
        Scope("user:email", "Read your e-mail addresses"),
        Scope("repo", "Read and write all your repositories, public and private"),
        Scope("public_repo", "Read and write your public repositories"),
        Scope("read:org", "Read your organisations and teams"),
        Scope("workflow", "Change GitHub Actions workflow files"),
        Scope("delete_repo", "Delete repositories"),
    ),
    default_scopes=("read:user", "repo"),
    people=("octo-dev", "octo-ops"),
    token_prefix="ghu_",  # noqa: S106 (the public prefix, no token)
    refresh_prefix="ghr_",
)

SLACK: Final = Provider(
    name="slack",
    title="Slack",
    strategy="slack",
    scopes=(
        Scope("channels:read", "See the public channels of your workspace"),
        Scope("channels:history", "Read messages in public channels"),
        Scope("chat:write", "Send messages as you"),
        Scope("users:read", "See the people of your workspace"),
        Scope("files:read", "See files shared in channels"),
        Scope("admin", "Administer your workspace"),
    ),
    default_scopes=("channels:read", "chat:write"),
    people=("{given}@acme",),
    token_prefix="xoxp-",  # noqa: S106 (the public prefix, no token)
    refresh_prefix="xoxe-1-",
)

GOOGLE: Final = Provider(
    name="google-oauth2",
    title="Google",
    strategy="google-oauth2",
    scopes=(
        Scope("openid", "Associate you with your personal info on Google"),
        Scope("email", "See your primary Google Account e-mail address"),
        Scope("profile", "See your personal info"),
        Scope(
            "https://www.googleapis.com/auth/calendar.readonly",
            "See and download any calendar you can access",
        ),
        Scope(
            "https://www.googleapis.com/auth/calendar.events",
            "View and edit events on all your calendars",
        ),
        Scope(
            "https://www.googleapis.com/auth/calendar",
            "See, edit, share and permanently delete all your calendars",
        ),
        Scope("https://www.googleapis.com/auth/drive.readonly", "See and download your Drive"),
        Scope("https://www.googleapis.com/auth/gmail.send", "Send e-mail on your behalf"),
    ),
    default_scopes=("openid", "email", "https://www.googleapis.com/auth/calendar.readonly"),
    people=("{given}.{family}@gmail.example", "{given}.private@gmail.example"),
    token_prefix="ya29.",  # noqa: S106 (the public prefix, no token)
    refresh_prefix="1//",
)

PROVIDERS: Final = {provider.name: provider for provider in (GITHUB, SLACK, GOOGLE)}

"""Provider permissions as sentences: what an agent could do with them, and which are risky.

The catalogue is `catalogue.csv`: service, scope, what it allows, and `high` where it can change,
send or delete at large. A scope that is not in it is shown as it is: a guess would be worse than a
code. A connection is called as its service where its name says which that is; scopes that are
addresses name their service themselves.

Sources of the catalogue: GitHub "Scopes for OAuth apps", Slack "Permission scopes", Google "OAuth
2.0 scopes", "Microsoft Graph permissions reference" (delegated), Atlassian "Jira scopes" and
"Confluence scopes" (OAuth 2.0, classic), and the OAuth pages of the others. Notion has no scopes:
what its integration may do is set at Notion, and Auth0 names nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

CATALOGUE: Final = Path(__file__).with_suffix(".csv")
_TITLES: Final = {
    "github": "GitHub",
    "slack": "Slack",
    "google": "Google",
    "microsoft": "Microsoft",
    "atlassian": "Atlassian",
    "notion": "Notion",
    "gitlab": "GitLab",
    "bitbucket": "Bitbucket",
    "linear": "Linear",
    "dropbox": "Dropbox",
    "box": "Box",
    "discord": "Discord",
    "zoom": "Zoom",
    "salesforce": "Salesforce",
    "hubspot": "HubSpot",
    "stripe": "Stripe",
    "spotify": "Spotify",
    "linkedin": "LinkedIn",
    "figma": "Figma",
}
# Auth0's own names of connections and strategies, and those that its guides use.
_ALSO: Final = {
    "google-oauth2": "google",
    "google-apps": "google",
    "windowslive": "microsoft",
    "waad": "microsoft",
    "azure-ad": "microsoft",
    "microsoft-graph": "microsoft",
    "sign-in-with-slack": "slack",
    "slack-oauth-2": "slack",
    "jira": "atlassian",
    "confluence": "atlassian",
    "stripe-connect": "stripe",
}
_CALLED: Final = {"jira": "Jira", "confluence": "Confluence"}
_GOOGLE: Final = "https://www.googleapis.com/auth/"
_GRAPH: Final = "https://graph.microsoft.com/"


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope as people read it. `risk` is "high" or empty; `known` is False for a bare code."""

    name: str
    words: str
    risk: str
    known: bool = True


def _read() -> dict[tuple[str, str], Scope]:
    with CATALOGUE.open(newline="", encoding="utf-8") as file:
        return {
            (row["service"], row["scope"]): Scope(row["scope"], row["allows"], row["risk"])
            for row in csv.DictReader(file)
        }


_KNOWN = _read()


def title(connection: str) -> str:
    """The service's own name; the connection's where we do not know the service."""
    return _CALLED.get(connection) or _TITLES.get(service(connection), connection)


def service(connection: str) -> str:
    """The service of a connection, as the catalogue calls it; its own name where unknown."""
    return _ALSO.get(connection, connection)


def catalogued() -> tuple[str, ...]:
    """The names of connections whose service the catalogue has."""
    return (*_TITLES, *_ALSO)


def describe(connection: str, scope: str) -> Scope:
    """One scope in words; the bare code where the catalogue does not have it."""
    of, name = service(connection), scope
    if scope.startswith((_GOOGLE, "https://mail.google.com/")):
        of = "google"
    elif scope.startswith(_GRAPH):
        of, name = "microsoft", scope.removeprefix(_GRAPH)
    found = _KNOWN.get((of, name))
    if found is None:
        return Scope(scope, scope, "", known=False)
    return found if name == scope else replace(found, name=scope)


def known_of(connection: str) -> tuple[str, ...]:
    """The scopes that the catalogue has of a connection's service; empty where it has none."""
    return tuple(name for service_, name in _KNOWN if service_ == service(connection))


def in_words(connection: str, scopes: Iterable[str]) -> list[Scope]:
    """Scopes in words, risky ones first, each once. `offline_access` says nothing to people."""
    names = dict.fromkeys(s for s in scopes if s != "offline_access")
    found = [describe(connection, name) for name in names]
    return sorted(found, key=lambda scope: (scope.risk != "high", not scope.known))


def has_to_be_named(scope: Scope) -> bool:
    """Whether an approver has to read this scope: it is risky, or nobody knows what it allows."""
    return bool(scope.risk) or not scope.known


def any_to_be_named(connection: str, scopes: Iterable[str]) -> bool:
    """Whether an approver has to read one of these scopes."""
    return any(has_to_be_named(scope) for scope in in_words(connection, scopes))


def any_risky(connection: str, scopes: Iterable[str]) -> bool:
    """Whether one of them can change, send or delete things at large."""
    return any(describe(connection, scope).risk for scope in scopes)

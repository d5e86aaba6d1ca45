"""Which scopes hold others: what a provider itself calls the same or contained is no escalation.

Sources: GitHub "Scopes for OAuth apps" (nested scopes, and that granted ones come back normalised),
Google "OAuth 2.0 scopes" (`email` comes back as an address; a scope holds its `.readonly`),
Microsoft "Scopes and permissions" (Graph's address may stand before a scope or not). Anything else
holds only itself: a scope too many is asked about, a scope too few would be given out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from connections.scopes import catalogue

_GOOGLE: Final = "https://www.googleapis.com/auth/"
_GRAPH: Final = "https://graph.microsoft.com/"
_SAME: Final = {
    ("google", "email"): f"{_GOOGLE}userinfo.email",
    ("google", "profile"): f"{_GOOGLE}userinfo.profile",
}
_HOLDS: Final = {
    "repo": ("repo:status", "repo_deployment", "public_repo", "repo:invite", "security_events"),
    "admin:repo_hook": ("write:repo_hook", "read:repo_hook"),
    "write:repo_hook": ("read:repo_hook",),
    "admin:org": ("write:org", "read:org", "manage_runners:org"),
    "write:org": ("read:org",),
    "admin:public_key": ("write:public_key", "read:public_key"),
    "write:public_key": ("read:public_key",),
    "admin:gpg_key": ("write:gpg_key", "read:gpg_key"),
    "write:gpg_key": ("read:gpg_key",),
    "user": ("read:user", "user:email", "user:follow"),
    "write:discussion": ("read:discussion",),
    "project": ("read:project",),
    "codespace": ("codespace:secrets",),
}


def beyond(connection: str, wanted: Iterable[str], declared: Iterable[str]) -> tuple[str, ...]:
    """The wanted scopes that no declared one is or holds, each once, sorted."""
    service = catalogue.service(connection)
    held = {name for one in declared for name in _with_held(service, one)}
    return tuple(sorted({one for one in wanted if not _names(service, one) & held}))


def _with_held(service: str, scope: str) -> set[str]:
    names = _names(service, scope)
    if service == "github":
        return names.union(_HOLDS.get(scope, ()))
    if service == "google":
        return names | {f"{name}.readonly" for name in names if name.startswith(_GOOGLE)}
    return names


def _names(service: str, scope: str) -> set[str]:
    """Every spelling of a scope."""
    if service == "microsoft":
        return {scope.removeprefix(_GRAPH)}
    return {_SAME.get((service, scope), scope)}

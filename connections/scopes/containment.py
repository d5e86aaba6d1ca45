"""Which scopes hold others: what a provider itself calls the same or contained is no escalation.

Sources: GitHub "Scopes for OAuth apps" (nested scopes, and that granted ones come back normalised),
Google "OAuth 2.0 scopes" (`email` comes back as an address; a scope holds its `.readonly`),
Microsoft "Scopes and permissions" (Graph's address may stand before a scope or not). Anything else
holds only itself: a scope too many is asked about, a scope too few would be given out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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

_CLOUD: Final = frozenset({"cloud-platform", "bigquery", "devstorage"})
_FILES: Final = frozenset({"spreadsheets", "documents", "presentations"})
_OF_GMAIL_MODIFY: Final = frozenset(
    f"gmail.{one}" for one in ("readonly", "metadata", "compose", "send", "insert", "labels")
)
_LEVELS: Final = {
    **{"ReadBasic": 0, "Create": 0, "Read": 1, "ReadWrite": 2},
    **{"Manage": 3, "FullControl": 4, "AccessAsUser": 4},
}
_REACH: Final = {"AppFolder": 0, "": 1, "Shared": 2, "All": 3}


def beyond(connection: str, wanted: Iterable[str], declared: Iterable[str]) -> tuple[str, ...]:
    """The wanted scopes that no declared one is or holds, each once, sorted."""
    service = catalogue.service(connection)
    held = {name for one in declared for name in _with_held(service, one)}
    return tuple(sorted({one for one in wanted if not _names(service, one) & held}))


def left_out(connection: str, scopes: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """The scopes that no wanted one is, holds or grants in effect, each once, sorted.

    For what was denied: a component that was denied `drive.file` cannot ask for `drive` instead.
    Broader than `beyond`, which decides what needs nobody. Sources: as above, Gmail API "Choose
    scopes", Drive API "Choose scopes", and "Microsoft Graph permissions reference".
    """
    service, asked = catalogue.service(connection), list(wanted)
    left = beyond(connection, scopes, asked)
    grants = _GRANTS.get(service)
    if grants is None:
        return left
    return tuple(
        one
        for one in left
        if not any(
            grants(more, less)
            for more in map(_plain, asked)
            for less in [_plain(one)]
            if more != less
        )
    )


def _plain(scope: str) -> str:
    """A scope without the address that stands before it; Gmail's own is an address only."""
    plain = scope.removeprefix(_GOOGLE).removeprefix(_GRAPH)
    return "gmail" if plain.rstrip("/") == "https://mail.google.com" else plain


def _grants_at_github(more: str, less: str) -> bool:
    """`admin:x` grants `write:x`, and that `read:x`."""
    (level, _, what), (lower, _, of) = more.partition(":"), less.partition(":")
    ranks = ("read", "write", "admin")
    known = level in ranks and lower in ranks
    return known and what == of and ranks.index(level) > ranks.index(lower)


def _grants_at_google(more: str, less: str) -> bool:
    """`drive` grants `drive.file`, and `drive.readonly` what only reads of it."""
    if more == "cloud-platform":
        return less.partition(".")[0] in _CLOUD
    if more == "gmail.modify":
        return less in _OF_GMAIL_MODIFY
    if more.endswith((".readonly", ".read-only", ".read_only")):
        read = more.rpartition(".")[0]
        return less.startswith(f"{read}.") and less.endswith((".readonly", ".metadata"))
    if more.endswith(".read_write"):
        return less == more.replace(".read_write", ".read_only")
    return less.startswith(f"{more}.") or (more == "drive" and less.partition(".")[0] in _FILES)


def _grants_at_microsoft(more: str, less: str) -> bool:
    """`Files.ReadWrite.All` grants `Files.Read`: at least as much, of at least as many."""
    (what, level, over), (of, lower, fewer) = _graph_parts(more), _graph_parts(less)
    if what != of or lower not in _LEVELS or fewer not in _REACH:
        return False
    if level not in _LEVELS or over not in _REACH:
        return False
    return _LEVELS[level] >= _LEVELS[lower] and _REACH[over] >= _REACH[fewer]


def _graph_parts(scope: str) -> tuple[str, str, str]:
    what, _, rest = scope.partition(".")
    level, _, over = rest.partition(".")
    return what, level, over


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


_GRANTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "github": _grants_at_github,
    "google": _grants_at_google,
    "microsoft": _grants_at_microsoft,
}

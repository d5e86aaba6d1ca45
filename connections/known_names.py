"""Which connections and scopes the tenant, an account, a manifest or the catalogue knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Final

from approvals.perform import Refused
from connections import scopes
from connections.models import ConnectedAccount, ConnectionSetting, ManifestNeed

_OIDC: Final = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})


def check(wanted: Mapping[str, Collection[str]]) -> None:
    """Refuse names that nobody knows, by connection.

    Raises:
        Refused: `unknown_target`, with the nearest known name.
    """
    for connection, named in wanted.items():
        known = _connections()
        if known and connection not in known:
            raise _unknown(f"There is no connection {connection}", connection, known)
        for scope in unknown_scopes(connection, named):
            title = scopes.title(connection)
            raise _unknown(f"{title} has no known permission {scope}", scope, _scopes(connection))


def check_connection(name: str) -> None:
    """Refuse a connection that nobody knows: a decision about it would have no effect.

    Raises:
        Refused: `unknown_target`, with the nearest known name.
    """
    known = _connections()
    if known and name not in known:
        near = next(iter(get_close_matches(name, known, n=1)), "")
        hint = f" Did you mean {near}?" if near else ""
        words = f"There is no connection {name}.{hint}"
        raise Refused("unknown_target", words, pointer="/target/name")


def unknown_scopes(connection: str, named: Collection[str]) -> tuple[str, ...]:
    """Those of a connection's scopes that neither catalogue, account nor manifest has; none where
    the catalogue does not have the service."""
    catalogue = scopes.known_of(connection)
    if not catalogue:
        return ()
    unsure = [s for s in named if s not in _OIDC and not scopes.describe(connection, s).known]
    seen = _seen_scopes(connection) if unsure else frozenset()
    return tuple(scope for scope in unsure if scope not in seen)


def nearest(scope: str, connection: str) -> str:
    """The known scope that is written most like this one; may be empty."""
    return next(iter(get_close_matches(scope, _scopes(connection), n=1)), "")


def _connections() -> frozenset[str]:
    """Every known connection; empty as long as the tenant listed none."""
    listed = set(ConnectionSetting.objects.values_list("name", flat=True))
    if not listed:
        return frozenset()
    accounts = ConnectedAccount.objects.values_list("connection", flat=True).distinct()
    declared = ManifestNeed.objects.values_list("connection", flat=True).distinct()
    return frozenset({*listed, *accounts, *declared})


def _scopes(connection: str) -> frozenset[str]:
    return frozenset({*scopes.known_of(connection), *_seen_scopes(connection)})


def _seen_scopes(connection: str) -> frozenset[str]:
    granted = ConnectedAccount.objects.filter(connection=connection).values_list(
        "scopes", flat=True
    )
    declared = ManifestNeed.objects.filter(connection=connection).values_list("scopes", flat=True)
    return frozenset(scope for some in (*granted.distinct(), *declared) for scope in some)


def _unknown(words: str, name: str, known: Collection[str]) -> Refused:
    near = next(iter(get_close_matches(name, known, n=1)), "")
    hint = f" Did you mean {near}?" if near else ""
    return Refused(
        "unknown_target",
        f"{words}.{hint} Confirm with --new, or params.new, if it is right.",
        pointer="/connections",
    )

"""What a declaration gives a component, or everybody, beyond the manifests in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from connections import manifests, scope_sets, scopes
from connections.manifests import Declaration
from connections.models import Manifest, ManifestNeed

PLAIN_ENDINGS: Final = ("TOKEN", "KEY", "PAT", "SECRET", "CREDENTIALS")
"""How a variable ends that programs read credentials from and nothing else."""


@dataclass(frozen=True, slots=True)
class Gains:
    """What a change of manifests relaxes; false where it relaxes nothing.

    Attributes:
        scopes: scopes gained, by connection; an empty tuple where the connection itself is new.
        url: the new address that tokens are sent to; empty where it stays or is removed.
        env: variables that need a person's decision, by connection.
        opened: connections that no manifest names any more, so any undeclared caller gets tokens.
    """

    scopes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    url: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    opened: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.scopes or self.url or self.env or self.opened)

    @property
    def risky(self) -> bool:
        """Whether a gained scope can change, send or delete things at large."""
        return any(scopes.any_risky(name, gained) for name, gained in self.scopes.items())


def by_declaring(kind: str, name: str, declared: Declaration) -> Gains:
    """What a declaration relaxes, compared with the manifests in force."""
    known = manifests.find(kind, name)
    before = _scopes_of(known)
    after = {one.connection: one.scopes for one in declared.connections}
    return Gains(
        scopes=_gained(before, after),
        url=declared.url if declared.url != (known.url if known else "") else "",
        env=_changed_variables(known, before, declared),
        opened=_opened(kind, name, before.keys() - after.keys()),
    )


def by_removing(kind: str, name: str) -> Gains:
    """What the removal of a manifest relaxes: connections that no other one names."""
    return Gains(opened=_opened(kind, name, _scopes_of(manifests.find(kind, name))))


def _scopes_of(manifest: Manifest | None) -> dict[str, list[str]]:
    needs = manifest.needs.all() if manifest else ()
    return {need.connection: need.scopes for need in needs}


def _gained(
    before: Mapping[str, list[str]], after: Mapping[str, list[str]]
) -> dict[str, tuple[str, ...]]:
    found = {
        connection: scope_sets.beyond(connection, wanted, before.get(connection, ()))
        for connection, wanted in after.items()
    }
    return {name: more for name, more in found.items() if more or name not in before}


def _changed_variables(
    known: Manifest | None, before: Mapping[str, list[str]], declared: Declaration
) -> dict[str, str]:
    """Variables that differ, but for new plain ones; of connections declared already.

    A variable that held another connection's token is never plain: the server would send this
    token to the other provider.
    """
    held = _variables(known.env if known else {}, before)
    wanted = _variables(
        declared.env, before.keys() & {one.connection for one in declared.connections}
    )
    return {
        connection: variable
        for connection, variable in wanted.items()
        if variable != held[connection]
        and (not variable.endswith(PLAIN_ENDINGS) or variable in held.values())
    }


def _variables(named: Mapping[str, str], connections: Iterable[str]) -> dict[str, str]:
    """The variable that holds each connection's token."""
    return {one: named.get(one) or manifests.default_variable(one) for one in sorted(connections)}


def _opened(kind: str, name: str, dropped: Iterable[str]) -> tuple[str, ...]:
    """Which of the connections that a manifest drops are named by no other one."""
    left = set(dropped)
    if not left:
        return ()
    others = ManifestNeed.objects.filter(connection__in=left).exclude(
        manifest__kind=kind, manifest__name=name
    )
    return tuple(sorted(left - set(others.values_list("connection", flat=True))))

"""What a declaration gives a component, or everybody, beyond the manifests in force."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from connections import connection_and_agent_names
from connections.component_manifests import manifest_store
from connections.component_manifests.manifest_store import Declaration
from connections.models import Manifest, ManifestNeed
from connections.scopes import catalogue, containment

PLAIN_ENDINGS: Final = ("TOKEN", "KEY", "PAT", "SECRET", "CREDENTIALS")
"""How a variable ends that programs read credentials from and nothing else."""
_ABBREVIATED: Final = {"GH_": "github"}
"""How variables of a service begin otherwise: GitHub's command line reads `GH_TOKEN`."""
_OF_NO_SERVICE: Final = frozenset(
    {
        *PLAIN_ENDINGS,
        "ACCESS",
        "API",
        "APP",
        "AUTH",
        "BEARER",
        "BOT",
        "CLIENT",
        "MCP",
        "MY",
        "NEW",
        "OAUTH",
        "OAUTH2",
        "PERSONAL",
        "SERVER",
        "USER",
    }
)
"""Words of a variable that say nothing of whose credential it holds, as in `MY_API_TOKEN`."""


@dataclass(frozen=True, slots=True)
class Gains:
    """What a change of manifests relaxes; false where it relaxes nothing.

    Attributes:
        scopes: scopes gained, by connection; an empty tuple where the connection itself is new.
        url: the new address that tokens are sent to; empty where it stays or is removed.
        env: variables that need a person's decision, by connection.
        held: other connections whose tokens these variables ever held, by connection.
        opened: connections that no manifest names any more, so any undeclared caller gets tokens.
    """

    scopes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    url: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    opened: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.scopes or self.url or self.env or self.opened)

    @property
    def risky(self) -> bool:
        """Whether a gained scope can change, send or delete things at large."""
        return any(catalogue.any_risky(name, gained) for name, gained in self.scopes.items())


def by_declaring(kind: str, name: str, declared: Declaration) -> Gains:
    """What a declaration relaxes, compared with the manifests in force."""
    known = manifest_store.find(kind, name)
    before = _scopes_of(known)
    after = {one.connection: one.scopes for one in declared.connections}
    ever = manifest_store.variables_held(kind, name)
    env = _changed_variables(known, before, declared, ever)
    others = {of: tuple(x for x in ever.get(env[of], ()) if x != of) for of in env}
    return Gains(
        scopes=_gained(before, after),
        url=declared.url if declared.url != (known.url if known else "") else "",
        env=env,
        held={connection: held for connection, held in others.items() if held},
        opened=_opened(kind, name, before.keys() - after.keys()),
    )


def by_removing(kind: str, name: str) -> Gains:
    """What the removal of a manifest relaxes: connections that no other one names."""
    return Gains(opened=_opened(kind, name, _scopes_of(manifest_store.find(kind, name))))


def _scopes_of(manifest: Manifest | None) -> dict[str, list[str]]:
    needs = manifest.needs.all() if manifest else ()
    return {need.connection: need.scopes for need in needs}


def _gained(
    before: Mapping[str, list[str]], after: Mapping[str, list[str]]
) -> dict[str, tuple[str, ...]]:
    found = {
        connection: containment.beyond(connection, wanted, before.get(connection, ()))
        for connection, wanted in after.items()
    }
    return {name: more for name, more in found.items() if more or name not in before}


def _changed_variables(
    known: Manifest | None,
    before: Mapping[str, list[str]],
    declared: Declaration,
    ever: Mapping[str, list[str]],
) -> dict[str, str]:
    """Variables that differ, or are of a new connection, but for plain ones.

    A plain one is called after the connection's own service, or after none, and ends as credentials
    do. One that ever held another connection's token (`ever`) is none: the server would send this
    token to that provider. A variable that names no service is shown for each new connection too.
    """
    held = manifest_store.variables_of(known.env, before) if known else {}
    after = {one.connection for one in declared.connections}
    changed = {
        connection: variable
        for connection, variable in manifest_store.variables_of(declared.env, after).items()
        if variable != held.get(connection)
    }
    named = _services_by_prefix(before.keys() | after) if changed else {}
    return {
        connection: variable
        for connection, variable in changed.items()
        if not variable.endswith(PLAIN_ENDINGS)
        or {*ever.get(variable, ())} - {connection}
        or not _names_no_other_service(variable, connection, named)
        or (connection not in before and _names_no_service(variable))
    }


def _services_by_prefix(declared: Iterable[str]) -> dict[str, set[str]]:
    """How variables of each known connection begin, with the services that this may be."""
    found: dict[str, set[str]] = {prefix: {of} for prefix, of in _ABBREVIATED.items()}
    for name in {
        *catalogue.catalogued(),
        *connection_and_agent_names.every_connection(),
        *declared,
    }:
        prefix = manifest_store.default_variable(name).removesuffix("TOKEN")
        found.setdefault(prefix, set()).add(catalogue.service(name))
    return found


def _names_no_service(variable: str) -> bool:
    return _OF_NO_SERVICE.issuperset(variable.upper().split("_"))


def _names_no_other_service(
    variable: str, connection: str, named: Mapping[str, Collection[str]]
) -> bool:
    """Whether the longest beginning that a service has is this one's, or it names no service."""
    if _names_no_service(variable):
        return True
    begins = [prefix for prefix in named if variable.upper().startswith(prefix)]
    return catalogue.service(connection) in named.get(max(begins, key=len, default=""), ())


def _opened(kind: str, name: str, dropped: Iterable[str]) -> tuple[str, ...]:
    """Which of the connections that a manifest drops are named by no other one."""
    left = set(dropped)
    if not left:
        return ()
    others = ManifestNeed.objects.filter(connection__in=left).exclude(
        manifest__kind=kind, manifest__name=name
    )
    return tuple(sorted(left - set(others.values_list("connection", flat=True))))

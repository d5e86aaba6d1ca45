"""Manifests: which connections and scopes a skill or MCP server may use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from django.db import transaction
from django.db.models import QuerySet
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from approvals import clock
from approvals.intent import digest
from audit.actor import SYSTEM, Actor, Target
from audit.compiled import compiled
from audit.record import record
from connections import scope_sets
from connections.models import Manifest, ManifestNeed

KINDS = frozenset({"skill", "mcp", "plugin", "tool"})
NAME = re.compile(r"[A-Za-z0-9@][A-Za-z0-9@._/:-]{0,199}")
CONNECTION = r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,126}[A-Za-z0-9])?$"  # Auth0's rule for names
_CONNECTION = re.compile(CONNECTION)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
# Variables that change which code a process runs; a manifest may not set them.
_DANGEROUS = re.compile(r"LD_|DYLD_|PYTHON|NODE_OPTIONS\Z|PATH\Z|BASH_ENV\Z|ENV\Z|IFS\Z")

ScopeName = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]{1,255}$")]


def is_connection(name: str) -> bool:
    """Whether a text can name a connection of Auth0."""
    return _CONNECTION.fullmatch(name) is not None


class Wanted(BaseModel):
    """One connection with the scopes that may be asked for (RFC 6749 section 3.3 syntax)."""

    model_config = ConfigDict(extra="forbid")

    connection: str = Field(pattern=CONNECTION)
    scopes: list[ScopeName] = Field(default=[], max_length=100)

    @field_validator("scopes")
    @classmethod
    def _once(cls, scopes: list[str]) -> list[str]:
        return list(dict.fromkeys(scopes))


class Declaration(BaseModel):
    """What `PUT /v1/manifests/{kind}/{name}` declares. `env` names a variable per connection."""

    model_config = ConfigDict(extra="forbid")

    connections: list[Wanted] = Field(default=[], max_length=50)
    env: dict[str, str] = {}
    url: str = Field("", max_length=500, pattern=r"^(https?://\S+)?$")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [wanted.connection for wanted in self.connections]
        if len(set(names)) != len(names):
            raise ValueError("connections: each may be named once")
        for connection, variable in self.env.items():
            if connection not in names:
                raise ValueError(f"env: {connection} is not one of the connections")
            if not _VARIABLE.fullmatch(variable) or _DANGEROUS.match(variable):
                raise ValueError(f"env: {variable[:40]!r} cannot hold a token")
        if len(set(self.env.values())) != len(self.env):
            raise ValueError("env: two connections share one variable")
        return self


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a declaration."""

    manifest: Manifest
    created: bool
    changed: bool
    before: dict[str, Any] | None


def find(kind: str, name: str) -> Manifest | None:
    """The manifest in force, or None."""
    found = next(iter(_of_name(kind, name)), None)
    if found is not None and "needs" not in getattr(found, "_prefetched_objects_cache", ()):
        found.needs_are(_needs_of(kind, name))
    return found


@compiled
def _of_name(kind: str, name: str) -> QuerySet[Manifest]:
    return Manifest.objects.filter(kind=kind, name=name)


@compiled
def _needs_of(kind: str, name: str) -> QuerySet[ManifestNeed]:
    return ManifestNeed.objects.filter(manifest__kind=kind, manifest__name=name)


def content(manifest: Manifest) -> dict[str, Any]:
    """The declaration as it was made, in canonical order."""
    return {
        "kind": manifest.kind,
        "name": manifest.name,
        "connections": [
            {"connection": need.connection, "scopes": need.scopes} for need in manifest.needs.all()
        ],
        "env": manifest.env,
        "url": manifest.url,
    }


def digest_of(kind: str, name: str, declared: Declaration) -> str:
    """Hex SHA-256 of the canonical declaration."""
    return digest({"kind": kind, "name": name, **declared.model_dump(mode="json")})


def write(actor: Actor, kind: str, name: str, declared: Declaration) -> Written:
    """Put a declaration in force (local rows only; the caller records it in its transaction)."""
    known = find(kind, name)
    before = content(known) if known else None
    wanted = digest_of(kind, name, declared)
    if known is not None and known.digest == wanted:
        return Written(known, created=False, changed=False, before=before)
    manifest, created = Manifest.objects.update_or_create(
        kind=kind,
        name=name,
        defaults={
            "env": declared.env,
            "url": declared.url,
            "digest": wanted,
            "declared_by": actor.sub,
            "declared_at": clock.now(),
        },
    )
    manifest.needs.all().delete()
    ManifestNeed.objects.bulk_create(
        ManifestNeed(manifest=manifest, connection=one.connection, scopes=one.scopes)
        for one in declared.connections
    )
    return Written(manifest, created, True, before)


def declare_shipped(kind: str, name: str, declared: Declaration) -> bool:
    """Declare a manifest that came with the installation; False when it is in force already.

    The named recorder for what no person declares: the event's actor is the system.
    """
    with transaction.atomic():
        written = write(SYSTEM, kind, name, declared)
        if written.changed:
            record(
                SYSTEM,
                "manifest.declared",
                target=Target(kind, name),
                changes=changes(written),
                data=facts(written.manifest) | {"shipped": True},
            )
    return written.changed


def changes(written: Written) -> dict[str, Any]:
    """What the trail keeps of a change: the declaration before and after."""
    manifest = find(written.manifest.kind, written.manifest.name) or written.manifest
    return {"before": written.before, "after": content(manifest)}


def facts(manifest: Manifest) -> dict[str, Any]:
    """Plain facts for the event."""
    return {"manifest": manifest.digest}


def added(kind: str, name: str, params: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """What a declaration would give a component beyond the one in force, by connection.

    Nothing where it has none yet: then there is nothing to widen.
    """
    known = find(kind, name)
    if known is None:
        return {}
    before = {need.connection: need.scopes for need in known.needs.all()}
    found = {}
    for one in params.get("connections", ()):
        connection, wanted = str(one["connection"]), one.get("scopes", ())
        more = scope_sets.beyond(connection, wanted, before.get(connection, ()))
        if more or connection not in before:
            found[connection] = more
    return found


def naming(connection: str) -> list[ManifestNeed]:
    """Every manifest's need of a connection."""
    found = ManifestNeed.objects.filter(connection=connection).select_related("manifest")
    return list(found.order_by("manifest__kind", "manifest__name"))


def scopes_wanted(connection: str) -> list[str]:
    """All scopes that any manifest asks of a connection, each once."""
    return list(dict.fromkeys(s for need in naming(connection) for s in need.scopes))

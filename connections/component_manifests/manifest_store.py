"""Manifests: which connections and scopes a skill or MCP server may use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from django.db import transaction
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from approvals import clock
from approvals.pipeline.intent import digest
from audit.recording.actors import SYSTEM, Actor, Target
from audit.recording.record import record
from connections.models import HeldVariables, Manifest, ManifestNeed

KINDS = frozenset({"skill", "mcp", "plugin", "tool"})
NAME = re.compile(r"[A-Za-z0-9@][A-Za-z0-9@._/:-]{0,199}")
CONNECTION = r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,126}[A-Za-z0-9])?$"  # Auth0's rule for names
_CONNECTION = re.compile(CONNECTION)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
# Variables that change which code a process runs, whom it trusts or where it connects to.
_DANGEROUS = re.compile(
    r"LD_|DYLD_|PYTHON|PERL5|RUBY(LIB|OPT)|BASH_(ENV|FUNC)|PROMPT_COMMAND\Z|PS4\Z|"
    r"NODE_(OPTIONS|PATH|EXTRA_CA_CERTS|TLS_REJECT_UNAUTHORIZED)\Z|NPM_CONFIG_|"
    r"(_?JAVA|JDK_JAVA|JAVA_TOOL|MAVEN|GRADLE)_OPT(ION)?S\Z|CLASSPATH\Z|DOTNET_|CORECLR_|"
    r"GIT_(SSH|ASKPASS|CONFIG|EXEC|PROXY|TEMPLATE|EDITOR|PAGER|EXTERNAL|DIR|WORK_TREE)|SSH_|"
    r"(.*_)?PROXY\Z|SSL_CERT_(FILE|DIR)\Z|SSLKEYLOGFILE\Z|OPENSSL_|(REQUESTS|CURL)_CA_BUNDLE\Z|"
    r"(PATH|ENV|IFS|HOME|SHELL|USER|TMPDIR|TEMP|TMP|PWD|EDITOR|VISUAL|PAGER|BROWSER)\Z|XDG_|LC_|"
    r"LANG\Z|LOCPATH\Z|GCONV_PATH\Z|HOSTALIASES\Z|GLIBC_TUNABLES\Z|MALLOC_|DOCKER_HOST\Z|KUBECONFIG\Z",
    re.IGNORECASE,
)

ScopeName = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5B\x5D-\x7E]{1,255}$")]


def default_variable(connection: str) -> str:
    """The variable for a connection whose manifest names none, as `ata` has it."""
    return re.sub(r"[^A-Z0-9]", "_", connection.upper()) + "_TOKEN"


def variables_of(env: Mapping[str, str], connections: Iterable[str]) -> dict[str, str]:
    """The variable that holds each connection's token."""
    return {one: env.get(one) or default_variable(one) for one in sorted(connections)}


def variables_held(kind: str, name: str) -> dict[str, list[str]]:
    """Which connections' tokens each variable of a component holds or ever held; sorted."""
    kept = HeldVariables.objects.filter(kind=kind, name=name)
    return kept.values_list("connections", flat=True).first() or {}


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
    changed: bool
    before: dict[str, Any] | None


def find(kind: str, name: str) -> Manifest | None:
    """The manifest in force, or None."""
    return Manifest.objects.prefetch_related("needs").filter(kind=kind, name=name).first()


def lock(_target: Target, _params: Mapping[str, Any]) -> None:
    """One decision about manifests at a time: whether one is the last of a connection depends on
    all."""
    list(Manifest.objects.select_for_update().order_by("pk").values_list("pk", flat=True))


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
        return Written(known, changed=False, before=before)
    manifest, _ = Manifest.objects.update_or_create(
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
    _keep_variables(kind, name, declared)
    return Written(manifest, True, before)


def _keep_variables(kind: str, name: str, declared: Declaration) -> None:
    held, _ = HeldVariables.objects.select_for_update().get_or_create(kind=kind, name=name)
    needed = (one.connection for one in declared.connections)
    for connection, variable in variables_of(declared.env, needed).items():
        known = held.connections.get(variable, ())
        held.connections[variable] = sorted({*known, connection})
    held.save(update_fields=["connections"])


def remove(kind: str, name: str) -> dict[str, Any] | None:
    """Put a manifest out of force (local rows only); what it declared, or None without one."""
    known = find(kind, name)
    if known is None:
        return None
    before = content(known)
    Manifest.objects.filter(pk=known.pk).delete()
    return before


def declare_shipped(kind: str, name: str, declared: Declaration) -> bool:
    """Declare a manifest that came with the installation; False when it is in force already."""
    return put_in_force(kind, name, declared, {"shipped": True})


def put_in_force(kind: str, name: str, declared: Declaration, why: Mapping[str, Any]) -> bool:
    """Put a declaration in force that no person declares; False when it is in force already.

    The named recorder for these: the event's actor is the system, and its data says `why`.
    """
    with transaction.atomic():
        written = write(SYSTEM, kind, name, declared)
        if written.changed:
            record(
                SYSTEM,
                "manifest.declared",
                target=Target(kind, name),
                changes=changes(written),
                data=facts(written.manifest) | dict(why),
            )
    return written.changed


def changes(written: Written) -> dict[str, Any]:
    """What the trail keeps of a change: the declaration before and after."""
    manifest = find(written.manifest.kind, written.manifest.name) or written.manifest
    return {"before": written.before, "after": content(manifest)}


def facts(manifest: Manifest) -> dict[str, Any]:
    """Plain facts for the event."""
    return {"manifest": manifest.digest}


def names_of(kind: str) -> list[str]:
    """The names of one kind that have a manifest."""
    return list(Manifest.objects.filter(kind=kind).values_list("name", flat=True))


def naming(connection: str) -> list[ManifestNeed]:
    """Every manifest's need of a connection."""
    found = ManifestNeed.objects.filter(connection=connection).select_related("manifest")
    return list(found.order_by("manifest__kind", "manifest__name"))


def needs_by_connection() -> dict[str, list[ManifestNeed]]:
    """`naming` of every connection that any manifest names, in one query."""
    found: dict[str, list[ManifestNeed]] = {}
    needs = ManifestNeed.objects.select_related("manifest")
    for need in needs.order_by("manifest__kind", "manifest__name"):
        found.setdefault(need.connection, []).append(need)
    return found


def scopes_of(needs: Iterable[ManifestNeed]) -> list[str]:
    """All scopes of these needs, each once."""
    return list(dict.fromkeys(scope for need in needs for scope in need.scopes))

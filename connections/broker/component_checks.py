"""Who may ask for which scopes: manifests and the decision about the component that asks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from connections.broker.errors import TokenRefusal
from connections.component_manifests import (
    allow_required_before_credentials,
    enforcement_decision_hook,
    manifest_store,
)
from connections.models import ManifestNeed
from connections.scope_escalation import connection_rules
from connections.scopes import catalogue, containment


@dataclass(frozen=True, slots=True)
class Component:
    """The part of an agent that uses the token, as the header `ATA-Skill: kind:name` asserts it."""

    kind: str
    name: str

    @classmethod
    def parse(cls, header: str) -> Component | None:
        """`mcp:github-mcp`; a bare name is a skill; None when the header names nothing."""
        kind, colon, name = header.partition(":")
        if not colon:
            kind, name = "skill", header
        return cls(kind, name) if name else None

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a caller's manifest says about a request.

    Attributes:
        need: of the connection; None where the caller needs no manifest.
        excess: scopes of the request that it does not declare, sorted.
    """

    need: ManifestNeed | None
    excess: tuple[str, ...] = ()


def check_declared(
    component: Component | None, connection: str, wanted: Collection[str]
) -> Declared:
    """The need that speaks of this request, and what goes beyond it.

    Raises:
        TokenRefusal: `undeclared_caller`.
    """
    title = catalogue.title(connection)
    manifest = manifest_store.find(component.kind, component.name) if component else None
    if manifest is None:
        if not manifest_store.naming(connection) or connection_rules.of(connection).anonymous:
            return Declared(None)
        who = f"{component} has no manifest" if component else "The request names no skill"
        raise TokenRefusal(
            403,
            "undeclared_caller",
            f"{who}, and {title} is only for declared components. Declare it with "
            "PUT /v1/manifests/{kind}/{name} and send ATA-Skill.",
        )
    need = next((n for n in manifest.needs.all() if n.connection == connection), None)
    if need is None:
        raise TokenRefusal(
            403, "undeclared_caller", f"The manifest of {component} does not name {title}."
        )
    return Declared(need, containment.beyond(connection, wanted, need.scopes))


def check_decision(component: Component | None) -> str:
    """The decision in force about the component, unless it forbids.

    Raises:
        TokenRefusal: `<kind>_blocked`, `<kind>_held`, or `component_not_allowed` where nobody
            allowed it.
    """
    if component is None:
        return enforcement_decision_hook.NONE
    decision = enforcement_decision_hook.decision_of(component.kind, component.name)
    if decision == enforcement_decision_hook.BLOCK:
        raise TokenRefusal(
            403,
            f"{component.kind}_blocked",
            f"{component} is blocked. An operator can end the block.",
        )
    if decision == enforcement_decision_hook.HOLD:
        raise TokenRefusal(
            403,
            f"{component.kind}_held",
            f"{component} is on hold until someone decides on it.",
        )
    if (
        decision != enforcement_decision_hook.ALLOW
        and not allow_required_before_credentials.is_open()
    ):
        raise TokenRefusal(
            403,
            "component_not_allowed",
            f"No one allowed {component} yet. An operator does, with "
            f"`ata {component.kind} allow {component.name}`.",
        )
    return decision

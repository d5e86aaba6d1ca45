"""Who may ask for which scopes: manifests and the decision about the component that asks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from connections import decisions, manifests, scopes
from connections.models import ManifestNeed
from connections.refusals import TokenRefusal


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


def check_declared(
    component: Component | None, connection: str, wanted: Collection[str]
) -> ManifestNeed | None:
    """The need that covers this request; None where no manifest speaks of the connection.

    Raises:
        TokenRefusal: `undeclared_caller`, or `scope_not_declared` with the excess.
    """
    title = scopes.title(connection)
    manifest = manifests.find(component.kind, component.name) if component else None
    if manifest is None:
        if not manifests.naming(connection):
            return None
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
    excess = tuple(sorted(set(wanted) - set(need.scopes)))
    if excess:
        raise TokenRefusal(
            403,
            "scope_not_declared",
            f"{component} asked {title} for {', '.join(excess)}, which its manifest does not "
            "declare. Change the manifest if that is right.",
            excess=excess,
        )
    return need


def check_decision(component: Component | None) -> str:
    """The decision in force about the component, unless it forbids.

    Raises:
        TokenRefusal: `<kind>_blocked` or `<kind>_held`.
    """
    if component is None:
        return decisions.NONE
    decision = decisions.decision_of(component.kind, component.name)
    if decision == decisions.BLOCK:
        raise TokenRefusal(
            403,
            f"{component.kind}_blocked",
            f"{component} is blocked. An operator can end the block.",
        )
    if decision == decisions.HOLD:
        raise TokenRefusal(
            403,
            f"{component.kind}_held",
            f"{component} is on hold until somebody decides on it.",
        )
    return decision

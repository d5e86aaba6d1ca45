"""Holds and blocks of all agents or of every gateway, which a decision about one would pass."""

from __future__ import annotations

from approvals.errors import Refused
from audit.recording.actors import Target
from enforcement.component_kinds import called, where
from enforcement.decisions import stored_decisions_and_holds
from enforcement.effects.gateway_facts import tool_of_agent
from enforcement.gateways import instances


def check_all_agents(target: Target) -> None:
    """An allow for one agent's own tool (`@codex/Bash`) is no way round a hold or block of that
    tool: the agent's own entry counts first, and nobody would be shown what it gets round.

    Raises:
        Refused: `on_hold`, `blocked`.
    """
    _, tool = tool_of_agent("", target.kind, target.name)
    if tool == target.name:
        return
    if found := _restricted(target, tool):
        code, words, way = found
        raise Refused(
            code,
            f"{called(target.kind, tool)} is {words} for all agents, which an allow for one "
            f"agent would get round: {way} it first.",
            pointer="/target/name",
        )


def check_unrestricted(target: Target) -> None:
    """What a person brings back at a terminal is neither on hold nor blocked here: who placed that
    ends it, or an approval does.

    Raises:
        Refused: `on_hold`, `blocked`.
    """
    if found := _restricted(target, target.name):
        code, words, way = found
        raise Refused(
            code,
            f"{called(target.kind, target.name)} is {words} by a decision of this portal: "
            f"{way} it first.",
            pointer="/target/name",
        )


def _restricted(target: Target, name: str) -> tuple[str, str, str] | None:
    """Code, words and way out of a hold or block of a name that counts on this scope."""
    same = {"", target.instance, instances.fleet().scope_of(target.instance)}
    for code, words, way, scopes in (
        ("on_hold", "on hold", "release", stored_decisions_and_holds.scopes_on_hold),
        ("blocked", "blocked", "unblock", stored_decisions_and_holds.scopes_blocked),
    ):
        found = scopes(target.kind, name)
        if same & set(found) if target.instance else found:
            return code, words, way
    return None


def check_all_gateways(target: Target) -> None:
    """An exception from a hold on every instance is none: nothing lifts that at one gateway.

    Raises:
        Refused: `on_hold`.
    """
    covering = instances.fleet().scope_of(target.instance)
    if covering != target.instance and stored_decisions_and_holds.holders_of(
        target.kind, target.name, covering
    ):
        raise Refused(
            "on_hold",
            f"{called(target.kind, target.name)} is on hold {where(covering)}, which nothing lifts "
            f"{where(target.instance)} alone: release it first.",
            pointer="/target/instance",
        )

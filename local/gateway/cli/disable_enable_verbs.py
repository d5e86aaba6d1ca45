"""`skill|plugin disable, enable`."""

from __future__ import annotations

from typing import Final

from local.gateway.cli.affected_agents import affected_agents
from local.gateway.cli.parsing import Arguments, Refused
from local.gateway.cli.session import Session
from local.gateway.entries import GLOBAL
from local.gateway.generations import OPENCLAW

_SKILL_CLAIMS: Final = {
    "codex": "Enforced for a leading $skill selection by the native Codex UserPromptSubmit gate.",
    "claudecode": (
        "Enforced for a native skill expansion by the Claude Code UserPromptExpansion gate."
    ),
}
_ENFORCED: Final = {"skill": ("claudecode", "codex"), "plugin": ("claudecode",)}


def disable(session: Session, kind: str, arguments: Arguments) -> None:
    """Disable a skill or plugin at run time: for each copy, one agent, or globally."""
    name, agent = arguments.first("NAME"), session.agent_option(arguments)
    reason = arguments.text("reason") or "manual disable via CLI"
    if _asks_upstream(session, agent):
        session.call_upstream("disable", kind, name)
        session.say(f"[{kind}] {name!r} disabled via gateway RPC")
        session.entries.set_value(kind, name, "runtime", "disable", reason)
        session.act(f"{kind}-disable", name, f"reason={reason}{_suffix(session, agent)}")
        return
    targets = [agent] if agent else [owner for owner, _ in session.copies(kind, name)]
    if not targets and kind == "plugin":
        raise Refused(f"error: plugin not found: {name} across configured connectors")
    for target in targets:
        session.say(f"[{kind}] {name!r} runtime disable recorded (connector={target})")
        _say_claim(session, kind, name, target)
        session.entries.set_value(kind, name, "runtime", "disable", reason, target)
    if not targets:
        session.say(f"[{kind}] {name!r} runtime disable recorded globally")
        _say_global_claim(session)
        session.entries.set_value(kind, name, "runtime", "disable", reason)
    scope = "all" if targets and not agent else agent
    session.act(f"{kind}-disable", name, f"reason={reason} connector={scope}")


def _say_global_claim(session: Session) -> None:
    if session.generation.native_selection:
        claim = _SKILL_CLAIMS.get(session.settings.primary, "")
        session.say(f"  {claim}")
        return
    session.say("  Enforced by hook runtime gates for connectors that emit skill events.")


def _say_claim(session: Session, kind: str, name: str, agent: str) -> None:
    if agent in _ENFORCED[kind]:
        claim = f"Enforced by hook runtime gate for connector={agent}."
        if kind == "skill" and session.generation.native_selection:
            claim = _SKILL_CLAIMS[agent]
        session.say(f"  {claim}")
        return
    why = f"does not emit {kind} runtime events DefenseClaw can gate"
    if kind == "skill" and session.generation.native_selection:
        why = "does not expose a connector-native skill selection hook DefenseClaw can reject"
    session.say(
        f"warning: {kind} runtime disable is advisory for connector={agent}; that connector "
        f"{why}. Use 'defenseclaw {kind} quarantine {name} --connector {agent}' for hard "
        "enforcement on that peer."
    )


def enable(session: Session, kind: str, arguments: Arguments) -> None:
    """End a runtime disable: everywhere, or only an agent's own (the global one then stays)."""
    name, agent = arguments.first("NAME"), session.agent_option(arguments)
    if _asks_upstream(session, agent):
        session.call_upstream("enable", kind, name)
        session.say(f"[{kind}] {name!r} enabled via gateway RPC")
        session.entries.clear(kind, name, "runtime")
        session.act(f"{kind}-enable", name, f"re-enabled via CLI{_suffix(session, agent)}")
        return
    if agent:
        session.say(f"[{kind}] {name!r} runtime disable cleared (connector={agent})")
        session.entries.clear(kind, name, "runtime", agent=agent)
        session.act(f"{kind}-enable", name, f"re-enabled via CLI connector={agent}")
        return
    targets = affected_agents(session, kind, name)
    if not targets and kind == "plugin":
        raise Refused(f"error: plugin not found: {name} across configured connectors")
    for target in targets:
        session.say(f"[{kind}] {name!r} runtime disable cleared (connector={target})")
        session.entries.clear(kind, name, "runtime", agent=target)
    session.entries.clear(kind, name, "runtime", agent=GLOBAL)
    if not targets:
        session.say(f"[{kind}] {name!r} global runtime disable cleared")
    scope = "all" if targets else ""
    session.act(f"{kind}-enable", name, f"re-enabled via CLI connector={scope}")


def _asks_upstream(session: Session, agent: str) -> bool:
    return (agent or session.settings.primary) == OPENCLAW


def _suffix(session: Session, agent: str) -> str:
    return f" connector={agent}" if session.generation.entries_per_agent else ""

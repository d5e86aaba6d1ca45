"""`tool block, allow, unblock`: an agent's own entry is a name `@agent/tool`."""

from __future__ import annotations

from local.gateway.cli.affected_agents import scope_list
from local.gateway.cli.parsing import Arguments, UsageError
from local.gateway.cli.session import Session


def block(session: Session, arguments: Arguments) -> None:
    """Block a tool; with `--source` also under a name that nothing ever matches."""
    name, agent, source = _scope(session, arguments)
    reason = arguments.text("reason") or "manual block via CLI"
    target = _target(name, agent, source)
    if source and session.generation.entries_per_agent:
        session.entries.set_value("tool", name, "install", "block", reason)
    cleared = _clear_overrides(session, name) if not agent and not source else []
    note = " (scoped audit; runtime enforces as unscoped fallback)" if source else ""
    if not session.generation.entries_per_agent:
        note = ""
    session.entries.set_value("tool", target, "install", "block", reason + note)
    session.say(_text(session, name, agent, source, "added to block list"))
    _say_cleared(session, cleared)
    details = f"reason={reason}"
    if session.generation.entries_per_agent:
        requested = agent or source or "unscoped"
        details += f" effective_target={target} requested_scope={requested}"
    session.act("tool-block", target, details)


def allow(session: Session, arguments: Arguments) -> None:
    """Allow a tool."""
    name, agent, source = _scope(session, arguments)
    reason = arguments.text("reason") or "manual allow via CLI"
    target = _target(name, agent, source)
    cleared = _clear_overrides(session, name) if not agent and not source else []
    session.entries.set_value("tool", target, "install", "allow", reason)
    session.act("tool-allow", target, f"reason={reason}")
    session.say(f"[tool] {name!r}{_note(session, agent, source)} added to allow list")
    _say_cleared(session, cleared)


def unblock(session: Session, arguments: Arguments) -> None:
    """Remove a tool's entry, and bare also those of single agents."""
    name, agent, source = _scope(session, arguments)
    target = _target(name, agent, source)
    bare = not agent and not source and session.generation.entries_per_agent
    known = session.entries.get("tool", target)
    cleared = _clear_overrides(session, name) if bare else []
    session.entries.clear("tool", target, "install")
    if bare and known is None and not cleared:
        session.say(f"[tool] {name!r} has no block/allow state to clear")
        return
    scope = " connector=all" if bare else ""
    session.act("tool-unblock", target, f"removed from block/allow list{scope}")
    note = _note(session, agent, source)
    session.say(f"[tool] {name!r}{note} removed from block/allow list")
    _say_cleared(session, cleared)


def _scope(session: Session, arguments: Arguments) -> tuple[str, str, str]:
    name, source = arguments.first("NAME"), arguments.text("source")
    agent = session.agent_option(arguments)
    if agent and source:
        raise UsageError("Error: --connector and --source cannot be combined.")
    return name, agent, source


def _target(name: str, agent: str, source: str) -> str:
    if agent:
        return f"@{agent}/{name}"
    return f"{source}/{name}" if source else name


def _note(session: Session, agent: str, source: str) -> str:
    if not session.generation.entries_per_agent:
        return f" (scoped to {source!r})" if source else " (global)"
    if agent:
        return f" (connector {agent!r})"
    if source:
        return f" (source {source!r})"
    return f" (covers {scope_list(list(session.settings.agents))})"


def _text(session: Session, name: str, agent: str, source: str, what: str) -> str:
    note = _note(session, agent, source)
    if not session.generation.entries_per_agent:
        return f"[tool] {name!r}{note} {what}"
    if source:
        note = (
            f" (unscoped fallback; --source {source!r} kept for audit but is not "
            "runtime-enforced — use --connector to scope a block)"
        )
    return f"[tool] {name!r} {what}{note}"


def _clear_overrides(session: Session, name: str) -> list[str]:
    cleared: list[str] = []
    for entry in session.entries.of_kind("tool"):
        agent, _, tool = entry.name.removeprefix("@").partition("/")
        if entry.name.startswith("@") and tool == name and entry.install:
            session.entries.clear("tool", entry.name, "install")
            cleared.append(agent)
    return cleared


def _say_cleared(session: Session, agents: list[str]) -> None:
    if agents:
        session.say(f"  Cleared connector-specific overrides for {scope_list(agents)}.")

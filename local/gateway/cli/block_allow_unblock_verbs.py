"""`skill|plugin|mcp block, allow, unblock`."""

from __future__ import annotations

from typing import Final

from local.gateway.cli.affected_agents import affected_agents, has_state, path_on_disk, scope_list
from local.gateway.cli.parsing import Arguments, Refused
from local.gateway.cli.session import Session
from local.gateway.entries import GLOBAL

_CLEARED: Final = "(allow/block/quarantine/disable)"


def block(session: Session, kind: str, arguments: Arguments) -> None:
    """Block a name for one agent or globally."""
    name, agent = arguments.first("NAME"), session.agent_option(arguments)
    word = "manually blocked via CLI" if kind == "mcp" else "manual block via CLI"
    given = arguments.text("reason")
    reason = given or word
    if agent and session.entries.effective(kind, name, agent, "install") == "block":
        own = session.entries.get(kind, name, agent)
        scope = f"for {agent}" if own and own.install else f"globally (covers {agent})"
        session.say(f"Already blocked {scope}: {name}")
        return
    if kind == "mcp" and not agent and _is(session, kind, name, "block"):
        session.say(f"Already blocked: {name}")
        return
    session.entries.set_value(kind, name, "install", "block", reason, agent)
    _pin(session, kind, name, agent)
    session.say(_blocked_text(session, kind, name, agent))
    shown = given if kind == "mcp" else reason
    suffix = f" connector={agent}" if session.generation.entries_per_agent else ""
    session.act(_action(kind, "block"), name, f"reason={shown}{suffix}")


def _blocked_text(session: Session, kind: str, name: str, agent: str) -> str:
    scope = f" (connector={agent})" if agent else ""
    if kind == "mcp":
        return f"Blocked: {name}{scope}"
    if kind == "skill" and not agent and session.generation.entries_per_agent:
        owners = [owner for owner, _ in session.copies(kind, name)]
        scope = f" for {scope_list(owners)}" if owners else ""
    return f"[{kind}] {name!r} added to block list{scope}"


def allow(session: Session, kind: str, arguments: Arguments) -> None:
    """Allow a name: for one agent, for each that has it, or globally if none does."""
    name, agent = arguments.first("NAME"), session.agent_option(arguments)
    given = arguments.text("reason")
    reason = given or ("manually allowed via CLI" if kind == "mcp" else "manual allow via CLI")
    shown = given if kind == "mcp" else reason
    targets = [agent] if agent else affected_agents(session, kind, name)
    if agent and session.entries.effective(kind, name, agent, "install") == "allow":
        own = session.entries.get(kind, name, agent)
        scope = f"for {agent}" if own and own.install else f"globally (covers {agent})"
        session.say(f"Already allowed {scope}: {name}")
        return
    for target in targets:
        _allow_one(session, kind, name, target, reason)
    if targets and not agent:
        session.entries.remove(kind, name)
        session.act(_action(kind, "allow"), name, f"reason={shown} connector=all")
        return
    if not targets:
        _allow_globally(session, kind, name, reason)
    suffix = f" connector={agent}" if session.generation.entries_per_agent and (
        agent or kind == "mcp"
    ) else ""  # fmt: skip
    session.act(_action(kind, "allow"), name, f"reason={shown}{suffix}")


def _allow_one(session: Session, kind: str, name: str, agent: str, reason: str) -> None:
    session.entries.set_value(kind, name, "install", "allow", reason, agent)
    session.entries.clear(kind, name, "file", "runtime", agent=agent)
    _pin(session, kind, name, agent)
    if kind == "mcp":
        session.say(f"Allowed: {name} (connector={agent})")
    else:
        session.say(f"[{kind}] {name!r} added to allow list (connector={agent})")


def _allow_globally(session: Session, kind: str, name: str, reason: str) -> None:
    entry = session.entries.get(kind, name)
    disabled = entry is not None and entry.runtime == "disable" and kind != "mcp"
    cleared = not disabled or _enabled_upstream(session, kind, name)
    session.entries.set_value(kind, name, "install", "allow", reason)
    if cleared and session.generation.entries_per_agent:
        session.entries.clear(kind, name, "file", "runtime")
    _pin(session, kind, name, GLOBAL)
    if kind == "mcp":
        session.say(f"Allowed: {name}")
        return
    rest = "" if cleared else "; runtime disable remains until the gateway is reachable"
    session.say(f"[{kind}] {name!r} added to allow list{rest}")


def unblock(session: Session, kind: str, arguments: Arguments) -> None:
    """Remove all entries of a name, or those of one agent. 0.2.0 has no such command."""
    name, agent = arguments.first("NAME"), session.agent_option(arguments)
    records = _records(session, kind, name, agent)
    if agent:
        if not has_state(session, kind, name, agent):
            session.say(f"[{kind}] {name!r} has no enforcement state to clear for {agent}")
            return
        session.entries.remove(kind, name, agent)
        _say_cleared(session, kind, name, agent)
        if kind == "mcp":
            session.say("  The server will go through normal scanning on next check.")
        session.act(f"{kind}-unblock", name, f"manual unblock via CLI connector={agent}")
        return
    targets = affected_agents(session, kind, name)
    targets += [a for record in records for a in record if a and a not in targets]
    scopes = [GLOBAL, *targets]
    if not any(has_state(session, kind, name, scope) for scope in scopes):
        session.say(f"[{kind}] {name!r} has no enforcement state to clear")
        return
    if targets:
        _clear_everywhere(session, kind, name, targets)
        if kind != "plugin":
            thing, moment = ("server", "check") if kind == "mcp" else ("skill", "install")
            session.say(f"  The {thing} will go through normal scanning on next {moment}.")
        _say_still_quarantined(session, kind, name, bool(records))
        session.act(f"{kind}-unblock", name, "manual unblock via CLI connector=all")
        return
    _unblock_globally(session, kind, name, has_records=bool(records))


def _clear_everywhere(session: Session, kind: str, name: str, targets: list[str]) -> None:
    for target in targets:
        session.entries.remove(kind, name, target)
        _say_cleared(session, kind, name, target)
    session.entries.remove(kind, name)


def _unblock_globally(session: Session, kind: str, name: str, *, has_records: bool) -> None:
    entry = session.entries.get(kind, name)
    disabled = entry is not None and entry.runtime == "disable" and kind == "skill"
    if disabled and not _enabled_upstream(session, kind, name):
        session.entries.clear(kind, name, "install", "file")
        session.say(
            f"[{kind}] {name!r} install/file enforcement cleared; "
            "runtime disable remains until the gateway is reachable"
        )
    else:
        session.entries.remove(kind, name)
        _say_cleared(session, kind, name, GLOBAL)
    if kind == "mcp":
        session.say("  The server will go through normal scanning on next check.")
    if kind == "skill" and not session.generation.keeps_quarantine_records:
        path = f'"{entry.source_path}"' if entry and entry.source_path else "<original-dir>"
        command = f"defenseclaw skill restore {name} --path {path}"
        session.say(f"  Tip: if files are quarantined, run '{command}'")
    _say_still_quarantined(session, kind, name, has_records)
    details = "manual unblock via CLI" + (" connector=" if kind == "mcp" else "")
    session.act(f"{kind}-unblock", name, details)


def _say_cleared(session: Session, kind: str, name: str, agent: str) -> None:
    scope = f"(connector={agent}) " if agent else ""
    session.say(f"[{kind}] {name!r} all enforcement state cleared {scope}{_CLEARED}")


def _say_still_quarantined(session: Session, kind: str, name: str, has_records: bool) -> None:
    if has_records:
        session.say(
            f"  The {kind} is unblocked, but its files remain quarantined; "
            f"restore explicitly with 'defenseclaw {kind} restore {name}'."
        )


def _records(session: Session, kind: str, name: str, agent: str) -> list[tuple[str, ...]]:
    if not session.generation.keeps_quarantine_records or kind == "mcp":
        return []
    found = (record.agents for record in session.records.of_name(kind, name))
    return [agents for agents in found if not agent or agent in agents]


def _enabled_upstream(session: Session, kind: str, name: str) -> bool:
    try:
        session.call_upstream("enable", kind, name)
    except Refused as problem:
        session.warn(problem.text)
        return False
    return True


def _pin(session: Session, kind: str, name: str, agent: str) -> None:
    """Record the path of the copy on disk, as the real command line does."""
    path = "" if kind == "mcp" else path_on_disk(session, kind, name, agent)
    if path and (kind == "skill" or session.generation.entries_per_agent):
        session.entries.set_source_path(kind, name, path, agent)


def _is(session: Session, kind: str, name: str, install: str) -> bool:
    entry = session.entries.get(kind, name)
    return entry is not None and entry.install == install


def _action(kind: str, verb: str) -> str:
    return f"{verb}-mcp" if kind == "mcp" else f"{kind}-{verb}"

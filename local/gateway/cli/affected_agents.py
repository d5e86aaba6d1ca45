"""To which agents a command without `--connector` applies."""

from __future__ import annotations

from local.gateway.agents import configured_servers
from local.gateway.cli.session import Session

_DIMENSIONS = ("install", "file", "runtime")


def affected_agents(session: Session, kind: str, name: str) -> list[str]:
    """Return agents that have a copy (or a configured server) or an entry of their own."""
    if not session.generation.entries_per_agent:
        return []
    order = list(session.settings.agents)
    if kind == "mcp":
        folder = session.home.folder
        found = {agent for agent in order if name in configured_servers(folder, agent)}
    else:
        found = {agent for agent, _ in session.copies(kind, name)}
    found |= {entry.agent for entry in session.entries.of_name(kind, name) if entry.agent}
    return sorted(found, key=lambda agent: order.index(agent) if agent in order else len(order))


def has_state(session: Session, kind: str, name: str, agent: str) -> bool:
    """Return whether exactly this agent's entry (or the global one) holds anything."""
    entry = session.entries.get(kind, name, agent)
    return entry is not None and not entry.is_empty


def path_on_disk(session: Session, kind: str, name: str, agent: str = "") -> str:
    """Return the path of the first copy on disk, or ""."""
    return next((str(path) for _, path in session.copies(kind, name, agent)), "")


def scope_list(agents: list[str]) -> str:
    """Return agents as the real command line lists them."""
    return ", ".join(f"connector={agent}" for agent in agents)

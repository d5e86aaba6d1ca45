"""`list` of each kind, `status`, `config validate`."""

from __future__ import annotations

import json

import yaml

from local.gateway.agents import configured_servers, folder_of
from local.gateway.cli.parsing import Arguments, Refused
from local.gateway.cli.session import Session
from local.gateway.entries import Entry


def list_things(session: Session, kind: str, arguments: Arguments) -> None:
    """List what is on disk or configured, with its entries."""
    agent = session.agent_option(arguments)
    agents = [agent] if agent else list(session.settings.agents)
    groups = [{"connector": name, f"{kind}s": _things(session, kind, name)} for name in agents]
    if arguments.has("json"):
        session.say(json.dumps(groups if len(groups) > 1 else groups[0], indent=2))
        return
    for group in groups:
        session.say(f"{kind.title()}s (connector={group['connector']})")
        for thing in _things(session, kind, str(group["connector"])):
            session.say(f"  {thing['name']}  {thing['actions']}")


def _things(session: Session, kind: str, agent: str) -> list[dict[str, str]]:
    if kind == "tool":
        return [_line(entry) for entry in session.entries.of_kind("tool")]
    if kind == "mcp":
        names = sorted(configured_servers(session.home.folder, agent))
    else:
        folder = folder_of(session.home.folder, agent, kind)
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [{"name": name, "actions": _actions(session, kind, name, agent)} for name in names]


def _line(entry: Entry) -> dict[str, str]:
    return {"name": entry.name, "actions": entry.install}


def _actions(session: Session, kind: str, name: str, agent: str) -> str:
    values = (
        session.entries.effective(kind, name, agent, dimension)
        for dimension in ("install", "file", "runtime")
    )
    return ", ".join(value for value in values if value) or "-"


def status(session: Session, arguments: Arguments) -> None:
    """Say what is set up."""
    del arguments
    session.say(f"DefenseClaw {session.generation.version}")
    session.say(f"  Data:       {session.home.data}")
    session.say(f"  Connectors: {', '.join(session.settings.agents)}")


def config(session: Session, arguments: Arguments) -> None:
    """Check that the configuration can be read (`config validate`)."""
    if arguments.first("COMMAND") != "validate":
        raise Refused("Error: only `config validate` is known", 2)
    try:
        yaml.safe_load(session.home.config.read_text())
    except (OSError, yaml.YAMLError) as problem:
        raise Refused(f"X {problem}") from problem
    session.say("OK")

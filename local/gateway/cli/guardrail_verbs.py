"""`guardrail enable, disable, status` and `setup guardrail --mode`; 0.2.0 has only the latter.

The running gateway follows no change before it is started again: no restart is made here.
"""

from __future__ import annotations

from typing import Any

import yaml

from local.gateway.cli.parsing import Arguments, Refused
from local.gateway.cli.session import Session
from local.gateway.user_folder import read_config

_NOT_SET = "X Cannot enable: guardrail.model is not set."


def guardrail(session: Session, arguments: Arguments) -> None:
    """Switch the guardrail in the configuration, of all agents or of one."""
    verb, agent = arguments.first("COMMAND"), session.agent_option(arguments)
    if verb not in ("enable", "disable", "status"):
        raise Refused(f"Error: No such command '{verb}'.", 2)
    config = read_config(session.home)
    settings: dict[str, Any] = config["guardrail"]
    shown = "enabled" if settings["enabled"] else "disabled"
    if verb == "status":
        session.say(f"Guardrail: {shown}")
        return
    on = verb == "enable"
    if agent:
        settings["connectors"][agent]["enabled"] = on
        scope = f"connector={agent} scope=per-connector enabled={str(on).lower()}"
    elif settings["enabled"] == on:
        session.say(f"  Guardrail is already {shown}")
        return
    elif on and not settings.get("model"):
        raise Refused(_NOT_SET)
    else:
        settings["enabled"] = on
        scope = f"connector={session.settings.primary}"
    _save(session, config)
    session.say("  OK Config saved")
    restart = not arguments.has("no-restart")
    session.act(f"guardrail-{verb}", "config", f"{scope} restart={restart}")


def set_up(session: Session, arguments: Arguments) -> None:
    """Set the mode of the guardrail and of every agent, which also turns it on."""
    mode = arguments.text("mode")
    if arguments.first("COMMAND") != "guardrail" or mode not in ("action", "observe"):
        raise Refused("Error: only `setup guardrail --mode action|observe` is known", 2)
    config = read_config(session.home)
    config["guardrail"] |= {"enabled": True, "mode": mode}
    for connector in config["guardrail"].get("connectors", {}).values():
        connector["mode"] = mode
    _save(session, config)
    port = session.settings.port + 1
    details = f"mode={mode} scanner_mode=local port={port} model="
    if session.generation.entries_per_agent:
        details += " hilt=False"
    if session.generation.entries_per_agent and not session.generation.seals_rows:
        details += f" disable_redaction={arguments.has('disable-redaction')}"
    session.act("setup-guardrail", "config", details)


def _save(session: Session, config: dict[str, Any]) -> None:
    session.home.config.write_text(yaml.safe_dump(config, sort_keys=False))

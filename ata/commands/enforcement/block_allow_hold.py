"""`ata skill|mcp|plugin|tool block|allow|unblock|hold|release|show NAME` and `list`."""

from __future__ import annotations

import typer

from ata.commands.enforcement import (
    component_list_and_show,
    mcp_run_and_proxy,
    quarantine_and_restore,
)
from ata.commands.enforcement.decision_options import Instance, Name, New, Raise
from ata.options import Json, NoWait, Reason, open_screen, reason_or_ask

KINDS = {
    "skill": "List skills with their state; block, allow, hold or quarantine one, or end that.",
    "mcp": "List MCP servers, decide on one, or run one with credentials the agent never sees.",
    "plugin": "List plugins with their state; block, allow, hold or quarantine one, or end that.",
    "tool": "List tools with their state; block, allow, unblock, hold or release one.",
}
_ACTS = {
    "block": "Have gateways block it until someone unblocks it; `show` has what agents can do.",
    "allow": "Let it be used although scans found something.",
    "unblock": "End a block or an allow.",
    "hold": "Have gateways block it until someone decides or releases it.",
    "release": "End a hold.",
}
_NEED_REASON = frozenset({"block", "allow"})


def commands_for(kind: str) -> typer.Typer:
    """The group of commands for one kind of component."""
    group = typer.Typer(
        help=KINDS[kind], no_args_is_help=True, rich_markup_mode=None, add_completion=False
    )
    for act, says in _ACTS.items():
        _add(group, kind, act, says)
    if kind in quarantine_and_restore.KINDS:
        quarantine_and_restore.add_to(group, kind)
    component_list_and_show.add_to(group, kind)
    if kind == "mcp":
        mcp_run_and_proxy.add_to(group)
    return group


def _add(group: typer.Typer, kind: str, act: str, says: str) -> None:
    @group.command(act, help=says)
    def command(
        ctx: typer.Context,
        name: Name,
        reason: Reason = "",
        severity: Raise = None,
        instance: Instance = "",
        new: New = False,
        no_wait: NoWait = False,
        json_output: Json = False,
    ) -> None:
        from ata.decisions.submission import decide

        screen = open_screen(ctx, json_output)
        if act in _NEED_REASON:
            reason = reason_or_ask(screen, reason)
        target = {"kind": kind, "name": name}
        if instance:
            target["instance"] = instance
        body: dict[str, object] = {"verb": f"{kind}.{act}", "target": target, "reason": reason}
        if severity:
            body["severity"] = severity.value
        if new:
            body["params"] = {"new": True}
        decide(screen, body, wait=not no_wait)

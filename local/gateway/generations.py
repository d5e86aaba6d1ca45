"""What differs between the three generations of DefenseClaw, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OPENCLAW: Final = "openclaw"


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation. Every difference that code asks for is a field here."""

    name: str
    version: str
    agents: tuple[str, ...]
    """Agents it knows; those after the first have hook routes."""
    default_agents: tuple[str, ...]
    entries_per_agent: bool
    """`actions` has a connector column, and an agent's own entry wins over the global one."""
    needs_token: bool
    seals_rows: bool
    """Audit rows carry a canonical record with hash and HMAC; dispositions exist."""
    redacts_audit_details: bool
    stores_request_ids: bool
    cli_can_unblock: bool
    """`skill|plugin|mcp unblock` exist on the command line."""
    cli_writes_through_gateway: bool
    take_action_by_default: bool
    waits_for_database_lock: bool
    """0.2.0 does not: a write during another one is answered 500 SQLITE_BUSY."""
    decision_holds_file_and_runtime: bool
    """A rejection writes file=quarantine and runtime=disable next to install=block."""
    quarantines_after_failed_scan: bool
    quarantine_folder_per_agent: bool
    """The watcher quarantines into `skills/AGENT/NAME` instead of `skills/NAME`."""
    keeps_quarantine_records: bool
    allow_asks_upstream: bool
    """REST allow under a global runtime disable waits for OpenClaw and ends in 502."""
    dies_without_upstream: bool
    """Acting on a skill or plugin before OpenClaw was ever connected ends the process."""
    severities_blocked: tuple[str, ...]
    """Severities of content rules that block a tool call; the others only alert."""
    scan_row_per_hook_event: bool
    native_selection: bool
    """Runtime disables also cover a codex prompt `$name` and any Claude Code slash command."""
    inspect_is_for_primary_only: bool
    changes_mode_live: bool
    """`PATCH /v1/guardrail/config` takes effect; 0.8.4 answers 409 and wants a restart."""


GENERATIONS: Final = {
    generation.name: generation
    for generation in (
        Generation(
            name="0.2.0",
            version="0.2.0",
            agents=(OPENCLAW,),
            default_agents=(OPENCLAW,),
            entries_per_agent=False,
            needs_token=False,
            seals_rows=False,
            redacts_audit_details=False,
            stores_request_ids=False,
            cli_can_unblock=False,
            cli_writes_through_gateway=False,
            take_action_by_default=False,
            waits_for_database_lock=False,
            decision_holds_file_and_runtime=False,
            quarantines_after_failed_scan=False,
            quarantine_folder_per_agent=False,
            keeps_quarantine_records=False,
            allow_asks_upstream=False,
            dies_without_upstream=True,
            severities_blocked=("HIGH", "CRITICAL"),
            scan_row_per_hook_event=False,
            native_selection=False,
            inspect_is_for_primary_only=False,
            changes_mode_live=True,
        ),
        Generation(
            name="0.8.4",
            version="0.8.4",
            agents=(OPENCLAW, "claudecode", "codex"),
            default_agents=("claudecode", "codex"),
            entries_per_agent=True,
            needs_token=True,
            seals_rows=False,
            redacts_audit_details=True,
            stores_request_ids=True,
            cli_can_unblock=True,
            cli_writes_through_gateway=False,
            take_action_by_default=False,
            waits_for_database_lock=True,
            decision_holds_file_and_runtime=True,
            quarantines_after_failed_scan=True,
            quarantine_folder_per_agent=False,
            keeps_quarantine_records=False,
            allow_asks_upstream=True,
            dies_without_upstream=False,
            severities_blocked=("CRITICAL",),
            scan_row_per_hook_event=False,
            native_selection=False,
            inspect_is_for_primary_only=False,
            changes_mode_live=False,
        ),
        Generation(
            name="head",
            version="dev",
            agents=(OPENCLAW, "claudecode", "codex", "cursor", "geminicli"),
            default_agents=("claudecode", "codex", "cursor", "geminicli"),
            entries_per_agent=True,
            needs_token=True,
            seals_rows=True,
            redacts_audit_details=False,
            stores_request_ids=True,
            cli_can_unblock=True,
            cli_writes_through_gateway=True,
            take_action_by_default=True,
            waits_for_database_lock=True,
            decision_holds_file_and_runtime=True,
            quarantines_after_failed_scan=True,
            quarantine_folder_per_agent=True,
            keeps_quarantine_records=True,
            allow_asks_upstream=True,
            dies_without_upstream=False,
            severities_blocked=("CRITICAL",),
            scan_row_per_hook_event=True,
            native_selection=True,
            inspect_is_for_primary_only=True,
            changes_mode_live=True,
        ),
    )
}

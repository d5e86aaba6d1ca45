"""`skill|plugin scan`, `skill install`, `mcp set, unset, scan`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from local.gateway.agents import add_server, folder_of
from local.gateway.audit.scan_rows import Finding, ScanReport
from local.gateway.cli.parsing import Arguments, Refused
from local.gateway.cli.session import Session
from local.gateway.entries import GLOBAL
from local.gateway.folders.quarantine import folder_in_quarantine, move_into
from local.gateway.folders.scanner import ScanFailed, findings_in_text, scan_folder
from local.gateway.user_folder import read_config

_HELD: Final = "remove from block list first"


def scan(session: Session, kind: str, arguments: Arguments) -> None:
    """Scan a skill or plugin; writes scan rows and nothing else."""
    given, agent = arguments.first("NAME"), session.agent_option(arguments)
    name = Path(given).name
    listed = _listed(session, kind, name, agent)
    if listed == "block":
        text = f"BLOCKED: {name} — {_HELD}"
        raise Refused(text, 2 if session.generation.entries_per_agent else 0)
    if listed == "allow":
        session.say(f"ALLOWED (skip scan): {name}")
        return
    folder = Path(arguments.text("path") or given)
    if not folder.is_absolute():
        found = session.copies(kind, name, agent)
        if not found:
            raise Refused(
                f"error: could not resolve {kind} {name!r} — use --path to specify manually"
            )
        folder = found[0][1]
    report = _run(session, kind, folder, remote=arguments.has("remote"))
    if arguments.has("json"):
        session.say(json.dumps({"target": report.target, "max_severity": report.severity}))
        return
    _print(session, kind, report)


def _run(session: Session, kind: str, folder: Path, *, remote: bool = False) -> ScanReport:
    if remote:
        try:
            session.call("POST", f"/v1/{kind}/scan", {"target": str(folder)})
        except OSError as problem:
            raise Refused(f"error: remote scan failed: {problem}") from problem
    try:
        seconds = 0 if remote else session.settings.scan_seconds
        report = scan_folder(session.home.folder, kind, folder, seconds)
    except ScanFailed as problem:
        raise Refused(f"error: scan failed: {problem}") from problem
    if not remote:
        session.record_scan(report)
    return report


def _print(session: Session, kind: str, report: ScanReport) -> None:
    session.say(f"[scan] {report.scanner} -> {report.target}")
    session.say(f"  {kind.title()}:    {Path(report.target).name}")
    session.say(f"  Target:   {report.target}")
    session.say(f"  Duration: {report.duration / 1_000_000_000:.2f}s")
    session.say(f"  Findings: {len(report.findings)}")
    if not report.findings:
        session.say("  Verdict:  CLEAN")
        return
    session.say(f"  Verdict:  {report.severity}")
    for finding in report.findings:
        session.say(f"    [{finding.severity}] {finding.title}")
        session.say(f"      Location: {finding.location}")


def install(session: Session, arguments: Arguments) -> None:
    """Install a skill with `npx clawhub`; a blocked name is refused before any scan."""
    name = arguments.first("NAME")
    agent = session.agent_option(arguments) or session.settings.primary
    if _listed(session, "skill", name, agent) == "block":
        session.act("install-rejected", name, "reason=blocked")
        scope = f" --connector {agent}" if session.generation.entries_per_agent else ""
        raise Refused(
            f"error: skill {name!r} is on the block list — run "
            f"'defenseclaw skill allow {name}{scope}' to unblock"
        )
    program = shutil.which("npx")
    if program:
        command = [program, "clawhub", "install", name]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - the installer on PATH
    folder = folder_of(session.home.folder, agent, "skill") / name
    if not folder.is_dir():
        raise Refused(f"error: clawhub install failed: {name}")
    report = _run(session, "skill", folder)
    counts = f"severity={report.severity} findings={len(report.findings)}"
    if report.severity not in ("CRITICAL", "HIGH"):
        session.say(f"[install] {name!r} installed and clean")
        return
    acts = _configured_acts(session, report.severity)
    if not arguments.has("action") or not acts:
        session.act("install-warning", name, counts)
        session.say(f"[install] warning: {counts} in {name!r}")
        return
    _enforce_install(session, name, folder, counts, acts)


def _configured_acts(session: Session, severity: str) -> dict[str, str]:
    """Return what `skill_actions` of the configuration asks for; by default nothing."""
    levels = read_config(session.home).get("skill_actions") or {}
    wanted = levels.get(severity.lower()) or {}
    idle = ("none", "enable", "allow")
    return {name: value for name, value in wanted.items() if value not in idle}


def _enforce_install(
    session: Session, name: str, folder: Path, counts: str, acts: dict[str, str]
) -> None:
    agent = GLOBAL if not session.generation.entries_per_agent else session.settings.primary
    severity, _, found = counts.removeprefix("severity=").partition(" findings=")
    reason = f"post-install scan: {found} findings, max={severity}"
    done: list[str] = []
    if acts.get("file") == "quarantine":
        destination = folder_in_quarantine(session.home, "skill", name, agent)
        move_into(destination, folder, merge=False)
        session.entries.set_value("skill", name, "file", "quarantine", reason, agent)
        done.append(f"quarantined to {destination}")
    if acts.get("install") == "block":
        session.entries.set_value("skill", name, "install", "block", reason, agent)
        done.append("added to block list")
    session.entries.set_source_path("skill", name, str(folder), agent)
    details = ", ".join(done)
    session.say(f"[install] {name!r}: {details} ({counts})")
    session.act("install-enforced", name, f"{counts}; {details}")
    if acts.get("runtime") == "disable":
        try:
            session.call_upstream("disable", "skill", name)
            session.entries.set_value("skill", name, "runtime", "disable", reason, agent)
        except Refused as problem:
            session.say(problem.text.replace("error:", "[install]", 1))
    raise Refused(f"error: skill {name!r} had {severity} findings — actions applied")


def set_server(session: Session, arguments: Arguments) -> None:
    """Add an MCP server to the agents' configuration, after a scan unless it is skipped."""
    name, agent = arguments.first("NAME"), session.agent_option(arguments)
    agents = [agent] if agent else list(session.settings.agents)
    per_agent = session.generation.entries_per_agent
    for owner in agents:
        if _listed(session, "mcp", name, owner) == "block":
            text = f"BLOCKED: {name} — unblock it first with: defenseclaw mcp unblock {name}"
            if per_agent:
                text = f"blocked [{owner}]: mcp {name!r} is on the block list"
            raise Refused(text)
    command, url = arguments.text("command"), arguments.text("url")
    if not arguments.has("skip-scan"):
        _scan_server(session, name, agents, command, arguments.text("args"))
    for owner in agents:
        add_server(session.home.folder, owner, name, command, url)
    session.say(f"Added MCP server: {name}")
    session.act("mcp-set", name, f"command={command} url={url}{_connectors(session, agents)}")


def _scan_server(session: Session, name: str, agents: list[str], command: str, args: str) -> None:
    """Scan what a server's command line names; findings block the name."""
    line = f"{command} {args}"
    findings: list[Finding] = findings_in_text(line, "command line")
    for word in re.split(r"[\s,\[\]\"']+", line):
        path = Path(word)
        if path.is_file():
            findings += findings_in_text(path.read_text(errors="replace"), path.name)
    report = ScanReport("mcp-scanner", name, tuple(findings))
    session.record_scan(report)
    if not findings:
        return
    reason = f"scan: {len(findings)} findings, max={report.severity}"
    scopes = agents if session.generation.entries_per_agent else [GLOBAL]
    for scope in scopes:
        session.entries.set_value("mcp", name, "install", "block", reason, scope)
    session.act("mcp-set-blocked", name, reason)
    raise Refused(f"BLOCKED: {name} — {reason}")


def unset_server(session: Session, arguments: Arguments) -> None:
    """Remove an MCP server from the agents' configuration."""
    name = arguments.first("NAME")
    session.say(f"Removed MCP server: {name}")
    agents = list(session.settings.agents)
    session.act("mcp-unset", name, _connectors(session, agents).strip() or "removed")


def _connectors(session: Session, agents: list[str]) -> str:
    return f" connectors={','.join(agents)}" if session.generation.entries_per_agent else ""


def scan_server(session: Session, arguments: Arguments) -> None:
    """Scan a configured MCP server; HEAD's gateway refuses what its own scan found."""
    name, agent = arguments.first("TARGET"), session.agent_option(arguments)
    if _listed(session, "mcp", name, agent) == "block":
        raise Refused(f"BLOCKED: {name} — {_HELD}", 0)
    target = name
    if session.generation.entries_per_agent:
        target = f"mcp://{agent or session.settings.primary}/{name}"
    session.say(f"Scanning MCP server: {target}")
    session.record_scan(ScanReport("mcp-scanner", target))
    session.say("  Status: CLEAN")


def _listed(session: Session, kind: str, name: str, agent: str) -> str:
    """Return block or allow as it holds for an agent, or for any where none is named."""
    if agent:
        return session.entries.effective(kind, name, agent, "install")
    values = {entry.install for entry in session.entries.of_name(kind, name)}
    entry = session.entries.get(kind, name)
    if entry and entry.install:
        return "allow" if values == {"block", "allow"} else entry.install
    return "allow" if "allow" in values else ""

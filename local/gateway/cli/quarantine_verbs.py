"""`skill|plugin quarantine, restore`."""

from __future__ import annotations

from pathlib import Path

from local.gateway.agents import folder_of
from local.gateway.cli.parsing import Arguments, Refused
from local.gateway.cli.session import Session
from local.gateway.entries import GLOBAL
from local.gateway.folders.quarantine import Record, folder_in_quarantine, move_back, move_into


def quarantine(session: Session, kind: str, arguments: Arguments) -> None:
    """Move the copies of a skill or plugin into quarantine."""
    given, agent = arguments.first("NAME"), session.agent_option(arguments)
    name = Path(given).name
    reason = arguments.text("reason") or "manual quarantine via CLI"
    targets = session.copies(kind, name, agent)
    if Path(given).is_absolute():
        targets = [(owner, path) for owner, path in targets if path == Path(given)]
    if not targets:
        hint = " — provide an absolute path" if kind == "skill" else ""
        raise Refused(f"error: could not locate {kind} {name!r}{hint}")
    for owner, path in targets:
        scope = owner if session.generation.entries_per_agent else GLOBAL
        destination = folder_in_quarantine(session.home, kind, name, scope)
        if not move_into(destination, path, merge=False):
            raise Refused(f"error: {kind} path does not exist: {path}")
        if session.generation.keeps_quarantine_records:
            session.records.add(kind, name, path, destination, reason, [owner])
        session.entries.set_value(kind, name, "file", "quarantine", reason, scope)
        session.entries.set_source_path(kind, name, str(path), scope)
        suffix = f" (connector={scope})" if scope else ""
        hidden = session.generation.keeps_quarantine_records and kind == "skill"
        place = "" if hidden else f" to {destination}"
        session.say(f"[{kind}] {name!r} quarantined{place}{suffix}")
        details = f"reason={reason}, dest={destination}"
        if scope:
            details = f"reason={reason}, connector={scope}, dest={destination}"
        if scope and kind == "plugin":
            details = f"reason={reason}, dest={destination} connector={scope}"
        session.act(f"{kind}-quarantine", name, details)


def restore(session: Session, kind: str, arguments: Arguments) -> None:
    """Move a quarantined skill or plugin back to where it came from."""
    name, agent = arguments.first("NAME"), session.agent_option(arguments)
    path = arguments.text("path")
    if session.generation.keeps_quarantine_records:
        _restore_records(session, kind, name, agent, path)
    else:
        _restore_entries(session, kind, name, agent, path)


def _restore_entries(session: Session, kind: str, name: str, agent: str, path: str) -> None:
    """Restore by the entries (0.2.0, 0.8.4): without a source path it needs `--path`."""
    scopes = [agent] if agent else _quarantined_scopes(session, kind, name)
    if path and len(scopes) > 1:
        raise Refused(
            "error: --path with multiple quarantined connector copies is ambiguous; "
            "pass --connector <name> to restore one copy to an explicit path"
        )
    present = [s for s in scopes if folder_in_quarantine(session.home, kind, name, s).is_dir()]
    if not present:
        raise Refused(f"error: {name!r} is not quarantined")
    for scope in present:
        entry = session.entries.get(kind, name, scope)
        target = path or (entry.source_path if entry else "")
        if not target:
            on = f" on connector={scope}" if scope else ""
            raise Refused(
                f"error: no stored path for {name!r}{on} — use --path to specify restore "
                "destination"
            )
        _check_place(session, kind, scope, Path(target))
        move_back(folder_in_quarantine(session.home, kind, name, scope), Path(target))
        suffix = f" (connector={scope})" if scope else ""
        session.say(f"[{kind}] {name!r} restored to {target}{suffix}")
        session.entries.clear(kind, name, "file", agent=scope)
        session.entries.set_source_path(kind, name, target, scope)
        _log_restore(session, kind, name, scope, target)


def _quarantined_scopes(session: Session, kind: str, name: str) -> list[str]:
    scopes = [entry.agent for entry in session.entries.of_name(kind, name)
              if entry.file == "quarantine"]  # fmt: skip
    order = [GLOBAL, *session.settings.agents]
    return sorted(scopes, key=order.index) or [GLOBAL]


def _check_place(session: Session, kind: str, scope: str, target: Path) -> None:
    if kind == "plugin" and not session.generation.entries_per_agent:
        # The watcher empties OpenClaw's folder, but only this one may be restored to.
        own = session.home.data / "plugins"
        if not target.is_relative_to(own):
            raise Refused(f"error: restore path must be within plugin directory {own}")
        return
    agents = [scope] if scope else list(session.settings.agents)
    roots = [folder_of(session.home.folder, agent, kind) for agent in agents]
    if not any(target.is_relative_to(root) for root in roots):
        raise Refused(f"error: restore path must be within configured {kind} directories")


def _restore_records(session: Session, kind: str, name: str, agent: str, path: str) -> None:
    """Restore by the quarantine records (HEAD): a block entry or none does not matter."""
    found = session.records.of_name(kind, name)
    records = [record for record in found if not agent or agent in record.agents]
    if not records and _is_restored(session, kind, name, agent):
        session.say(f"[{kind}] {name!r} is already restored; nothing to do")
        return
    if not records:
        raise Refused(f"error: {name!r} is not quarantined")
    if path and len(records) > 1:
        raise Refused(
            "error: --path with multiple quarantined connector copies is ambiguous; "
            "pass --connector <name> to restore one copy to an explicit path"
        )
    for record in records:
        _restore_record(session, kind, name, agent, record, Path(path or record.original_path))


def _is_restored(session: Session, kind: str, name: str, agent: str) -> bool:
    """Whether a restore left an empty entry whose path is there."""
    return any(
        entry.is_empty and not entry.reason and Path(entry.source_path or "/nowhere").exists()
        for entry in session.entries.of_name(kind, name)
        if kind == "skill" and (not agent or entry.agent == agent)
    )


def _restore_record(
    session: Session, kind: str, name: str, agent: str, record: Record, target: Path
) -> None:
    owners = [owner for owner in record.agents if owner]
    shown = agent or (owners[0] if len(owners) == 1 else "")
    if not record.quarantine_path.is_dir():
        raise Refused(
            f"error: quarantined files are missing for {name!r}; provenance was preserved"
        )
    if target.exists():
        raise Refused(
            f"error: restore destination already exists for {name!r}; provenance was preserved"
        )
    for owner in record.agents:
        session.entries.leave_empty(kind, name, str(target), owner)
    session.records.remove(record)
    move_back(record.quarantine_path, target)
    suffix = f" (connector={shown})" if shown else ""
    place = "its recorded destination" if kind == "skill" else str(target)
    session.say(f"[{kind}] {name!r} restored to {place}{suffix}")
    _log_restore(session, kind, name, shown, str(target))


def _log_restore(session: Session, kind: str, name: str, scope: str, target: str) -> None:
    details = f"restored to {target}"
    if session.generation.entries_per_agent:
        details = f"connector={scope}, restored to {target}"
        if kind == "plugin":
            details = f"restored to {target} connector={scope}"
    session.act(f"{kind}-restore", name, details)

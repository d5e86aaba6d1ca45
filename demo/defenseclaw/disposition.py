"""Acknowledge and dismiss alerts: preview, then apply with the digest of what was previewed.

Source: DefenseClaw ``internal/gateway/alert_acknowledgement_v8.go``. The actor that lands in
the database is always the constant ``cli:operator``.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final

from demo.defenseclaw.instance import Instance
from demo.history.facts import Disposition
from demo.store.instant import now_ns

_PREFIX: Final = "sha256:v1:"
_DIGEST: Final = re.compile(r"sha256:v1:[0-9a-f]{64}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,191}")
_KEYS: Final = {
    "operation_id",
    "audit_db_identity",
    "disposition",
    "selector",
    "preview",
    "selection_digest",
}
_BROAD: Final = ("connector", "target", "severity")
_TIMES: Final = ("since", "before")
_MAX_IDS: Final = 1_000

type Targets = list[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Command:
    """A checked request. ``ids`` are sorted and unique; ``conditions`` name broad selectors."""

    operation_id: str
    identity: str
    dismissed: bool
    preview: bool
    digest: str
    ids: tuple[str, ...]
    conditions: Mapping[str, str] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """The disposition as DefenseClaw spells it."""
        return "dismissed" if self.dismissed else "acknowledged"


def parse(body: object) -> Command:
    """Check a request body; raises ValueError for anything DefenseClaw would answer 400 to."""
    if not isinstance(body, dict) or set(body) - _KEYS:
        raise ValueError("unknown key")
    selector = body.get("selector", {})
    if not isinstance(selector, dict) or set(selector) - {"ids", *_BROAD, *_TIMES}:
        raise ValueError("unknown selector")
    operation, word = body.get("operation_id"), body.get("disposition")
    if not isinstance(operation, str) or not _TOKEN.fullmatch(operation):
        raise ValueError("operation_id")
    if word not in ("acknowledged", "dismissed"):
        raise ValueError("disposition")
    preview, digest = bool(body.get("preview")), body.get("selection_digest") or ""
    identity = body.get("audit_db_identity")
    if not isinstance(identity, str) or not _DIGEST.fullmatch(identity):
        raise ValueError("audit_db_identity")
    if preview == bool(digest) or (digest and not _DIGEST.fullmatch(str(digest))):
        raise ValueError("selection_digest")
    ids, conditions = _selector(selector)
    return Command(operation, identity, word == "dismissed", preview, digest, ids, conditions)


def _selector(selector: Mapping[str, object]) -> tuple[tuple[str, ...], dict[str, str]]:
    raw = selector.get("ids") or []
    if not isinstance(raw, list) or len(raw) > _MAX_IDS:
        raise ValueError("ids")
    ids = sorted({str(item).strip() for item in raw})
    if not all(_TOKEN.fullmatch(item) for item in ids):
        raise ValueError("ids")
    conditions = {key: str(selector[key]).strip() for key in selector if key != "ids"}
    conditions = {key: value for key, value in conditions.items() if value}
    if ids and conditions:
        raise ValueError("exact ids cannot be combined with broad selectors")
    return tuple(ids), conditions


def database_identity(path: Path) -> str:
    """Return the name DefenseClaw gives a database: a digest of its real path."""
    material = f"defenseclaw.alert-disposition.audit-db.v1\0{path.resolve().as_posix()}"
    return _PREFIX + hashlib.sha256(material.encode()).hexdigest()


def dispose(instance: Instance, command: Command) -> tuple[HTTPStatus, dict[str, object]]:
    """Preview or apply ``command`` and return the status and the reply."""
    if command.identity != database_identity(instance.database_path):
        return HTTPStatus.CONFLICT, {**_counts(0), "error": "audit database identity mismatch"}
    targets = _select(instance, command)
    digest = _selection_digest(command, targets)
    reply: dict[str, object] = {
        **_counts(len(targets)),
        "selection_digest": digest,
        "targets": [{"id": alert, "projection_version": version} for alert, version in targets],
    }
    if command.ids and len(targets) != len(command.ids):
        return HTTPStatus.CONFLICT, {
            **reply,
            "error": "one or more exact alert IDs are unavailable",
        }
    if command.preview:
        return HTTPStatus.OK, reply
    if command.digest != digest:
        error = "alert selection changed after preview"
        return HTTPStatus.CONFLICT, {**reply, "drift": True, "error": error}
    for alert, _version in targets:
        instance.record(_operation(command, alert))
    return HTTPStatus.OK, {
        **_counts(len(targets)),
        "applied": len(targets),
        "selection_digest": digest,
    }


def _counts(matched: int) -> dict[str, object]:
    return {"matched": matched, "applied": 0, "no_change": 0, "rejected": 0, "failed": 0}


def _operation(command: Command, alert: str) -> Disposition:
    suffix = hashlib.sha256(alert.encode()).hexdigest()[:16]
    return Disposition(
        id=f"{command.operation_id}-{suffix}",
        event_id=str(uuid.uuid4()),
        at=now_ns(),
        alert_id=alert,
        dismissed=command.dismissed,
    )


def _select(instance: Instance, command: Command) -> Targets:
    """Return the selected alerts nobody has disposed of yet; their version is therefore 0."""
    events = instance.alerts(_MAX_IDS)
    if command.ids:
        wanted = set(command.ids)
        with instance.transaction() as connection:
            found = {str(event["id"]) for event in events} | _undisposed(connection, wanted)
        return [(alert, 0) for alert in sorted(wanted & found)]
    return sorted((str(e["id"]), 0) for e in events if _matches(e, command.conditions))


def _undisposed(connection: sqlite3.Connection, wanted: set[str]) -> set[str]:
    sql = (
        "SELECT 1 FROM audit_events WHERE id = ? AND id NOT IN "
        "(SELECT alert_id FROM alert_acknowledgement_projection)"
    )
    return {alert for alert in wanted if connection.execute(sql, (alert,)).fetchone()}


def _matches(event: Mapping[str, object], conditions: Mapping[str, str]) -> bool:
    stamp = str(event["timestamp"])
    if "since" in conditions and stamp < conditions["since"]:
        return False
    if "before" in conditions and stamp >= conditions["before"]:
        return False
    return all(
        str(event.get(key, "")).casefold() == conditions[key].casefold()
        for key in _BROAD
        if key in conditions
    )


def _selection_digest(command: Command, targets: Targets) -> str:
    selector: dict[str, object] = {"ids": list(command.ids)} if command.ids else {}
    material = {
        "selector": {**selector, **command.conditions},
        "targets": [{"id": alert, "projection_version": version} for alert, version in targets],
    }
    encoded = json.dumps(material, separators=(",", ":")).encode()
    domain = b"defenseclaw.alert-disposition.selection.v1\0"
    return _PREFIX + hashlib.sha256(domain + encoded).hexdigest()

"""One audit row as each generation puts it on the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from local.gateway.audit.seals import compact
from local.gateway.generations import Generation

type Columns = Mapping[str, object]

_PLAIN: Final = ("id", "timestamp", "action", "target", "actor", "details", "severity")
_LATER: Final = (
    "run_id",
    "trace_id",
    "request_id",
    "session_id",
    "agent_name",
    "tool_name",
    "tool_id",
    "connector",
    "sidecar_instance_id",
    "schema_version",
    "content_hash",
    "binary_version",
)
_ALIASES: Final = (
    "id",
    "timestamp",
    "bucket",
    "event_name",
    "severity",
    "source",
    "action",
    "run_id",
    "request_id",
    "session_id",
    "sidecar_instance_id",
    "connector",
    "actor",
    "target",
    "details",
)


def _seconds(columns: Columns) -> float:
    text = str(columns["timestamp"]).replace("Z", "+00:00")
    whole, _, rest = text.partition(".")
    digits = "".join(char for char in rest if char.isdecimal()) if rest else ""
    base = datetime.fromisoformat(whole if whole.endswith("+00:00") else f"{whole}+00:00")
    return base.timestamp() + (float(f"0.{digits[:9]}") if digits and rest else 0.0)


def _cut(columns: Columns) -> str:
    moment = datetime.fromtimestamp(_seconds(columns), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def hec_event(generation: Generation, columns: Columns, index: str) -> str:
    """Return one HEC object.

    0.2.0 leaves id and actor empty; HEAD wraps the whole record and has no `time`.
    """
    if generation.seals_rows:
        record = json.loads(str(columns["projected_record_json"]))
        event: dict[str, Any] = {"record": record, "record_id": columns["id"]}
        event |= {name: columns[name] for name in _ALIASES if columns.get(name)}
        return json.dumps({"index": index, "source": "defenseclaw", "event": event})
    event = {name: columns.get(name) or "" for name in _PLAIN}
    event["timestamp"] = _cut(columns)
    if generation.entries_per_agent:
        event |= {name: columns[name] for name in _LATER if columns.get(name)}
        event.setdefault("run_id", "")
    else:
        event |= {"id": "", "actor": ""}
    event["source"] = "defenseclaw"
    body = {
        "time": _seconds(columns),
        "source": "defenseclaw",
        "sourcetype": "_json",
        "index": index,
        "event": event,
    }
    return json.dumps(body)


def jsonl_line(generation: Generation, columns: Columns) -> str:
    """Return one line of http_jsonl: at HEAD the sealed record itself."""
    if generation.seals_rows:
        return str(columns["projected_record_json"])
    line = {name: columns.get(name) or "" for name in _PLAIN}
    line |= {name: columns[name] for name in _LATER if columns.get(name)}
    if columns.get("structured_json"):
        line["structured"] = json.loads(str(columns["structured_json"]))
    return compact(line)

"""Pushed bodies as rows of `audit_events`, so that the importer's mapping applies to them.

Three forms: an event of 0.2.0 has no id; one of 0.8.4 has the columns of its row as members; one of
HEAD is a record, whole in http_jsonl and inside an envelope in HEC. Its id is in each case that of
the database row, where it has one. To HEC 0.8.4 also sends lines of its log in two parts: an
event `gatewaylog.<type>` with an id, and behind it the line itself.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from audit.importing import pushed_row_matching
from audit.importing.mapping.audit_events import PUSHED_RECORD
from audit.importing.source_row_identity import REJECTED_AS, SourceRow, encoded

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = " \t\r\n\x1e"
_SPACES: Final = re.compile(f"[{_SPACE}]*")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LINE: Final = "line"
MOST_VALUES: Final = 20_000
"""So many values of a body are read: 0.8.4 sends up to 10,000 events, each with a line of its log.

What is behind them is set aside as one row."""
MOST_CHARACTERS: Final = 2 * 2**20
"""A value of twice this length is not parsed: in memory it could have thirty times its length."""
_LOG: Final = "gatewaylog"

_COLUMNS: Final = (
    "id", "timestamp", "action", "target", "actor", "details", "severity", "run_id", "connector",
    "trace_id", "request_id", "session_id", "turn_id", "agent_name", "agent_id",
    "agent_instance_id", "sidecar_instance_id", "policy_id", "destination_app", "tool_name",
    "tool_id", "schema_version", "content_hash", "generation", "binary_version",
)  # fmt: skip
_OF_RECORD: Final = ("action", "severity", "timestamp", "source", "event_name", "bucket",
                     "connector", "signal")  # fmt: skip
_OF_LEGACY_BODY: Final = ("target", "details", "actor")
_OF_CORRELATION: Final = ("run_id", "trace_id", "request_id", "session_id", "turn_id", "agent_id",
                          "agent_instance_id", "sidecar_instance_id", "policy_id", "evaluation_id",
                          "scan_id", "enforcement_action_id")  # fmt: skip


def rows_of(body: bytes, rail: str) -> Iterator[SourceRow]:
    """The rows that a body holds, in its order; what is no event is a row without an id.

    Objects stand on lines or directly behind one another.
    """
    before: list[Any] = []  # the event that a line of the log may belong to
    for value in _values(body):
        if before and _is_its_line(value, before[0]):
            yield row_of(_with_line(before.pop(), value), rail)
            continue
        yield from (row_of(event, rail) for event in before)
        before = [value]
    yield from (row_of(event, rail) for event in before)


def row_of(value: Any, rail: str) -> SourceRow:
    """The row of one pushed event."""
    if isinstance(value, _Unread):
        row = _row({_LINE: value.text}, rail)
        return replace(row, joined={**row.joined, REJECTED_AS: "too_many"})
    event = value.get("event") if isinstance(value, dict) else None
    envelope = isinstance(event, dict)
    found = event if envelope else value
    if not isinstance(found, dict):
        return _row({_LINE: found if isinstance(found, str) else json.dumps(found)}, rail)
    record = found.get("record") if envelope else found
    if isinstance(record, dict) and "record_id" in record:
        return _row(_of_record(record), rail, _profile(record))
    if _is_log_line(found):  # what announces it arrived in another body
        found = _announced(found)
    columns = _of_columns(found, value.get("time") if envelope else None)
    return _row(columns, rail)


def _is_its_line(value: Any, before: Any) -> bool:
    """Whether a value is the line of the log that the event before it announces."""
    line, event = (one.get("event") if isinstance(one, dict) else None for one in (value, before))
    if not isinstance(line, dict) or not isinstance(event, dict) or not _is_log_line(line):
        return False
    return bool(
        event.get("action") == f"{_LOG}.{line['event_type']}"
        and event.get("request_id") == line.get("request_id")
        and value.get("time") == before.get("time")
    )


def _is_log_line(event: Mapping[str, Any]) -> bool:
    return isinstance(event.get("event_type"), str) and not {"id", "action"} & event.keys()


def _announced(line: dict[str, Any]) -> dict[str, Any]:
    """A line of the log as an event: it has no id, so the same line is the same event."""
    named = pushed_row_matching.keyed(encoded(_written(line))).hex()
    about = {"id": f"line-{named[:40]}", "action": f"{_LOG}.{line['event_type']}"}
    return {**line, **about, "structured": line}


def _with_line(event: dict[str, Any], line: dict[str, Any]) -> dict[str, Any]:
    return event | {"event": event["event"] | {"structured": line["event"]}}


@dataclass(frozen=True, slots=True)
class _Unread:
    """What is behind the last value that is read of a body."""

    text: str


def _values(body: bytes) -> Iterator[Any]:
    """The JSON values on the lines of a body; the text itself from where a line has none."""
    lines, found = io.BytesIO(body), 0
    for written in lines:
        line = written.decode("utf-8", "surrogateescape")
        for value, at in _of_line(line):
            yield value
            found += 1
            if found >= MOST_VALUES:
                rest = line[at:] + lines.read().decode("utf-8", "surrogateescape")
                if rest.strip(_SPACE):
                    yield _Unread(rest)
                return


def _of_line(line: str) -> Iterator[tuple[Any, int]]:
    """Each value with where it ends."""
    since, part = 0, line[: 2 * MOST_CHARACTERS]
    at = _skip(line, 0)
    while at < len(line):
        if at - since > MOST_CHARACTERS:
            since, part = at, line[at : at + 2 * MOST_CHARACTERS]
        try:
            value, end = _DECODER.raw_decode(part, at - since)
        except (ValueError, RecursionError):
            yield line[at:].rstrip("\n"), len(line)
            return
        yield value, since + end
        at = _skip(line, since + end)


def _skip(line: str, at: int) -> int:
    found = _SPACES.match(line, at)
    return found.end() if found else at


def _row(values: Mapping[str, Any], rail: str, profile: str = "") -> SourceRow:
    form = f"{rail}:{profile}" if profile else rail
    size = sum(len(v) for v in values.values() if isinstance(v, str))
    return SourceRow("audit_events", -1, values, {pushed_row_matching.FORM: form}, size)


def _of_columns(event: Mapping[str, Any], time: Any) -> dict[str, Any]:
    """An event of 0.2.0 or 0.8.4; the exact time of one in HEC is in its envelope."""
    values = {name: event[name] for name in _COLUMNS if _holds(event.get(name))}
    structured = event.get("structured")
    if isinstance(structured, dict):
        values["structured_json"] = _written(structured)
        step = structured.get("step_idx")
        if isinstance(step, int):
            values["step_idx"] = step
    exact = _exact(values.get("timestamp"), time)
    if exact:
        values["timestamp"] = exact
    if "id" not in values and exact and "action" in values:
        values["id"] = pushed_row_matching.id_of_one_without(values)
    return values


def _of_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of HEAD, with the columns that the gateway gives its row."""
    body, correlation, provenance = (
        found if isinstance(found := record.get(name), dict) else {}
        for name in ("body", "correlation", "provenance")
    )
    values = {name: record[name] for name in _OF_RECORD if _holds(record.get(name))}
    values |= {name: correlation[name] for name in _OF_CORRELATION if _holds(correlation.get(name))}
    values |= {
        name: body[name] for name in ("target", "details", "actor") if _holds(body.get(name))
    }
    values["id"] = record["record_id"]
    values.setdefault("actor", provenance.get("producer", ""))
    structured = body.get("structured_json")
    if isinstance(structured, str) and structured:
        values["structured_json"] = structured
    step = body.get("defenseclaw.connector.step_idx")
    if isinstance(step, int):
        values["step_idx"] = step
    if profile := _profile(record):
        values["redaction_profile"] = profile
    values[PUSHED_RECORD] = _written(record)
    return values


def _holds(value: Any) -> bool:
    return isinstance(value, str | int | float) and value != "" and not isinstance(value, bool)


def _profile(record: Mapping[str, Any]) -> str:
    projection = record.get("projection")
    found = projection.get("redaction_profile") if isinstance(projection, dict) else ""
    return found[:40] if isinstance(found, str) else ""


def _exact(stamp: Any, seconds: Any) -> str:
    """The time of an envelope to the microsecond, where the event's own is cut to the second."""
    if isinstance(stamp, str) and "." in stamp:
        return ""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return ""
    try:
        return (_EPOCH + timedelta(microseconds=round(seconds * 1e6))).isoformat()
    except (OverflowError, ValueError):
        return ""


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

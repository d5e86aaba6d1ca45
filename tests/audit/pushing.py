"""Gateways that push: registered in an instances file, with the bodies real ones sent."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.test import Client

PUSHED = Path(__file__).parent / "pushed"
TOKENS = {"edge-1": "first-gateways-token-51c0", "edge-2": "second-gateways-token-9f3e"}


def register(folder: Path, settings: Any, *, database: Path | None = None) -> Path:
    """edge-1 and edge-2 with their tokens; edge-1 has the database, if there is one."""
    blocks = []
    for name, token in TOKENS.items():
        (folder / f"{name}.token").write_text(f"{token}\n")
        at = f'audit_db = "{database}"\n' if database and name == "edge-1" else ""
        blocks.append(
            f'[[instance]]\nname = "{name}"\nbase_url = "http://127.0.0.1:9"\n'
            f'gateway_token_file = "none"\ningest_token_file = "{name}.token"\n{at}'
        )
    path = folder / "instances.toml"
    path.write_text("\n".join(blocks))
    settings.ENV = settings.ENV.model_copy(update={"DEFENSECLAW_INSTANCES_FILE": path})
    return path


def real(name: str) -> bytes:
    """A body as real gateways sent it, such as `b-0.8.4.hec`."""
    return (PUSHED / name).read_bytes()


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and JSON of an answer."""

    status: int
    said: dict[str, Any]


def hec(body: bytes | str, token: str = TOKENS["edge-1"], **headers: str) -> Answer:
    """A push to the HTTP Event Collector."""
    return _post("/services/collector/event", body, f"Splunk {token}", "application/json", headers)


def jsonl(
    body: bytes | str, instance: str = "edge-1", token: str = TOKENS["edge-1"], **headers: str
) -> Answer:
    """A push of JSON lines."""
    path = f"/v1/ingest/defenseclaw/{instance}"
    return _post(path, body, f"Bearer {token}", "application/x-ndjson", headers)


def _post(
    path: str, body: bytes | str, credentials: str, kind: str, headers: dict[str, str]
) -> Answer:
    answer = Client().post(
        path, body, content_type=kind, headers={"Authorization": credentials, **headers}
    )
    return Answer(answer.status_code, json.loads(answer.content or b"{}"))


def record_of(row: dict[str, Any]) -> str:
    """What HEAD pushes of a database row: its record, as http_jsonl has it."""
    return str(row["projected_record_json"])


def event_of_0_2_0(row: dict[str, Any]) -> str:
    """What 0.2.0 pushes of a database row: no id, no actor, the time also as a float."""
    nanoseconds = _nanoseconds(row["timestamp"])
    event = {
        "id": "",
        "timestamp": f"{row['timestamp'][:19]}Z",
        "action": row["action"],
        "target": row["target"] or "",
        "actor": "",
        "details": row["details"] or "",
        "severity": row["severity"],
        "source": "defenseclaw",
    }
    return json.dumps({"time": nanoseconds / 1e9, "source": "defenseclaw", "event": event})


def event_of_0_8_4(row: dict[str, Any]) -> dict[str, Any]:
    """What 0.8.4 pushes of a database row."""
    left_out = {"structured_json", "step_idx", "enforced", "rule_pack_dir"}
    event = {k: v for k, v in row.items() if v is not None and k not in left_out}
    if row.get("structured_json"):
        event["structured"] = json.loads(row["structured_json"])
    return event


def lines(texts: Iterable[str]) -> bytes:
    """Texts as lines."""
    return "".join(f"{text}\n" for text in texts).encode()


def _nanoseconds(stamp: str) -> int:
    from datetime import UTC, datetime

    whole, _, rest = stamp.partition(".")
    digits = rest.rstrip("Z").partition("+")[0]
    seconds = int(datetime.fromisoformat(f"{whole}+00:00").astimezone(UTC).timestamp())
    return seconds * 10**9 + int(digits.ljust(9, "0"))

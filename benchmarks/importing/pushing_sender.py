"""One gateway that pushes at a steady rate, as `pushes.py` starts it; one line for each answer."""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Iterator
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

import httpx

from enforcement.bypasses.administrative_acts import of_row


def main(said: dict[str, Any]) -> None:
    """Push until the time is over; who falls behind goes on at once."""
    hec = said["number"] % 2 == 1
    instance = f"sender-{said['number']}"
    path = "/services/collector/event" if hec else f"/v1/ingest/defenseclaw/{instance}"
    scheme = "Splunk" if hec else "Bearer"
    headers = {"Authorization": f"{scheme} {said['token']}", "Content-Type": "application/json"}
    records = _mixed(_records(Path(said["bodies"]), hec), hec)
    began = said["began"] + said["every"] * said["number"] / 4
    with httpx.Client(base_url=said["url"], headers=headers, trust_env=False) as client:
        due = began
        while due < said["began"] + said["seconds"]:
            ids, body = _body(list(islice(records, said["batch"])), hec)
            time.sleep(max(0.0, due - time.time()))
            at = time.perf_counter()
            status = client.post(path, content=body, timeout=60).status_code
            line = {"instance": instance, "status": status, "took": time.perf_counter() - at}
            line |= {"answered": time.time(), "ids": ids if status == 200 else []}
            print(json.dumps(line), flush=True)
            due += said["every"]


def _records(folder: Path, hec: bool) -> list[dict[str, Any]]:
    """Records of HEAD; in HEC they stand in an envelope."""
    found = []
    for path in sorted(folder.rglob("hec--*.json" if hec else "jsonl--*.json")):
        value = json.loads(path.read_text())
        if _record(value, hec).get("record_id"):
            found.append(value)
    return found


def _mixed(values: list[dict[str, Any]], hec: bool) -> Iterator[dict[str, Any]]:
    """The records again and again; of 100, one is an act of a person, as people act seldom."""
    acts: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for value in values:
        is_act = of_row(str(_record(value, hec).get("action")), "") is not None
        (acts if is_act else others).append(value)
    act, other = cycle(acts), cycle(others)
    for number in count():
        yield next(act if number % 100 == 50 else other)


def _record(value: dict[str, Any], hec: bool) -> dict[str, Any]:
    event = value.get("event") if hec else value
    found = event.get("record", event) if hec and isinstance(event, dict) else event
    return found if isinstance(found, dict) else {}


def _body(values: list[dict[str, Any]], hec: bool) -> tuple[list[str], bytes]:
    ids, lines = [], []
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    for number, value in enumerate(values):
        record = _record(value, hec)
        record["record_id"] = str(uuid.uuid4())
        record["timestamp"] = record["observed_at"] = f"{stamp}.{number:09}Z"
        ids.append(record["record_id"])
        lines.append(json.dumps(value, separators=(",", ":")))
    return ids, "\n".join(lines).encode() + b"\n"


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

"""What each generation pushes to a receiver that fails, and what it loses."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from tests.local.stand_in_gateway import Start


class Receiver(ThreadingHTTPServer):
    """Keeps the bodies it gets and answers with `status`."""

    daemon_threads = True

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/in"

    def targets(self) -> list[str]:
        """The tools named in what arrived, in order."""
        lines = [json.loads(line) for body in self.bodies for line in body.splitlines()]
        events = [line.get("event", line) for line in lines]
        found = [event.get("target") or event.get("body", {}).get("target") for event in events]
        return [target for target in found if str(target).startswith("tool-")]

    def waits_for(self, *targets: str) -> None:
        """Wait until these arrived."""
        deadline = time.monotonic() + 10
        while not set(targets) <= set(self.targets()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert set(targets) <= set(self.targets())


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = cast(Receiver, self.server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if receiver.status == 200:
            receiver.bodies.append(body)
        self.send_response(receiver.status)
        self.end_headers()
        self.wfile.write(b'{"text":"Success","code":0}')

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def _configure(home: Path, generation: str, url: str) -> None:
    jsonl: dict[str, Any] = {"name": "portal", "kind": "http_jsonl"}
    config: dict[str, dict[str, Any]] = {
        "0.2.0": {
            "splunk": {
                "enabled": True, "hec_endpoint": url, "hec_token": "t", "batch_size": 50,
                "flush_interval_s": 0.2,
            }
        },
        "0.8.4": {
            "audit_sinks": [
                {**jsonl, "batch_size": 1, "flush_interval_s": 0.2, "http_jsonl": {"url": url}}
            ]
        },
        "head": {
            "observability": {
                "destinations": [
                    {**jsonl, "endpoint": url, "batch": {"scheduled_delay_ms": 100}}
                ]
            }
        },
    }  # fmt: skip
    path = home / ".defenseclaw" / "config.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(config[generation]))


@pytest.mark.parametrize("generation", ["0.2.0", "0.8.4"])
def test_what_a_failing_receiver_refused_is_kept_and_sent_again(
    start_gateway: Start, receiver: Receiver, tmp_path: Path, generation: str
) -> None:
    _configure(tmp_path, generation, receiver.url)
    gateway = start_gateway(generation)
    receiver.status = 503
    assert gateway.block("tool-1") == 200
    time.sleep(0.6)
    receiver.status = 200
    assert gateway.block("tool-2") == 200
    receiver.waits_for("tool-1", "tool-2")
    assert receiver.targets() == ["tool-1", "tool-2"]


def test_head_loses_the_batch_that_was_refused_and_only_its_counters_remember(
    start_gateway: Start, receiver: Receiver, tmp_path: Path
) -> None:
    _configure(tmp_path, "head", receiver.url)
    gateway = start_gateway("head")
    time.sleep(0.5)
    receiver.status = 503
    assert gateway.block("tool-1") == 200
    time.sleep(1)
    receiver.status = 200
    assert gateway.block("tool-2") == 200
    receiver.waits_for("tool-2")
    assert receiver.targets() == ["tool-2"]
    health = cast(dict[str, Any], gateway.get("/health")[1])
    (sent,) = health["telemetry"]["details"]["destinations"]
    assert (sent["state"], sent["dropped"], sent["rejected"]) == ("healthy", 1, 0)

"""An agent at its end of `ata mcp run`, a server to start for it, and what the broker answers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

from tests.ata.portal_stand_in import Reply, StandIn

MANIFEST: Final = {
    "kind": "mcp",
    "name": "repo-reader",
    "connections": [{"connection": "github", "scopes": ["repo"]}],
    "env": {"github": "GITHUB_TOKEN"},
    "decision": "allow",
}
GIVEN: Final = Reply(200, {"access_token": "gho_0123456789abcdef", "expires_in": 3600})
FROZEN: Final = Reply(403, {"code": "frozen"})
# Reads as the parser does that its argument names, and passes over what it cannot read.
SERVER: Final = """
import io, json, os, sys, threading, time

reader = sys.argv[1]

def lines():
    # Universal newlines: those of the official SDK for Python, and of readline in Node.
    for line in io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8"):
        yield from line.split("\\u2028") if reader == "node" else [line]

def first_wins(pairs):
    return dict(reversed(pairs))

heard = []
OPTIONS = {"node": {"parse_int": float}, "first wins": {"object_pairs_hook": first_wins}}

def tick(seconds):
    for _ in range(seconds * 5):
        time.sleep(0.2)
        print('{"jsonrpc":"2.0","method":"notifications/message"}', flush=True)

for line in lines():
    try:
        message = json.loads(line, **OPTIONS.get(reader, {}))
    except Exception:
        continue
    if not isinstance(message, dict):
        continue
    if reader == "go":  # encoding/json matches names whatever their case
        message = {name.lower(): value for name, value in message.items()}
    if "error" in message:
        heard.append(message)
    if message.get("method") == "tick":
        threading.Thread(target=tick, args=[60], daemon=True).start()
    if "id" in message and "method" in message:
        result = {"pid": os.getpid(), "method": message["method"], "heard": heard}
        result["params"] = message.get("params")
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


class Agent:
    """An agent at its end of the pipe."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def write(self, line: str | bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write((line if isinstance(line, bytes) else line.encode()) + b"\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def call(self, method: str, request: int = 1, **params: Any) -> dict[str, Any]:
        said = {"jsonrpc": "2.0", "id": request, "method": method, "params": params}
        self.write(json.dumps(said))
        return self.receive()

    def answer(self, method: str, request: int) -> dict[str, Any]:
        """Call, and skip the notifications that the server sends before its answer."""
        heard = self.call(method, request)
        while heard.get("id") != request:
            heard = self.receive()
        return heard


def asked(broker: StandIn) -> int:
    return len(broker.seen("GET", "/v1/auth/token"))


def prompts(broker: StandIn) -> list[bool]:
    """Of each token request, whether people may be asked."""
    return ["prompt" not in one.query for one in broker.seen("GET", "/v1/auth/token")]


def exists(pid: str) -> bool:
    return Path(f"/proc/{pid}").exists()

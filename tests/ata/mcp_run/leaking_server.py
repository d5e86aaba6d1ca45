"""A server that leaks its token in many ways, and an agent at the other end of `ata mcp run`."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.ata.portal_stand_in import Reply

TOKEN = "gho_provider/token+of-the-operator"


MANIFEST = {
    "kind": "mcp",
    "name": "repo-reader",
    "connections": [{"connection": "github", "scopes": ["repo", "read:user"]}],
    "env": {"github": "GITHUB_TOKEN"},
    "decision": "allow",
}


# An MCP server whose tools return its process id and the length of its token, and leak the token.
SERVER = """
import json, os, sys, time, urllib.parse, base64
token = os.environ.get("GITHUB_TOKEN", "")
print("starting with", token, file=sys.stderr, flush=True)
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    method = message["method"]
    if method == "slow":
        time.sleep(message["params"]["seconds"])
    result = {"pid": os.getpid(), "length": len(token), "last": token[-4:], "method": method}
    if method == "leak":
        result = {"plain": token, "percent": urllib.parse.quote(token, safe=""),
                  "base64": base64.b64encode(token.encode()).decode(),
                  "slashes": "SLASHES"}
    text = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})
    text = text.replace("SLASHES", token.replace("/", "\\\\/"))
    print(text, flush=True)
"""


def token_reply(token: str = TOKEN) -> Reply:
    body = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "repo read:user",
        "connection": "github",
        "event_id": "e1",
    }
    return Reply(200, body)


class Agent:
    """An agent at its end of the pipe."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.received = b""

    def send(self, method: str, request: int | None = None, **params: Any) -> None:
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if request is not None:
            message["id"] = request
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        self.received += line
        answer: dict[str, Any] = json.loads(line)
        return answer

    def call(self, request: int, method: str = "tools/call", **params: Any) -> dict[str, Any]:
        self.send(method, request, **params)
        answer = self.receive()
        assert answer["id"] == request
        return answer

    def close(self) -> tuple[int, str]:
        output, errors = self.process.communicate(timeout=60)
        self.received += output
        return self.process.returncode, errors.decode()

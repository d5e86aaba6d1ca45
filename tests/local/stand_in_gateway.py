"""A stand-in gateway in a separate process, and calls to it."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Running:
    """A started stand-in."""

    generation: str
    home: Path
    port: int
    process: subprocess.Popen[bytes]

    def call(
        self, method: str, path: str, body: object = None, token: str = ""
    ) -> tuple[int, object]:
        """Return status and body of a call."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-DefenseClaw-Client": "test", "Content-Type": "application/json"},
        )
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=20) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as refusal:
            return refusal.code, None

    def get(self, path: str, token: str = "") -> tuple[int, object]:
        """Return status and body of a GET."""
        return self.call("GET", path, token=token)

    def block(self, name: str) -> int:
        """Block a tool; returns the status."""
        body = {"target_type": "tool", "target_name": name, "reason": "test"}
        return self.call("POST", "/enforce/block", body, self.token)[0]

    @property
    def token(self) -> str:
        """The token in `.env`, or "" where there is none."""
        path = self.home / ".defenseclaw" / ".env"
        lines = path.read_text().splitlines() if path.exists() else []
        return next((v for n, _, v in (li.partition("=") for li in lines) if "GATEWAY" in n), "")

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command line of this home."""
        program = self.home / "bin" / "defenseclaw"
        return subprocess.run([program, *words], capture_output=True, text=True, check=False)


type Start = Callable[[str], Running]

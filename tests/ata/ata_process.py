"""Runs the real command line in a process of its own, with a home of its own."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from ata.cli import app
from tests.ata.portal_stand_in import StandIn
from tests.support.forking import COMMAND_LINE

ROOT = Path(__file__).resolve().parents[2]
ACCESS_TOKEN = "access-token-of-the-operator"
REFRESH_TOKEN = "refresh-token-of-the-operator"


@dataclass
class Ata:
    """Runs the real command line in a process of its own."""

    home: Path
    portal: StandIn

    @property
    def session_file(self) -> Path:
        return self.home / ".ata" / "session.json"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "SSL_CERT_DIR": str(self.home),  # nobody here speaks TLS: no need to read all there are
            "ATA_PORTAL": self.portal.url,
        }

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "ata", *args]

    def __call__(self, *args: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return COMMAND_LINE.run(
            ["-m", "ata", *args],
            input=stdin,
            timeout=90,
            env={**self.environment, **env},
            cwd=self.home,
        )

    def here(self, *args: str) -> Result:
        """The same in this process: for tables of many rows, where a start each would be all."""
        return CliRunner().invoke(app, [*args], env=self.environment)

    def on_a_terminal(
        self, *args: str, rows: int = 40, columns: int = 100, typed: str = "", **env: str
    ) -> str:
        """What is shown on a terminal of that size, where somebody types `typed`."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = subprocess.Popen(
            self.command(*args),
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.STDOUT,
            env={**self.environment, "TERM": "xterm-256color", **env},
            cwd=self.home,
        )
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        try:
            while piece := os.read(ours, 65_536):
                shown += piece
        except OSError:  # Linux says EIO where others say end of file
            pass
        os.close(ours)
        process.wait(timeout=90)
        return shown.decode()

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*args),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=self.home,
        )

    def sign_in(self, *, seconds_left: float = 3600, **changes: Any) -> None:
        """Write the session that `ata login` would have written."""
        session = {
            "portal": self.portal.url,
            "issuer": self.portal.url + "/",
            "client_id": "ata-cli",
            "audience": "https://ata.local/api",
            "token_endpoint": self.portal.url + "/oauth/token",
            "revocation_endpoint": self.portal.url + "/oauth/revoke",
            "expires_at": time.time() + seconds_left,
            "access_token": ACCESS_TOKEN,
            "refresh_token": REFRESH_TOKEN,
            **changes,
        }
        self.session_file.parent.mkdir(mode=0o700, exist_ok=True)
        self.session_file.write_text(json.dumps(session))
        self.session_file.chmod(0o600)

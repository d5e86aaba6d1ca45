"""The demo gateway as a process: two gateways on two ports, a token file, a clean stop."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from demo import gateway, sample

ROOT = Path(__file__).parents[2]


def test_one_process_serves_two_gateways_with_separate_state(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    command = [sys.executable, "-m", "demo.gateway", "--data", str(tmp_path / "data")]
    command += ["--token-file", str(token_file), "--instance", "edge-1:0", "--instance", "edge-2:0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        urls = [re.search(r"http://127\.0\.0\.1:\d+", line) for line in lines]
        first, second = (match[0] for match in urls if match)
        token = token_file.read_text().strip()
        assert len(token) == 64 and token_file.stat().st_mode & 0o077 == 0
        headers = {
            "Authorization": f"Bearer {token}",
            "X-DefenseClaw-Client": "tests",
            "Content-Type": "application/json",
        }
        body = json.dumps({"target_type": "mcp", "target_name": "shell-mcp"}).encode()
        block = urllib.request.Request(f"{first}/enforce/block", body, headers, method="POST")
        with urllib.request.urlopen(block, timeout=20) as answer:
            assert json.load(answer) == {"status": "blocked"}
        counts = []
        for url in (first, second):
            listing = urllib.request.Request(f"{url}/enforce/blocked", headers=headers)
            with urllib.request.urlopen(listing, timeout=20) as answer:
                counts.append(len(json.load(answer)))
        assert counts == [1, 0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    assert (tmp_path / "data" / "edge-1" / "audit.db").exists()
    assert (tmp_path / "data" / "edge-2" / "redaction-correlation.key").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--instance", "edge-1"], "write NAME:PORT"),
        (["--instance", "a:1", "--instance", "a:2"], "named twice"),
        (["--instance", "edge-1:99999"], "write NAME:PORT"),
        (["--webhook-url", "ftp://x"], "must begin with http"),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_starts(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    common = ["--data", str(tmp_path), "--token-file", str(tmp_path / "token")]
    assert gateway.main([*common, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_database_of_an_older_generation_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "edge-1" / "audit.db")
    assert sample.main([path, "--events", "10", "--generation", "7"]) == 0
    common = ["--data", str(tmp_path), "--token-file", str(tmp_path / "token"), "--port", "0"]
    assert gateway.main(common) == 2
    assert "is no v8 database" in capsys.readouterr().err


def test_a_port_in_use_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        common = ["--data", str(tmp_path), "--token-file", str(tmp_path / "token")]
        assert gateway.main([*common, "--port", str(port)]) == 2
    assert f"port {port}" in capsys.readouterr().err

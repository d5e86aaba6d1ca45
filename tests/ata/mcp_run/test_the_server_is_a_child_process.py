"""What passes between the shell, `ata mcp run` and the server: bytes, signals, environment."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from tests.ata.ata_process import Ata
from tests.ata.mcp_run.leaking_server import MANIFEST, TOKEN
from tests.ata.portal_stand_in import Reply, StandIn


def plain(ata: Ata, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return ata("mcp", "run", "repo-reader", "--", *command, stdin=stdin)


def test_bytes_and_the_exit_code_pass_through(broker: StandIn, signed_in: Ata) -> None:
    script = "cat; printf 'no json, %s' ${#GITHUB_TOKEN}; echo oops >&2; exit 7"
    ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    done = plain(signed_in, "sh", "-c", script, stdin=f"{ping}\n{ping}")
    assert done.returncode == 7
    assert done.stdout == f"{ping}\n{ping}\nno json, {len(TOKEN)}"
    assert done.stderr == "oops\n"


def test_death_by_signal_is_reported_as_shells_do(broker: StandIn, signed_in: Ata) -> None:
    assert plain(signed_in, "sh", "-c", "kill -KILL $$").returncode == 137


def test_signals_reach_the_server(broker: StandIn, signed_in: Ata) -> None:
    script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    process = signed_in.start("mcp", "run", "repo-reader", "--", "sh", "-c", script)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (9, b"caught\n")


def test_a_server_that_leaves_children_does_not_hang(broker: StandIn, signed_in: Ata) -> None:
    start = time.monotonic()
    done = plain(signed_in, "sh", "-c", "sleep 60 & exit 3")
    assert done.returncode == 3
    assert time.monotonic() - start < 40


def test_an_unknown_command_is_named(broker: StandIn, signed_in: Ata) -> None:
    done = plain(signed_in, "no-such-program")
    assert done.returncode == 1
    assert "no-such-program cannot be started" in done.stderr
    assert done.stdout == ""


def test_a_server_without_a_manifest_is_not_started(broker: StandIn, signed_in: Ata) -> None:
    broker.on("GET", "/v1/manifests/mcp/repo-reader", Reply(404, {"code": "not_found"}))
    done = plain(signed_in, "sh", "-c", "echo started")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "ata manifest declare" in done.stderr


@pytest.mark.parametrize("variable", ["PATH", "LD_PRELOAD", "PYTHONPATH", "a b", "X=Y"])
def test_a_manifest_cannot_change_which_code_runs(
    broker: StandIn, signed_in: Ata, variable: str
) -> None:
    manifest = {**MANIFEST, "env": {"github": variable}}
    broker.on("GET", "/v1/manifests/mcp/repo-reader", Reply(200, manifest))
    done = plain(signed_in, "sh", "-c", "echo started")
    assert done.returncode == 1
    assert "bad_manifest" in done.stderr


def test_a_connection_without_a_variable_gets_a_plain_one(broker: StandIn, signed_in: Ata) -> None:
    manifest = {**MANIFEST, "connections": [{"connection": "google-oauth2", "scopes": []}]}
    broker.on("GET", "/v1/manifests/mcp/repo-reader", Reply(200, manifest))
    done = plain(signed_in, "sh", "-c", "printf %s ${#GOOGLE_OAUTH2_TOKEN}")
    assert done.stdout == str(len(TOKEN))


def test_the_session_of_the_operator_stays_outside_the_server(
    broker: StandIn, signed_in: Ata
) -> None:
    done = plain(signed_in, "env")
    assert "access-token-of-the-operator" not in done.stdout
    assert "GITHUB_TOKEN=«redacted»" in done.stdout

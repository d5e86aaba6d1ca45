from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, Request, StandIn
from tests.support.stack import eventually

TOKEN = "gho_provider/token+of-the-operator"
MANIFEST = {
    "kind": "mcp",
    "name": "repo-reader",
    "connections": [{"connection": "github", "scopes": ["repo", "read:user"]}],
    "env": {"github": "GITHUB_TOKEN"},
    "decision": "allow",
}
# A server that tells which process and how long a token it has, and leaks it in many ways.
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


@pytest.fixture
def server(tmp_path: Path) -> list[str]:
    path = tmp_path / "server.py"
    path.write_text(textwrap.dedent(SERVER))
    return [sys.executable, str(path)]


@pytest.fixture
def broker(portal: StandIn) -> StandIn:
    portal.on("GET", "/v1/manifests/mcp/repo-reader", Reply(200, MANIFEST))
    portal.on("GET", "/v1/auth/token", token_reply())
    return portal


@pytest.fixture
def run(signed_in: Ata, server: list[str]) -> Iterator[Callable[[], Agent]]:
    started: list[Agent] = []

    def start() -> Agent:
        agent = Agent(signed_in.start("mcp", "run", "repo-reader", "--", *server))
        started.append(agent)
        return agent

    yield start
    for agent in started:
        if agent.process.poll() is None:
            agent.process.kill()
        agent.process.communicate()


def test_the_server_gets_the_token_and_the_agent_does_not(
    broker: StandIn, run: Callable[[], Agent]
) -> None:
    agent = run()
    agent.call(1, "initialize")
    agent.send("notifications/initialized")
    result = agent.call(2)["result"]
    assert (result["length"], result["last"]) == (len(TOKEN), TOKEN[-4:])
    leak = agent.call(3, "leak")["result"]
    assert set(leak.values()) == {"«redacted»"}
    code, errors = agent.close()
    assert code == 0
    assert "starting with «redacted»" in errors
    assert TOKEN.encode() not in agent.received
    assert TOKEN not in errors


@pytest.mark.parametrize(
    "change",
    [
        {"connections": [{"connection": "github", "scopes": ["repo", "delete_repo"]}]},
        {"env": {"github": "ANOTHER_TOKEN"}},
        {"url": "http://127.0.0.1:9/mcp"},
    ],
)
def test_a_server_whose_manifest_changed_gets_no_more_tokens_and_ends(
    broker: StandIn, run: Callable[[], Agent], change: dict[str, Any]
) -> None:
    agent = run()
    agent.call(1, "initialize")
    agent.send("notifications/initialized")
    assert "result" in agent.call(2)
    asked = len(broker.seen("GET", "/v1/auth/token"))
    broker.on("GET", "/v1/manifests/mcp/repo-reader", Reply(200, {**MANIFEST, **change}))
    assert agent.call(3)["error"]["data"]["code"] == "manifest_changed"
    assert agent.process.wait(20) == 1
    assert len(broker.seen("GET", "/v1/auth/token")) == asked


def test_the_broker_is_told_who_asks_and_for_what(
    broker: StandIn, run: Callable[[], Agent]
) -> None:
    agent = run()
    agent.call(1)
    agent.close()
    request = broker.seen("GET", "/v1/auth/token")[0]
    assert request.query == {"connection": ["github"]}
    assert request.headers["ata-agent"] == "ata"
    assert request.headers["ata-skill"] == "mcp:repo-reader"
    assert request.headers["ata-scopes"] == "repo read:user"


@pytest.mark.parametrize("account", ["work", "github=work"])
def test_one_of_several_accounts_is_asked_for(
    broker: StandIn, signed_in: Ata, account: str
) -> None:
    done = signed_in("mcp", "run", "repo-reader", "--account", account, "--", "true")
    assert done.returncode == 0
    assert broker.seen("GET", "/v1/auth/token")[0].query == {
        "connection": ["github"], "account": ["work"],
    }  # fmt: skip


@pytest.mark.parametrize("accounts", [["work", "home"], ["="], ["github="]])
def test_accounts_that_fit_no_connection_are_a_usage_error(
    broker: StandIn, signed_in: Ata, accounts: list[str]
) -> None:
    named = [word for account in accounts for word in ("--account", account)]
    two = [*MANIFEST["connections"], {"connection": "slack", "scopes": []}]
    broker.on("GET", "/v1/manifests/mcp/repo-reader", Reply(200, {**MANIFEST, "connections": two}))
    done = signed_in("mcp", "run", "repo-reader", *named, "--", "sh", "-c", "echo started")
    assert (done.returncode, done.stdout) == (2, "")
    assert "CONNECTION=ACCOUNT" in done.stderr
    assert broker.seen("GET", "/v1/auth/token") == []


def asked_for(broker: StandIn, times: int) -> None:
    """Wait until the broker was asked so often and has answered."""
    seen = "GET", "/v1/auth/token"
    eventually(lambda: len(broker.seen(*seen)) >= times, "the question to the broker")


def test_each_invocation_asks_the_broker_again(broker: StandIn, run: Callable[[], Agent]) -> None:
    agent = run()
    agent.call(1, "initialize")
    agent.call(2, "ping")
    assert len(broker.seen("GET", "/v1/auth/token")) == 1
    first = agent.call(3)["result"]["pid"]
    second = agent.call(4)["result"]["pid"]
    assert len(broker.seen("GET", "/v1/auth/token")) == 3
    assert first == second
    agent.close()


def test_a_disconnect_fails_the_very_next_invocation(
    broker: StandIn, run: Callable[[], Agent]
) -> None:
    agent = run()
    assert "result" in agent.call(1)
    problem = {"detail": "The connection github was revoked", "code": "connection_revoked"}
    broker.on("GET", "/v1/auth/token", Reply(403, problem))
    error = agent.call(2)["error"]
    assert error["code"] == -32001
    assert error["data"]["code"] == "connection_revoked"
    assert "The connection github was revoked." in error["message"]
    assert "/connections/" in error["data"]["fix"]
    broker.on("GET", "/v1/auth/token", token_reply())
    assert "result" in agent.call(3)
    agent.close()


def test_a_refusal_ends_the_server_that_still_holds_a_credential(
    broker: StandIn, run: Callable[[], Agent]
) -> None:
    agent = run()
    opened = agent.call(1, "initialize")["result"]
    agent.send("slow", 2, seconds=30)
    asked_for(broker, 2)
    broker.on("GET", "/v1/auth/token", Reply(403, {"code": "frozen"}))
    agent.send("tools/call", 3)
    answers = [agent.receive(), agent.receive()]
    assert {one["id"] for one in answers} == {2, 3}
    assert all(one["error"]["data"]["code"] == "frozen" for one in answers)
    eventually(lambda: not Path(f"/proc/{opened['pid']}").exists(), "the end of the server")
    assert agent.call(4, "tools/list")["error"]["data"]["code"] == "frozen"
    broker.on("GET", "/v1/auth/token", token_reply())
    again = agent.call(5)["result"]
    assert again["pid"] != opened["pid"]
    code, _ = agent.close()
    assert code == 0
    assert b"ata-restart" not in agent.received


def test_a_refusal_that_passes_leaves_the_server_alone(
    broker: StandIn, run: Callable[[], Agent]
) -> None:
    agent = run()
    opened = agent.call(1, "initialize")["result"]
    broker.on("GET", "/v1/auth/token", Reply(429, {"code": "rate_limited"}))
    assert agent.call(2)["error"]["data"]["code"] == "rate_limited"
    assert agent.call(3, "ping")["result"]["pid"] == opened["pid"]
    agent.close()


def test_an_agent_that_is_gone_takes_the_server_with_it(
    broker: StandIn, signed_in: Ata, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    deaf = f"echo $$ > {note}; while :; do sleep 0.1; done"  # the end of its input is no news to it
    process = signed_in.start("mcp", "run", "repo-reader", "--", "sh", "-c", deaf)
    eventually(lambda: note.exists() and note.read_text().strip(), "the start of the server")
    assert process.stdin and process.stdout
    process.stdin.close()
    process.stdout.close()
    assert process.wait(30) == 1
    assert not Path(f"/proc/{note.read_text().strip()}").exists()


def test_an_escalation_names_its_approval(broker: StandIn, run: Callable[[], Agent]) -> None:
    problem = {
        "title": "More scopes were asked for than granted",
        "code": "scope_escalation_pending",
        "approval_id": "a7",
    }
    agent = run()
    agent.call(1)
    broker.on("GET", "/v1/auth/token", Reply(403, problem))
    error = agent.call(2)["error"]
    assert error["data"]["approval_id"] == "a7"
    assert "ata approvals wait a7" in error["message"]
    agent.close()


def test_a_block_fails_the_very_next_invocation(broker: StandIn, run: Callable[[], Agent]) -> None:
    agent = run()
    agent.call(1)
    broker.on("GET", "/v1/manifests/mcp/repo-reader", Reply(200, {**MANIFEST, "decision": "block"}))
    assert agent.call(2)["error"]["data"]["code"] == "mcp_blocked"
    broker.on("GET", "/v1/manifests/mcp/repo-reader", Reply(200, {**MANIFEST, "decision": "hold"}))
    assert agent.call(3)["error"]["data"]["code"] == "mcp_held"
    agent.close()


def test_a_new_token_restarts_the_server_and_replays_the_handshake(
    broker: StandIn, run: Callable[[], Agent]
) -> None:
    agent = run()
    opened = agent.call(1, "initialize")["result"]
    broker.on("GET", "/v1/auth/token", token_reply("gho_another-token-0002"))
    result = agent.call(2)["result"]
    assert result["last"] == "0002"
    assert result["pid"] != opened["pid"]
    assert not Path(f"/proc/{opened['pid']}").exists()
    assert set(agent.call(3, "leak")["result"].values()) == {"«redacted»"}
    code, _ = agent.close()
    assert code == 0
    assert b"ata-restart" not in agent.received


def test_a_restart_waits_for_open_requests(broker: StandIn, run: Callable[[], Agent]) -> None:
    agent = run()
    agent.call(1, "initialize")
    agent.send("slow", 2, seconds=3.0)
    asked_for(broker, 2)
    broker.on("GET", "/v1/auth/token", token_reply("gho_another-token-0002"))
    agent.send("tools/call", 3)
    slow, fast = agent.receive(), agent.receive()
    assert (slow["id"], slow["result"]["last"]) == (2, TOKEN[-4:])
    assert (fast["id"], fast["result"]["last"]) == (3, "0002")
    agent.close()


def test_without_a_credential_the_agent_is_told_and_may_try_again(
    broker: StandIn, run: Callable[[], Agent]
) -> None:
    missing = Reply(404, {"detail": "No github account is linked", "code": "connection_not_linked"})
    broker.on("GET", "/v1/auth/token", missing)
    agent = run()
    error = agent.call(1, "initialize")["error"]
    assert error["data"]["code"] == "connection_not_linked"
    broker.on("GET", "/v1/auth/token", token_reply())
    assert agent.call(2, "initialize")["result"]["length"] == len(TOKEN)
    code, _ = agent.close()
    assert code == 0


def test_a_portal_that_went_away_refuses_rather_than_reuses(
    broker: StandIn, run: Callable[[], Agent], signed_in: Ata
) -> None:
    agent = run()
    agent.call(1)

    def gone(_: Request) -> Reply:
        return Reply(503, {"code": "starting"})

    broker.on("GET", "/v1/manifests/mcp/repo-reader", gone)
    assert "error" in agent.call(2)
    agent.close()


def test_a_batch_that_invokes_is_refused_request_by_request(
    broker: StandIn, run: Callable[[], Agent]
) -> None:
    agent = run()
    agent.call(1)
    broker.on("GET", "/v1/auth/token", Reply(403, {"code": "frozen"}))
    batch = [{"jsonrpc": "2.0", "id": n, "method": "tools/call"} for n in (7, 8)]
    assert agent.process.stdin
    agent.process.stdin.write(json.dumps(batch).encode() + b"\n")
    agent.process.stdin.flush()
    assert [agent.receive()["id"], agent.receive()["id"]] == [7, 8]
    agent.close()


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


PENDING = Reply(
    403,
    {
        "detail": "github was asked for delete_repo",
        "code": "scope_escalation_pending",
        "approval_id": "a7",
    },
)


def approval(outcome: str) -> Reply:
    body = {
        "id": "a7",
        "status": "closed",
        "outcome": outcome,
        "sentence": "Let repo-reader for 1 hour on GitHub: delete repositories",
        "binding_message": "12-34-56",
    }
    return Reply(200, body)


def test_it_waits_for_the_people_who_are_asked_about_scopes(
    broker: StandIn, signed_in: Ata, server: list[str]
) -> None:
    broker.on("GET", "/v1/auth/token", PENDING, token_reply())
    broker.on("GET", "/v1/approvals/a7", approval("approved"))
    done = signed_in(
        "mcp", "run", "repo-reader", "--scope", "github:delete_repo", "--wait", "--", *server
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "", "standard output belongs to the agent"
    assert "delete repositories" in done.stderr
    asked = broker.seen("GET", "/v1/auth/token")
    assert {one.headers["ata-scopes"] for one in asked} == {"repo read:user delete_repo"}


@pytest.mark.parametrize(("outcome", "code"), [("denied", 3), ("expired", 4), ("cancelled", 5)])
def test_what_people_do_not_allow_ends_it_with_their_exit_code(
    broker: StandIn, signed_in: Ata, server: list[str], outcome: str, code: int
) -> None:
    broker.on("GET", "/v1/auth/token", PENDING)
    broker.on("GET", "/v1/approvals/a7", approval(outcome))
    done = signed_in("mcp", "run", "repo-reader", "--wait", "--", *server)
    assert done.returncode == code
    assert "scope_not_allowed" in done.stderr
    assert done.stdout == ""


def test_a_scope_of_a_connection_that_the_manifest_does_not_name_is_wrong_usage(
    broker: StandIn, signed_in: Ata, server: list[str]
) -> None:
    done = signed_in("mcp", "run", "repo-reader", "--scope", "slack:chat:write", "--", *server)
    assert done.returncode == 2
    assert "does not name slack" in done.stderr
    assert not broker.seen("GET", "/v1/auth/token")


def test_a_scope_that_the_account_does_not_grant_is_said_once(
    broker: StandIn, signed_in: Ata, server: list[str]
) -> None:
    given = {"access_token": TOKEN, "expires_in": 60, "scope": "read:user repo"}
    broker.on("GET", "/v1/auth/token", Reply(200, given))
    done = signed_in("mcp", "run", "repo-reader", "--scope", "github:admin:org", "--", *server)
    assert done.stderr.count("admin:org is not among them") == 1
    assert "connect it again" in done.stderr


def test_a_scope_of_no_connection_is_wrong_usage(signed_in: Ata, server: list[str]) -> None:
    done = signed_in("mcp", "run", "repo-reader", "--scope", "delete_repo", "--", *server)
    assert done.returncode == 2
    assert "CONNECTION:SCOPE" in done.stderr

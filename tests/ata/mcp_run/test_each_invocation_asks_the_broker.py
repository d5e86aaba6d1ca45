"""Each invocation asks the broker; a refusal, a block or a disconnect ends the next one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ata.ata_process import Ata
from tests.ata.mcp_run.leaking_server import MANIFEST, TOKEN, Agent, token_reply
from tests.ata.portal_stand_in import Reply, Request, StandIn
from tests.support.stack import eventually


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

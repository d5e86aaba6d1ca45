"""The demo MCP server over pipes and HTTP, and the agent that uses it, against a stub provider."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from demo import agent
from demo.mcp.tools import KINDS
from demo.mcp_http import McpHttpServer

ROOT = Path(__file__).parents[2]
SECRET = "ghu_5ecret-value-0123456789"
SERVER = (sys.executable, "-m", "demo.mcp_server")


@dataclass
class Stub:
    """A provider that knows one token; ``answers`` overrides what a path says."""

    url: str = ""
    calls: list[tuple[str, str, bytes]] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A running stub provider."""
    made = Stub()

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # headers and body leave in two parts (RFC 896)

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            given = self.headers.get("Authorization", "")
            made.calls.append((self.command, self.path, body))
            known = {
                "/user": (200, {"login": "octo-dev"}),
                "/user/repos": (200, [{"full_name": "octo-dev/skills"}]),
            }
            status, value = {**known, **made.answers}.get(
                self.path, (404, {"message": "Not Found"})
            )
            if given != f"Bearer {SECRET}":
                status, value = 401, {"message": f"Bad credentials {given}"}
            content = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{made.url}/user")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def _environment(stub: Stub, token: str | None = SECRET) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.endswith("_TOKEN")}
    urls = {f"{name}_API_URL": stub.url for name in ("GITHUB", "SLACK", "GOOGLE")}
    return {**clean, **urls, **({"GITHUB_TOKEN": token} if token is not None else {})}


def _talk(
    environment: dict[str, str], *lines: object, arguments: Sequence[str] = ()
) -> tuple[list[Any], str]:
    """Send ``lines`` to a server process, close its input, and return answers and stderr."""
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    done = subprocess.run(
        [*SERVER, *arguments],
        input=text,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0
    assert SECRET not in done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def _request(id_: int | str, method: str, **params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}


def _call(tool: str, **arguments: object) -> dict[str, object]:
    return _request(7, "tools/call", name=tool, arguments=arguments)


def test_the_server_greets_lists_its_tools_and_uses_one(stub: Stub) -> None:
    answers, stderr = _talk(
        _environment(stub),
        _request(1, "initialize", protocolVersion="2025-06-18", capabilities={}),
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        _request("two", "tools/list"),
        _call("list_repositories"),
    )
    assert [answer["id"] for answer in answers] == [1, "two", 7]
    hello, tools, called = (answer["result"] for answer in answers)
    assert hello["serverInfo"]["name"] == "github-mcp"
    assert hello["protocolVersion"] == "2025-06-18" and "tools" in hello["capabilities"]
    names = [tool["name"] for tool in tools["tools"]]
    assert names == ["whoami", "list_repositories", "create_issue"]
    assert called["isError"] is False
    assert json.loads(called["content"][0]["text"]) == [{"full_name": "octo-dev/skills"}]
    assert [call[:2] for call in stub.calls] == [("GET", "/user/repos")]
    assert "DEMO github-mcp started and has a credential" in stderr


def test_an_unknown_protocol_version_is_answered_with_one_the_server_speaks(stub: Stub) -> None:
    answers, _ = _talk(_environment(stub), _request(1, "initialize", protocolVersion="1999-01-01"))
    assert answers[0]["result"]["protocolVersion"] == "2025-06-18"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, {"message": f"bad {SECRET}"}, "expired or was revoked; connect the account again"),
        (403, {"message": "Resource not accessible"}, "lacks a scope"),
        (404, {"message": "Not Found"}, "GitHub answered 404: Not Found."),
        (500, b"<html>", "GitHub answered 500."),
        (302, {}, "GitHub answered 302."),
        (200, b"<html>", "something that is not JSON"),
    ],
)
def test_a_refusal_by_the_provider_is_a_tool_error_in_clear_words(
    stub: Stub, status: int, body: object, words: str
) -> None:
    stub.answers["/user"] = (status, body)
    answers, _ = _talk(_environment(stub), _call("whoami"))
    result = answers[0]["result"]
    assert result["isError"] is True
    assert words in result["content"][0]["text"]
    assert len(stub.calls) == 1


def test_a_wrong_token_is_never_repeated_even_if_the_provider_does(stub: Stub) -> None:
    answers, stderr = _talk(_environment(stub, "ghu_other-s3cret"), _call("whoami"))
    assert answers[0]["result"]["isError"] is True
    assert "ghu_other-s3cret" not in json.dumps(answers) + stderr


def test_without_a_token_the_server_says_how_to_get_one_and_calls_nobody(stub: Stub) -> None:
    answers, stderr = _talk(_environment(stub, None), _call("whoami"))
    assert "GITHUB_TOKEN is empty" in answers[0]["result"]["content"][0]["text"]
    assert "ata mcp run" in answers[0]["result"]["content"][0]["text"]
    assert stub.calls == [] and "has no credential" in stderr


def test_a_provider_that_is_away_is_named_without_its_token(stub: Stub) -> None:
    environment = {**_environment(stub), "GITHUB_API_URL": "http://127.0.0.1:9"}
    answers, _ = _talk(environment, _call("whoami"))
    assert "GitHub cannot be reached at 127.0.0.1:9" in answers[0]["result"]["content"][0]["text"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{", -32700),
        ("[]", -32600),
        ({"id": 1, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": 5}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, -32602),
        (_request(1, "resources/list"), -32601),
        (_call("delete_everything"), -32602),
        (_call("whoami", extra="x"), -32602),
        (_call("create_issue", owner="a", repository="b"), -32602),
        (_call("create_issue", owner="a", repository="b", title=""), -32602),
    ],
)
def test_a_message_that_cannot_be_served_gets_its_json_rpc_code(
    stub: Stub, line: object, code: int
) -> None:
    answers, _ = _talk(_environment(stub), line, _request(99, "ping"))
    assert answers[0]["error"]["code"] == code
    assert answers[1] == {"jsonrpc": "2.0", "id": 99, "result": {}}
    assert stub.calls == []


def test_arguments_cannot_leave_their_place_in_the_path(stub: Stub) -> None:
    _talk(_environment(stub), _call("create_issue", owner="../x?", repository="r", title="t"))
    assert stub.calls == [("POST", "/repos/..%2Fx%3F/r/issues", b'{"title": "t"}')]


def test_the_token_variable_can_have_another_name(stub: Stub) -> None:
    environment = {**_environment(stub, None), "MY_TOKEN": SECRET}
    arguments = ("--token-variable", "MY_TOKEN")
    answers, _ = _talk(environment, _call("whoami"), arguments=arguments)
    assert answers[0]["result"]["isError"] is False


def test_slack_refusals_in_a_200_are_tool_errors_too(stub: Stub) -> None:
    environment = {**_environment(stub, None), "SLACK_TOKEN": SECRET}
    for word, words in (("token_revoked", "expired or was revoked"), ("missing_scope", "scope")):
        stub.answers["/api/auth.test"] = (200, {"ok": False, "error": word})
        answers, _ = _talk(environment, _call("whoami"), arguments=("--kind", "slack"))
        assert answers[0]["result"]["isError"] is True
        assert words in answers[0]["result"]["content"][0]["text"]


def _agent(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo.agent", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        timeout=60,
    )


def test_the_agent_prints_what_its_server_found(stub: Stub) -> None:
    done = _agent(_environment(stub, None), "--", "env", f"GITHUB_TOKEN={SECRET}", *SERVER)
    assert done.returncode == 0, done.stderr
    assert "provider tokens in my own environment: none" in done.stdout
    assert "octo-dev/skills" in done.stdout
    assert SECRET not in done.stdout + done.stderr


def test_the_agents_exit_code_tells_of_a_failed_call(stub: Stub) -> None:
    failed = _agent(_environment(stub, "wrong"), "--tool", "whoami", "--", *SERVER)
    assert failed.returncode == 1 and "whoami failed" in failed.stdout
    unknown = _agent(_environment(stub), "--tool", "nope", "--", *SERVER)
    assert unknown.returncode == 1 and "-32602" in unknown.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--", sys.executable, "-c", "raise SystemExit(3)"], 1, "ended with code 3"),
        (["--", "no-such-program-anywhere"], 1, "cannot be started"),
        (["--", sys.executable, "-c", "print('hello')"], 1, "not JSON"),
        (["--timeout", "0.3", "--", "cat"], 1, "did not answer|without a result"),
        ([], 2, "write -- and then the command"),
        (["--arguments", "{", "--", "cat"], 2, "must be JSON"),
    ],
)
def test_the_agent_is_honest_about_a_server_that_fails(
    stub: Stub, arguments: list[str], code: int, words: str
) -> None:
    done = _agent(_environment(stub), *arguments)
    assert done.returncode == code
    assert any(word in done.stderr for word in words.split("|"))


def test_the_agent_reads_what_a_server_said_before_it_ended() -> None:
    said_and_gone = [sys.executable, "-c", "print('hello')"]
    with agent.Session(said_and_gone, 10.0) as session:
        session._process.wait(60)  # so that the request meets a closed pipe
        with pytest.raises(agent.AgentError, match="not JSON"):
            session.request("initialize", {})
    with agent.Session([sys.executable, "-c", "raise SystemExit(3)"], 10.0) as session:
        session._process.wait(60)
        with pytest.raises(agent.AgentError, match="ended with code 3"):
            session.request("initialize", {})
        with pytest.raises(agent.AgentError, match="ended with code 3"):
            session.notify("notifications/initialized")


@contextmanager
def _http_server(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Iterator[McpHttpServer]:
    monkeypatch.setenv("GITHUB_API_URL", stub.url)
    server = McpHttpServer(KINDS["github"], 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_over_http_the_token_of_each_request_is_the_one_used(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _http_server(stub, monkeypatch) as server:

        def post(headers: dict[str, str], message: object, path: str = "/mcp") -> tuple[int, Any]:
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
            with closing(connection):
                connection.request("POST", path, json.dumps(message), headers)
                answer = connection.getresponse()
                body = answer.read()
                return answer.status, json.loads(body) if body else None

        good = {"Authorization": f"Bearer {SECRET}"}
        status, answer = post(good, _call("whoami"))
        assert (status, answer["result"]["isError"]) == (200, False)
        status, answer = post({"Authorization": "Bearer other"}, _call("whoami"))
        assert (status, answer["result"]["isError"]) == (200, True)
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert post(good, note) == (202, None)
        assert post({}, _call("whoami"))[0] == 401
        assert post({**good, "Origin": "https://evil.example"}, _call("whoami"))[0] == 403
        assert post(good, _call("whoami"), "/elsewhere")[0] == 404


def test_each_manifest_names_a_server_that_exists_and_the_variable_it_reads() -> None:
    servers = {kind.server: kind for kind in KINDS.values()}
    files = sorted((ROOT / "demo" / "manifests").glob("*.json"))
    assert [file.stem for file in files] == ["calendar-sync", "github-mcp", "standup-bot"]
    for file in files:
        manifest = json.loads(file.read_text())
        assert set(manifest) == {"kind", "name", "connections", "env"}
        (need,) = manifest["connections"]
        assert manifest["kind"] == "mcp" and manifest["name"] == file.stem and need["scopes"]
        assert manifest["env"] == {need["connection"]: servers[file.stem].variable}

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, Request, StandIn, start

TOKEN = "gho_provider-token-of-the-operator"


@pytest.fixture
def upstream() -> Iterator[StandIn]:
    server_side = StandIn()
    server = start(server_side)
    yield server_side
    server.shutdown()
    server.server_close()


@pytest.fixture
def broker(portal: StandIn, upstream: StandIn) -> StandIn:
    manifest = {
        "kind": "mcp",
        "name": "issues",
        "connections": [{"connection": "github", "scopes": ["repo"]}],
        "env": {},
        "decision": "allow",
        "url": upstream.url + "/mcp",
    }
    portal.on("GET", "/v1/manifests/mcp/issues", Reply(200, manifest))
    portal.on("GET", "/v1/auth/token", Reply(200, {"access_token": TOKEN, "expires_in": 60}))
    return portal


@pytest.fixture
def address(signed_in: Ata, broker: StandIn) -> Iterator[str]:
    process = signed_in.start("mcp", "proxy", "issues", "--json")
    assert process.stdout
    yield json.loads(process.stdout.readline())["url"]
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.communicate()


def call(address: str, method: str = "tools/call", **headers: str) -> httpx.Response:
    message = {"jsonrpc": "2.0", "id": 1, "method": method}
    return httpx.post(address, json=message, headers=headers, trust_env=False)


def answer(**result: Any) -> Callable[[Request], Reply]:
    return lambda _: Reply(200, {"jsonrpc": "2.0", "id": 1, "result": result})


def test_the_credential_is_added_on_the_way(address: str, upstream: StandIn) -> None:
    upstream.on("POST", "/mcp", answer(said=TOKEN))
    response = call(address, Authorization="Bearer agents-own", Cookie="a=b")
    assert response.json()["result"] == {"said": "«redacted»"}
    (request,) = upstream.seen("POST", "/mcp")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert "cookie" not in request.headers
    assert TOKEN not in response.text


@pytest.mark.parametrize("spelled", [TOKEN, f"Bearer {TOKEN}", b64encode(TOKEN.encode()).decode()])
@pytest.mark.parametrize("name", ["Mcp-Session-Id", "Cache-Control", "Allow"])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_answer_with_the_credential_in_a_header_is_refused(
    address: str, upstream: StandIn, spelled: str, name: str, kind: str
) -> None:
    reply = Reply(200, raw=b"{}", content_type=kind, headers=((name, spelled),))
    upstream.on("POST", "/mcp", reply)
    response = call(address)
    assert spelled not in str(response.headers)
    assert response.json()["error"]["data"]["code"] == "credential_in_header"


def test_the_session_of_a_server_is_passed_on(address: str, upstream: StandIn) -> None:
    headers = (("Mcp-Session-Id", "5f0c"),)
    upstream.on("POST", "/mcp", Reply(200, {"jsonrpc": "2.0", "id": 1}, headers=headers))
    assert call(address).headers["mcp-session-id"] == "5f0c"


def test_a_proxy_whose_manifest_names_another_address_sends_nothing_there_and_ends(
    signed_in: Ata, broker: StandIn, upstream: StandIn, streaming: str
) -> None:
    manifest = {"kind": "mcp", "name": "issues", "connections": [], "url": upstream.url + "/mcp"}
    broker.on("GET", "/v1/manifests/mcp/issues", Reply(200, manifest))
    process = signed_in.start("mcp", "proxy", "issues", "--json")
    assert process.stdout and process.stderr
    address = json.loads(process.stdout.readline())["url"]
    upstream.on("POST", "/mcp", answer(said="yes"))
    assert call(address).json()["result"] == {"said": "yes"}
    broker.on("GET", "/v1/manifests/mcp/issues", Reply(200, manifest | {"url": streaming}))
    assert call(address).json()["error"]["data"]["code"] == "manifest_changed"
    assert process.wait(20) == 1
    said, errors = process.communicate(timeout=20)
    assert "changed while it ran" in f"{said!r}{errors!r}"


def test_a_stream_of_events_is_cleaned_line_by_line(address: str, upstream: StandIn) -> None:
    events = f'event: message\ndata: {{"said": "{TOKEN}"}}\n\n'.encode()
    upstream.on("POST", "/mcp", Reply(200, raw=events, content_type="text/event-stream"))
    response = call(address)
    assert response.headers["content-type"] == "text/event-stream"
    assert response.text == 'event: message\ndata: {"said": "«redacted»"}\n\n'


@pytest.mark.parametrize("line_end", ["\n", " "], ids=["lines", "one line without end"])
def test_a_stream_ends_soon_after_the_broker_says_no(
    signed_in: Ata, broker: StandIn, streaming: str, line_end: str
) -> None:
    streaming += "" if line_end == "\n" else "?endless"
    manifest = {"kind": "mcp", "name": "issues", "connections": [], "url": streaming}
    broker.on("GET", "/v1/manifests/mcp/issues", Reply(200, manifest))
    process = signed_in.start("mcp", "proxy", "issues", "--json")
    assert process.stdout
    address = json.loads(process.stdout.readline())["url"]
    with httpx.stream("GET", address, timeout=60, trust_env=False) as events:
        lines = events.iter_lines()
        if line_end == "\n":
            assert next(lines) == "data: 0"
        broker.on("GET", "/v1/manifests/mcp/issues", Reply(200, manifest | {"decision": "block"}))
        assert "data: 300" not in "".join(lines), "it went on to its end"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)


def test_an_answer_is_dropped_that_the_broker_refuses_while_it_still_arrives(
    signed_in: Ata, broker: StandIn, streaming: str
) -> None:
    manifest = {"kind": "mcp", "name": "issues", "connections": [], "url": streaming + "?whole"}
    broker.on("GET", "/v1/manifests/mcp/issues", Reply(200, manifest))
    process = signed_in.start("mcp", "proxy", "issues", "--json")
    assert process.stdout
    address = json.loads(process.stdout.readline())["url"]
    blocked = Reply(200, manifest | {"decision": "block"})
    later = threading.Timer(2, broker.on, ("GET", "/v1/manifests/mcp/issues", blocked))
    later.start()
    response = httpx.get(address, timeout=30, trust_env=False)
    assert (response.status_code, response.json()["error"]["code"]) == (502, "mcp_blocked")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)


def test_a_stream_ends_whose_line_is_longer_than_an_answer_may_be(
    address: str, upstream: StandIn
) -> None:
    events = b"data: 1\ndata: " + b"x" * 9_000_000 + b"\ndata: 3\n"
    upstream.on("POST", "/mcp", Reply(200, raw=events, content_type="text/event-stream"))
    assert call(address).content == b"data: 1\n"


def test_people_are_asked_for_approval_only_for_what_the_agent_calls(
    signed_in: Ata, broker: StandIn, streaming: str
) -> None:
    needs = [{"connection": "github", "scopes": ["repo"]}]
    manifest = {"kind": "mcp", "name": "issues", "connections": needs, "url": streaming}
    broker.on("GET", "/v1/manifests/mcp/issues", Reply(200, manifest))
    process = signed_in.start("mcp", "proxy", "issues", "--json")
    assert process.stdout
    address = json.loads(process.stdout.readline())["url"]
    call(address, "ping")
    call(address, "tools/call")
    httpx.post(address, content=b"no JSON", trust_env=False)

    def prompts() -> list[bool]:
        return ["prompt" not in one.query for one in broker.seen("GET", "/v1/auth/token")]

    assert prompts() == [True, False, True, True]
    with httpx.stream("GET", address, timeout=60, trust_env=False) as events:
        lines = events.iter_lines()
        while next(lines) and len(prompts()) < 6:
            pass
    assert prompts()[4:] == [False, False], "the stream, and its renewal"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)


@pytest.fixture
def streaming() -> Iterator[str]:
    """A server whose answer is a minute of events."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            of_what = urlsplit(self.path).query
            kind = "text/plain" if of_what == "whole" else "text/event-stream"
            self.send_header("Content-Type", kind)
            self.end_headers()
            with suppress(OSError):
                for number in range(301):
                    line = f"data: {number}{' ' if of_what == 'endless' else chr(10)}"
                    self.wfile.write(line.encode())
                    time.sleep(0.2)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/mcp"
    server.shutdown()


def test_a_refused_invocation_never_reaches_the_server(
    address: str, broker: StandIn, upstream: StandIn
) -> None:
    broker.on("GET", "/v1/auth/token", Reply(403, {"code": "connection_suspended"}))
    error = call(address).json()["error"]
    assert error["data"]["code"] == "connection_suspended"
    assert upstream.requests == []


def test_a_server_that_refuses_the_credential_is_no_sign_in_prompt(
    address: str, upstream: StandIn
) -> None:
    upstream.on("POST", "/mcp", Reply(401))
    response = call(address)
    assert response.status_code == 200
    assert response.json()["error"]["data"]["code"] == "credential_refused"


def test_a_stranger_on_this_machine_is_refused(address: str, upstream: StandIn) -> None:
    base = httpx.URL(address)
    assert call(str(base.copy_with(path="/guess/mcp"))).status_code == 403
    assert call(address, Host="evil.example").status_code == 403
    assert call(address, Origin="https://evil.example").status_code == 403
    assert upstream.requests == []


@pytest.mark.parametrize("length", ["\xb2", "9" * 5_000, "-1", "99999999"])
def test_a_length_that_is_none_is_refused_in_words(address: str, length: str) -> None:
    url = urlsplit(address)
    head = f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {length}\r\n\r\n"
    with socket.create_connection((url.hostname or "", url.port or 0), 30) as line:
        line.sendall(head.encode("latin-1"))
        said = b"".join(iter(lambda: line.recv(1_000), b""))
    assert said.startswith(b"HTTP/1.1 413 ")


def test_a_body_that_is_not_taken_in_is_refused_while_it_still_arrives(
    address: str, broker: StandIn, upstream: StandIn
) -> None:
    message = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"a":"%s"}}'
    long = httpx.post(address, content=message % (b"x" * 40_000_000), trust_env=False, timeout=30)
    assert (long.status_code, "8,388,608 bytes" in long.text) == (413, True)
    parts = httpx.post(address, content=iter([message % b"x"]), trust_env=False, timeout=30)
    assert (parts.status_code, "Content-Length" in parts.text) == (411, True)
    assert upstream.requests == []
    assert len(broker.seen("GET", "/v1/auth/token")) == 1, "at its start"


def test_a_server_without_an_address_cannot_be_proxied(signed_in: Ata, portal: StandIn) -> None:
    manifest = {"kind": "mcp", "name": "issues", "connections": [], "decision": "none"}
    portal.on("GET", "/v1/manifests/mcp/issues", Reply(200, manifest))
    done: subprocess.CompletedProcess[str] = signed_in("mcp", "proxy", "issues", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "bad_manifest"

"""What the one HTTP client does on a real socket: limits, retries, no redirects, no leaks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

import http_client
from http_client import (
    AddressRefused,
    BadAnswer,
    Guard,
    HostUnreachable,
    HttpClient,
    RequestTimedOut,
    Retries,
    Timeouts,
    bind_request_id,
)

Script = Callable[[BaseHTTPRequestHandler, int], None]


class Server:
    """A loopback server that answers its nth request by script and remembers what it saw."""

    def __init__(self) -> None:
        self.script: Script = lambda handler, _n: reply(handler, 200, b"{}")
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # headers and body leave in two parts (RFC 896)
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.seen.append((self.command, self.path, headers, body))
                outer.script(self, len(outer.seen))

            do_GET = do_POST = do_DELETE = handle_one

            def log_message(self, *args: object) -> None:
                return None

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str | int) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


@pytest.fixture
def client() -> Iterator[HttpClient]:
    quick = Retries(attempts=3, first_wait=0.01, longest_wait=0.02, retry_after_cap=1.0)
    with HttpClient(guard=Guard.embedded(), retries=quick, max_bytes=1000) as made:
        yield made


def test_a_get_is_tried_again_until_the_other_side_recovers(
    server: Server, client: HttpClient
) -> None:
    server.script = lambda h, n: reply(h, 503 if n < 3 else 200, b'{"n":1}')
    assert client.get(server.url, operation="t.get").fields().integer("n") == 1
    assert len(server.seen) == 3


def test_the_last_bad_status_is_returned_when_tries_run_out(
    server: Server, client: HttpClient
) -> None:
    server.script = lambda h, n: reply(h, 503, b"{}")
    assert client.delete(server.url, operation="t.delete").status == 503
    assert len(server.seen) == 3


def test_a_post_is_sent_once_however_it_is_answered(server: Server, client: HttpClient) -> None:
    server.script = lambda h, n: reply(h, 503, b"{}", Retry_After=0)
    assert client.post_form(server.url, {"a": "1"}, operation="t.post").status == 503
    assert len(server.seen) == 1


def test_a_post_whose_answer_is_cut_off_may_have_been_delivered(
    server: Server, client: HttpClient
) -> None:
    def cut(handler: BaseHTTPRequestHandler, _n: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "50")
        handler.end_headers()
        handler.wfile.write(b"{")
        handler.close_connection = True

    server.script = cut
    with pytest.raises(HostUnreachable) as caught:
        client.post_json(server.url, {"a": 1}, operation="t.post")
    assert caught.value.maybe_delivered
    assert len(server.seen) == 1


def test_a_refused_connection_was_certainly_not_delivered(client: HttpClient) -> None:
    with pytest.raises(HostUnreachable) as caught:
        client.post_json("http://127.0.0.1:1/", {}, operation="t.post")
    assert not caught.value.maybe_delivered


def test_a_failed_connect_is_retried_even_for_a_post() -> None:
    calls: list[str] = []

    def flaky(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        if len(calls) < 3:
            raise httpx.ConnectError("refused")
        return httpx.Response(200, json={})

    client = HttpClient(
        guard=Guard(), retries=Retries(first_wait=0.001), transport=httpx.MockTransport(flaky)
    )
    assert client.post_json("https://api.example/", {}, operation="t.post").ok
    assert calls == ["POST"] * 3


def test_retry_after_is_waited_out_up_to_the_cap(server: Server, client: HttpClient) -> None:
    server.script = lambda h, n: reply(h, 429 if n == 1 else 200, b"{}", Retry_After=1)
    started = time.monotonic()
    assert client.get(server.url, operation="t.get").ok
    assert 0.9 < time.monotonic() - started < 15


def test_a_longer_retry_after_is_handed_to_the_caller(server: Server, client: HttpClient) -> None:
    server.script = lambda h, n: reply(h, 429, b"{}", Retry_After=60)
    answer = client.get(server.url, operation="t.get")
    assert (answer.status, answer.retry_after(), len(server.seen)) == (429, 60.0, 1)


def test_a_redirect_is_returned_and_never_followed(server: Server, client: HttpClient) -> None:
    server.script = lambda h, n: reply(h, 302, b"", Location=f"{server.url}/elsewhere")
    assert client.get(server.url, operation="t.get").status == 302
    assert len(server.seen) == 1


def test_an_answer_over_the_limit_is_refused(server: Server, client: HttpClient) -> None:
    server.script = lambda h, n: reply(h, 200, b"x" * 1001)
    with pytest.raises(BadAnswer, match="larger than 1000 bytes"):
        client.get(server.url, operation="t.get")


def test_an_answer_that_drips_is_cut_off_at_the_deadline(server: Server) -> None:
    def drip(handler: BaseHTTPRequestHandler, _n: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "500")
        handler.end_headers()
        try:
            for _ in range(100):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return

    server.script = drip
    limits = Timeouts(read=1.0, total=0.3)
    with (
        HttpClient(guard=Guard.embedded(), timeouts=limits) as client,
        pytest.raises(RequestTimedOut) as caught,
    ):
        client.request("POST", server.url, operation="t.drip")
    assert caught.value.maybe_delivered


def test_headers_that_drip_are_cut_off_at_the_deadline(server: Server) -> None:
    def drip(handler: BaseHTTPRequestHandler, _n: int) -> None:
        try:
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"." * 600:
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
                time.sleep(0.05)
        except OSError:
            return

    server.script = drip
    limits = Timeouts(read=1.0, total=0.3)
    began = time.monotonic()
    with (
        HttpClient(guard=Guard.embedded(), timeouts=limits) as client,
        pytest.raises(RequestTimedOut) as caught,
    ):
        client.request("POST", server.url, operation="t.drip")
    assert caught.value.maybe_delivered
    assert time.monotonic() - began < 10  # of the 30 that the whole would take


def test_nobody_is_asked_to_wait_for_years(server: Server, client: HttpClient) -> None:
    server.script = lambda h, n: reply(h, 429, b"{}", Retry_After="999999999")
    assert client.request("POST", server.url, operation="t.post").retry_after() == 86_400


def test_cookies_are_not_carried_from_one_call_to_the_next(
    server: Server, client: HttpClient
) -> None:
    server.script = lambda h, n: reply(h, 200, b"{}", Set_Cookie="sid=secret; Path=/")
    client.get(server.url, operation="t.get")
    client.get(server.url, operation="t.get")
    assert "cookie" not in server.seen[1][2]


def test_proxy_variables_in_the_environment_are_ignored(
    server: Server, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert client.get(server.url, operation="t.get").ok


def test_the_request_id_of_the_work_in_hand_travels_along(
    server: Server, client: HttpClient
) -> None:
    with bind_request_id("req-1"):
        client.get(server.url, operation="t.get")
    with bind_request_id("bad\r\nX-Evil: 1"):
        client.get(server.url, operation="t.get")
    assert server.seen[0][2]["x-request-id"] == "req-1"
    assert "x-request-id" not in server.seen[1][2]


def test_neither_logs_nor_errors_carry_the_secret(
    server: Server, client: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3cr3t-value-0001"
    headers = {"Authorization": f"Bearer {secret}"}
    client.get(f"{server.url}/?code={secret}", operation="t.get", headers=headers)
    with pytest.raises(HostUnreachable) as caught:
        client.post_form("http://127.0.0.1:1/", {"client_secret": secret}, operation="t.post")
    with pytest.raises(ValueError, match="Authorization") as refused:
        client.get(server.url, operation="t", headers={"Authorization": f"Bearer {secret}\n"})
    assert secret not in caplog.text
    assert secret not in repr(caught.value) + str(refused.value)
    assert caught.value.__suppress_context__
    assert "outbound.call operation=t.get" in caplog.text


def test_a_name_that_resolves_to_loopback_is_refused_at_the_socket(server: Server) -> None:
    port = server.http.server_port
    public_only = HttpClient(guard=Guard(plain_http=True))
    with pytest.raises(AddressRefused, match="loopback"):
        public_only.get(f"http://127.0.0.1:{port}/", operation="t.get")
    assert server.seen == []


def test_the_address_is_checked_when_the_connection_is_opened(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name outside our control that points at this machine: only the socket layer can know.
    port = server.http.server_port
    monkeypatch.setattr(
        "http_client.guarded_tcp_connection.socket.getaddrinfo",
        lambda host, p, *_a, **_k: [(2, 1, 6, "", ("127.0.0.1", p))],
    )
    with pytest.raises(AddressRefused, match="loopback"):
        HttpClient(guard=Guard(plain_http=True)).get(
            f"http://rebind.example:{port}/", operation="t.get"
        )
    assert server.seen == []
    admitted = HttpClient(guard=Guard(plain_http=True, loopback=True))
    assert admitted.get(f"http://rebind.example:{port}/", operation="t.get").ok


def test_one_client_serves_many_threads(server: Server, client: HttpClient) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(client.get(server.url, operation="t").status)
        )
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 12


def test_the_public_names_are_what_the_package_says() -> None:
    assert all(hasattr(http_client, name) for name in http_client.__all__)

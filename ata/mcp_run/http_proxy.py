"""`ata mcp proxy`: a local address for an HTTP MCP server, with the credential added on the way.

The address holds a random path, so that only a client that the operator gave it can use it; pages
in a browser are refused by their Origin and Host (DNS rebinding, MCP transports: security).
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ata.errors import AtaError, usage_error
from ata.mcp_run import messages
from ata.mcp_run.bounded_line_reader import MAX_LINE, Reader, answer_too_long
from ata.mcp_run.credentials import ASK_AGAIN_S, CHANGED, Broker
from ata.mcp_run.http_agent_disconnect import HangingUp
from ata.mcp_run.redaction import Redactor
from ata.portal.http_connection import (
    CONNECT_TIMEOUT_S,
    answering,
    check_url,
    is_loopback,
    open_client,
)

if TYPE_CHECKING:
    import httpx

MAX_BODY = MAX_LINE
"""Longest request or non-streamed answer that is passed on, in bytes."""
_TO_SERVER = (
    "accept", "content-type", "last-event-id", "mcp-session-id", "mcp-protocol-version",
    "mcp-method", "mcp-name",
)  # fmt: skip
_ARGUMENT = "mcp-param-"
"""How headers begin that repeat an argument (MCP 2026-07-28, Streamable HTTP)."""
_TO_AGENT = ("content-type", "cache-control", "mcp-session-id", "mcp-protocol-version", "allow")
_EVENT_STREAM = "text/event-stream"


class Proxy:
    """One HTTP server's local address; `serve` runs until it is interrupted."""

    def __init__(self, broker: Broker, port: int) -> None:
        self._broker = broker
        self._redactor = Redactor()
        self._path = f"/{secrets.token_urlsafe(16)}/mcp"
        self._token(prompt=True)
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        except OSError as error:
            raise usage_error(
                f"Port {port} cannot be used: {error.strerror}.", "Name another with --port."
            ) from error
        self._server.daemon_threads = True
        self._ended: AtaError | None = None

    @property
    def url(self) -> str:
        """The address for the agent to connect to."""
        return f"http://127.0.0.1:{self._server.server_port}{self._path}"

    def serve(self) -> None:
        """Pass requests on until interrupted.

        Raises:
            AtaError: `manifest_changed`; nothing is passed on after that.
        """
        try:
            self._server.serve_forever()
        finally:
            self._server.server_close()
        if self._ended:
            raise self._ended

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # headers and body leave in two parts (RFC 896)
            protocol_version = "HTTP/1.1"
            timeout = 300

            def _pass_on(self) -> None:
                with suppress(ConnectionError):  # it hung up, and nobody is there to be told
                    proxy._handle(self)

            do_GET = do_POST = do_DELETE = _pass_on

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing: a log line would hold the address."""

        return Handler

    def _token(self, *, prompt: bool) -> tuple[str, str]:
        """Ask the broker now: the server's address and its token ("" when it needs none).

        `prompt`: whether people may be asked for approval.

        Raises:
            AtaError: the broker's code, or `bad_manifest` when there is no address or more than
                one connection.
        """
        manifest = self._broker.manifest()
        if not manifest.url or len(manifest.needs) > 1:
            lack = "it has no url" if not manifest.url else "it names more than one connection"
            raise AtaError(
                f"The MCP server {manifest.name} cannot be proxied: {lack}.",
                code="bad_manifest",
                fix="Correct it with `ata manifest declare FILE`, or use `ata mcp run` for a "
                "server that talks over stdio.",
            )
        check_url(manifest.url, "The MCP server")
        values = list(self._broker.tokens(manifest, prompt=prompt).environment.values())
        self._redactor.learn(values)
        return manifest.url, values[0] if values else ""

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        if not self._is_for_us(request):
            _respond(request, 403, {"error": "This address is not for you."})
            return
        if "Transfer-Encoding" in request.headers:
            request.close_connection = True  # what follows is no request
            _respond(request, 411, {"error": "Send a request with its Content-Length."})
            return
        body = _read_body(request)
        if body is None:
            _respond(request, 413, {"error": f"A request has at most {MAX_BODY:,} bytes."})
            return
        try:
            prompt = request.command == "POST" and messages.may_use_credential(body)
            url, token = self._token(prompt=prompt)
            self._forward(request, body, url, token)
        except AtaError as error:
            _refuse(request, body, error)
            self._end_if_changed(error)

    def _end_if_changed(self, error: AtaError) -> None:
        if error.code == CHANGED:
            self._ended = error
            self._server.shutdown()

    def _is_for_us(self, request: BaseHTTPRequestHandler) -> bool:
        host = f"127.0.0.1:{self._server.server_port}"
        origin = request.headers.get("Origin")
        return (
            request.headers.get("Host") == host
            and (origin is None or is_loopback(origin))
            and secrets.compare_digest(urlsplit(request.path).path.encode(), self._path.encode())
        )

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes, url: str, token: str) -> None:
        sent = request.headers.items()
        arguments = tuple(name.lower() for name, _ in sent if name.lower().startswith(_ARGUMENT))
        headers = _pick(sent, _TO_SERVER + arguments)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        fix = "Check that the MCP server runs."
        with (
            open_client(url) as client,
            answering("The MCP server", url, fix),
            HangingUp(request.connection) as agent,
        ):
            # A stream of events may stay silent for long.
            client.timeout = _patient()
            with client.stream(
                request.command, url, headers=headers, content=body,
                extensions={"trace": agent.trace},
            ) as answer:  # fmt: skip
                if answer.status_code in {401, 403} or answer.is_redirect:
                    raise _not_accepted(answer.status_code)
                self._answer(request, answer)

    def _answer(self, request: BaseHTTPRequestHandler, answer: httpx.Response) -> None:
        headers = _pick(answer.headers.items(), _TO_AGENT)
        if self._redactor.finds(headers.values()):
            raise AtaError(
                "The MCP server answered with a credential in a header.",
                code="credential_in_header",
                fix="Do not allow this server: it hands what it is given to the agent.",
            )
        if answer.headers.get("content-type", "").startswith(_EVENT_STREAM):
            _start(request, answer.status_code, {**headers, "Connection": "close"})
            request.close_connection = True
            with self._ending_early():
                for line in _lines(self._while_allowed(answer.iter_bytes())):
                    request.wfile.write(self._redactor.clean(line))
                    request.wfile.flush()
            return
        body = self._redactor.clean(_whole(self._while_allowed(answer.iter_bytes())))
        _start(request, answer.status_code, {**headers, "Content-Length": str(len(body))})
        request.wfile.write(body)

    @contextmanager
    def _ending_early(self) -> Iterator[None]:
        """End a stream where it breaks off or is refused; nothing can be put behind it."""
        import httpx

        with suppress(httpx.HTTPError, ConnectionError):
            try:
                yield
            except AtaError as error:
                self._end_if_changed(error)

    def _while_allowed(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """What arrives of an answer until the broker says no; its beginning was asked for.

        Raises:
            AtaError: what the broker said.
        """
        asked = time.monotonic()
        for piece in pieces:
            if time.monotonic() - asked > ASK_AGAIN_S:
                self._token(prompt=False)
                asked = time.monotonic()
            yield piece


def _patient() -> httpx.Timeout:
    import httpx

    return httpx.Timeout(None, connect=CONNECT_TIMEOUT_S)


def _pick(headers: Iterable[tuple[str, str]], wanted: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() in wanted}


def _read_body(request: BaseHTTPRequestHandler) -> bytes | None:
    length = request.headers.get("Content-Length", "0")
    digits = length.isascii() and length.isdigit() and len(length) < 10
    if not digits or int(length) > MAX_BODY:
        request.close_connection = True
        return None
    return request.rfile.read(int(length))


def _whole(pieces: Iterable[bytes]) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MAX_BODY:
            raise AtaError(
                f"The MCP server answered more than {MAX_BODY:,} bytes.",
                code="answer_too_long",
                fix="Ask for less.",
            )
    return bytes(body)


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their line feeds.

    Raises:
        AtaError: `answer_too_long`, as soon as a line is.
    """
    reader = Reader()
    for piece in pieces:
        for line in reader.add(piece):
            if line.outline:
                raise answer_too_long()
            yield line.raw
        if reader.is_too_long:
            raise answer_too_long()
    yield from (line.raw for line in reader.end())


def _refuse(request: BaseHTTPRequestHandler, body: bytes, error: AtaError) -> None:
    answers = [messages.refusal(one, error) for one in messages.requests_in(body)]
    if not answers:
        _respond(request, 502, error.as_dict())
    elif body.lstrip().startswith(b"["):
        _respond(request, 200, [json.loads(one) for one in answers])
    else:
        _respond(request, 200, json.loads(answers[0]))


def _respond(request: BaseHTTPRequestHandler, status: int, value: object) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    _start(request, status, headers)
    request.wfile.write(body)


def _start(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()


def _not_accepted(status: int) -> AtaError:
    return AtaError(
        f"The MCP server did not accept the credential ({status}).",
        code="credential_refused",
        fix="Connect the account again; `ata connections list` shows yours.",
    )

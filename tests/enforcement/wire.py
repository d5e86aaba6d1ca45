"""A wire with faults between the portal and a real gateway."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Wire:
    """Forwards to `to_port`; what it did wrong is what it was told to do."""

    to_port: int
    port: int = 0
    lose_answers_of: set[str] = field(default_factory=set)  # "POST /enforce/block"
    answer_instead: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """A wire that listens for the length of the block."""
    wire = Wire(port)

    class Handler(BaseHTTPRequestHandler):
        disable_nagle_algorithm = True  # headers and body leave in two parts (RFC 896)

        def _forward(self) -> None:
            call = f"{self.command} {self.path}"
            wire.calls.append(call)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if call in wire.answer_instead:
                status, headers, said = wire.answer_instead[call]
            else:
                with closing(http.client.HTTPConnection("127.0.0.1", wire.to_port)) as onward:
                    sent = {k: v for k, v in self.headers.items() if k.lower() != "host"}
                    onward.request(self.command, self.path, body, sent)
                    answer = onward.getresponse()
                    status, headers, said = answer.status, {}, answer.read()
            if call in wire.lose_answers_of:
                wire.lose_answers_of.remove(call)
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_DELETE = _forward

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    wire.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield wire
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

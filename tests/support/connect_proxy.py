"""A CONNECT proxy on loopback that connects every place it is asked for to one port here."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


@dataclass(slots=True)
class Proxy:
    """What it was asked for: each request line and the headers, as text."""

    port: int
    target: int
    refuses: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """As `HTTPS_PROXY` has it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def places(self) -> list[str]:
        """The places it was asked for."""
        return [head.split()[1] for head in self.asked]

    def serve(self, line: socket.socket) -> None:
        """Read one head, then pass bytes both ways."""
        with line:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = line.recv(4096)
                if not piece:
                    return
                head += piece
            self.asked.append(head.decode())
            if self.refuses:
                line.sendall(_REFUSED)
                return
            with socket.create_connection(("127.0.0.1", self.target)) as far:
                line.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_copy, args=(far, line), daemon=True)
                back.start()
                _copy(line, far)
                back.join(10)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def connect_proxy(target: int, *, refuses: bool = False) -> Iterator[Proxy]:
    """A running proxy whose every tunnel ends at port `target` of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = Proxy(listening.getsockname()[1], target, refuses)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    line, _ = listening.accept()
                    threading.Thread(target=proxy.serve, args=(line,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield proxy
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)

"""A websocket that answers as OpenClaw does to the gateway of 0.2.0: hello, and ok to each request.

Only what RFC 6455 needs for one client: the handshake, masked text frames in, plain frames out.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socketserver
import struct
import threading
from typing import Any, Final, cast

_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        key = b""
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"sec-websocket-key":
                key = value.strip()
        accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())
        self.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        challenge = {"nonce": "nonce-of-a-test", "ts": 0}
        self._send({"type": "event", "event": "connect.challenge", "payload": challenge})
        while (frame := self._receive()) is not None:
            self._send(_answer(frame))

    def _receive(self) -> dict[str, Any] | None:
        """Return the next request; None when the client is gone."""
        while len(head := self.rfile.read(2)) == 2:
            size = head[1] & 0x7F
            if size == 126:
                size = struct.unpack("!H", self.rfile.read(2))[0]
            elif size == 127:
                size = struct.unpack("!Q", self.rfile.read(8))[0]
            mask = self.rfile.read(4)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(size)))
            kind = head[0] & 0x0F
            if kind == _CLOSE:
                return None
            if kind == _PING:
                self._write(_PONG, data)
            if kind == _TEXT:
                return cast(dict[str, Any], json.loads(data))
        return None

    def _send(self, frame: dict[str, Any]) -> None:
        self._write(_TEXT, json.dumps(frame).encode())

    def _write(self, kind: int, data: bytes) -> None:
        size = len(data)
        length = bytes([size]) if size < 126 else b"\x7e" + struct.pack("!H", size)
        self.wfile.write(bytes([0x80 | kind]) + length + data)


def _answer(frame: dict[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = {"ok": True}
    if frame.get("method") == "connect":
        payload = {
            "type": "hello-ok",
            "protocol": 3,
            "features": {"methods": [], "events": []},
            "auth": {"deviceToken": "of-a-test", "role": "operator", "scopes": []},
        }
    return {"type": "res", "id": frame.get("id"), "ok": True, "payload": payload}


class OpenClawSocket(socketserver.ThreadingTCPServer):
    """Listens on a loopback port until it is closed."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()

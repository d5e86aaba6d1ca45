"""A receiver of reports on loopback: it verifies proof, signature and chain, and keeps each."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

type Answer = tuple[int, dict[str, Any]]
type Complete = Callable[[dict[str, Any], int], dict[str, Any]]
"""What a portal adds to a command for an outpost that accepted the log up to a size."""


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def written(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass
class Receiver:
    """What arrived; `answers` are given first, then every right report is acknowledged."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    public_key: str = ""
    proofs: set[str] = field(default_factory=set)
    more_pins: dict[str, Any] = field(default_factory=dict)
    commands: list[dict[str, Any]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)  # reports that have one of these
    refuses_outcomes: set[str] = field(default_factory=set)  # of these commands, but in short
    log_sizes: list[int] = field(default_factory=list)  # that requests for commands named
    complete: Complete | None = None
    decision: Callable[[str, int], Answer] | None = None  # of a command, by id and log size
    checkpoint: str = ""  # at enrolment
    hangs_s: float = 0.0  # before each answer about commands but the first

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for report in self.reports for row in report["rows"]]

    @property
    def ranges(self) -> list[dict[str, Any]]:
        return [one for report in self.reports for one in report["ranges"]]

    def hand_out(self, path: str, proof: str) -> Answer:
        """Commands after a number, at once or within the seconds that the outpost waits."""
        address, _, query = path.partition("?")
        self._check_proof(address, proof, b"", "GET")
        if address.endswith("/decision"):
            id_, size = address.split("/")[-2], int(query.removeprefix("log_size="))
            return self.decision(id_, size) if self.decision else (503, {"code": "busy"})
        asked = {
            name: int(value) for name, _, value in (p.partition("=") for p in query.split("&"))
        }
        time.sleep(self.hangs_s if self.asked else 0)
        self.asked.append(asked["after"])
        self.log_sizes.append(asked.get("log_size", -1))
        until = time.monotonic() + asked["wait"]
        while True:
            found = [one for one in self.commands if _number(one) > asked["after"]]
            if found or time.monotonic() >= until:
                last = max(map(_number, found), default=0)
                if self.complete is not None:
                    found = [self.complete(one, self.log_sizes[-1]) for one in found]
                return 200, {"commands": found, "last": last}
            time.sleep(0.05)

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """What was reported of commands, in its order."""
        return [one for report in self.reports for one in report.get("commands", [])]

    def answer(self, path: str, proof: str, body: bytes) -> Answer:
        self.bodies.append(body.decode())
        self._check_proof(path, proof, body)
        said = json.loads(body)
        if path == "/v1/outposts/enrol":
            self.public_key = said["public_key"]
            pins = {"portal": self.url, "origin": "log.test", "vkeys": [], "issuer": "https://i/"}
            pins |= self.more_pins
            digest = hashlib.sha256(unb64(self.public_key)).hexdigest()[:32]
            found = {"outpost": digest, "instance": said["instance"], "pins": pins}
            return 201, found | ({"checkpoint": self.checkpoint} if self.checkpoint else {})
        if self.answers:
            status, answer = self.answers.pop(0)
            if status:
                return status, answer
            self._take(said)  # taken in, and the answer is lost
            return 503, {"code": "busy"}
        if self.refuses & {name for name, value in said["report"].items() if value}:
            return 422, {"code": "invalid_request"}
        if any(self._refuses_outcome(one) for one in said["report"].get("commands", [])):
            return 422, {"code": "invalid_request"}
        return self._take(said)

    def _refuses_outcome(self, outcome: dict[str, Any]) -> bool:
        return outcome["id"] in self.refuses_outcomes and outcome["code"] != "outcome_refused"

    def _check_proof(self, path: str, proof: str, body: bytes, method: str = "POST") -> None:
        header, claims, signature = proof.split(".")
        key = Ed25519PublicKey.from_public_bytes(unb64(json.loads(unb64(header))["jwk"]["x"]))
        key.verify(unb64(signature), f"{header}.{claims}".encode())
        found = json.loads(unb64(claims))
        assert found["htm"] == method and found["htu"] == self.url + path
        assert unb64(found["body"]) == hashlib.sha256(body).digest()
        assert found["jti"] not in self.proofs
        self.proofs.add(found["jti"])

    def _take(self, said: dict[str, Any]) -> Answer:
        report = said["report"]
        signed = b"ata.outpost.report.v1\n" + written(report)
        key = Ed25519PublicKey.from_public_bytes(unb64(self.public_key))
        key.verify(unb64(said["signature"]), signed)
        if report["n"] < len(self.reports):
            assert self.reports[report["n"]] == report, "two continuations of one chain"
            return 200, {"n": report["n"]}
        if report["n"] > len(self.reports):
            return 409, {"code": "report_gap", "next": len(self.reports)}
        last = hashlib.sha256(written(self.reports[-1])).hexdigest() if self.reports else "0" * 64
        assert report["previous"] == last
        self.reports.append(report)
        return 200, {"n": report["n"]}


def _number(envelope: dict[str, Any]) -> int:
    return int(envelope["command"]["n"])


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(lambda: receiver.hand_out(self.path, self.headers["DPoP"]))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(lambda: receiver.answer(self.path, self.headers["DPoP"], body))

        def _send(self, made: Callable[[], Answer]) -> None:
            try:
                status, answer = made()
            except Exception as wrong:
                status, answer = 500, {"code": "receiver", "detail": repr(wrong)}
            sent = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield receiver
    server.shutdown()
    server.server_close()

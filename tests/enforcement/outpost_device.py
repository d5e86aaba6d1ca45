"""A device with an outpost's key; it signs as docs/outpost.md says and shares no code with us."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.http import HttpResponse
from django.test import Client

from approvals import clock
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from enforcement.models import EnrolmentCode, Outpost
from enforcement.outposts import enrolment, sealed_rows
from tests.enforcement.answering import approve

ENROL = "/v1/outposts/enrol"
REPORTS = "/v1/outposts/reports"
COMMANDS = "/v1/outposts/commands"
INSTANCE = "edge-9"


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def written(value: Any) -> bytes:
    """JSON as RFC 8785 writes what these tests send: ASCII keys, no fractions."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def code_of(admin: Actor, instance: str = INSTANCE) -> str:
    """The code of an enrolment that another admin approved."""
    asked = perform(admin, "outpost.enrol", Target("outpost", instance)).approval
    assert asked is not None
    return enrolment.issue(admin, approve(asked).id).code


@dataclass
class Device:
    """One device key, and the chain of reports that it signed."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    instance: str = INSTANCE
    n: int = 0
    previous: str = "0" * 64

    @property
    def public_key(self) -> str:
        return b64(self.key.public_key().public_bytes_raw())

    @property
    def id(self) -> str:
        return hashlib.sha256(self.key.public_key().public_bytes_raw()).hexdigest()[:32]

    def proof(self, path: str, sent: bytes, **other: Any) -> str:
        """A DPoP proof; `header`, `key` and any claim can be others than they should be."""
        key = other.pop("key", self.key)
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": self.public_key}
        header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk} | other.pop("header", {})
        claims = {
            "htm": "POST",
            "htu": settings.ENV.portal_url + path,
            "iat": int(time.time()),
            "jti": secrets.token_urlsafe(16),
            "body": b64(hashlib.sha256(sent).digest()),
        } | other
        signed = f"{b64(written(header))}.{b64(written(claims))}"
        return f"{signed}.{b64(key.sign(signed.encode()))}"

    def post(self, path: str, value: Any, **other: Any) -> HttpResponse:
        """Send JSON with a proof, or with `proof` as it is given."""
        body = written(value)
        proof = other.pop("proof", None)
        if proof is None:
            proof = self.proof(path, body, **other)
        headers = {"DPoP": proof} if proof else {}
        answer: Any = Client().post(path, body, content_type="application/json", headers=headers)
        return answer  # type: ignore[no-any-return]

    def fetch(self, after: int = 0, wait: int = 0, **other: Any) -> HttpResponse:
        """Ask for commands, with a proof or with `proof` as it is given."""
        proof = other.pop("proof", None)
        query = {"after": after, "wait": wait} | other.pop("query", {})
        if proof is None:
            proof = self.proof(COMMANDS, b"", **{"htm": "GET"} | other)
        headers = {"DPoP": proof} if proof else {}
        answer: Any = Client().get(COMMANDS, query, headers=headers)
        return answer  # type: ignore[no-any-return]

    def commands(self, after: int = 0) -> list[dict[str, Any]]:
        """The commands that wait, without their signatures."""
        found = json.loads(self.fetch(after).content)["commands"]
        return [one["command"] for one in found]

    def enrolment(self, code: str, **other: Any) -> dict[str, Any]:
        return {
            "code": code,
            "public_key": self.public_key,
            "instance": self.instance,
            "host": "mias-laptop",
            "user": "mia-on-her-laptop",
            "uid": 501,
            "data_folder": "/srv/mia-on-her-laptop/.defenseclaw",
            "generation": "0.8.4",
            "cli_path": "/usr/local/bin/defenseclaw",
            "cli_sha256": "ab" * 32,
            "version": "1.0.0",
        } | other

    def enrol(self, admin: Actor) -> Device:
        """Enrol with a code that was approved for it."""
        answer = self.post(ENROL, self.enrolment(code_of(admin, self.instance)))
        assert answer.status_code == 201, answer.content
        return self

    def report(self, **said: Any) -> dict[str, Any]:
        """The next report as it is sent; it does not count as sent."""
        report = {
            "schema": "ata.outpost.report.v1",
            "outpost": self.id,
            "n": self.n,
            "previous": self.previous,
            "time": "2026-11-29T12:00:00Z",
            "version": "1.0.0",
            "instance": self.instance,
        } | said
        return {"report": report, "signature": self.signature(report)}

    def signature(self, report: dict[str, Any]) -> str:
        return b64(self.key.sign(b"ata.outpost.report.v1\n" + written(report)))

    def send(self, **said: Any) -> HttpResponse:
        """Sign and send the next report, and go on from it once it is acknowledged."""
        signed = self.report(**said)
        answer = self.post(REPORTS, signed)
        if answer.status_code == 200:
            self.n += 1
            self.previous = hashlib.sha256(written(signed["report"])).hexdigest()
        return answer


def enrolled(device: Device, **columns: Any) -> Outpost:
    """The row and the entry of an enrolment, without the decision that lets it."""
    outpost = Outpost(
        id=device.id,
        public_key=device.public_key,
        instance=device.instance,
        enrolled_at=clock.now(),
        **{"operation": str(uuid7())} | columns,
    )
    outpost.seal = sealed_rows.seal(outpost)
    outpost.save(force_insert=True)
    record(
        Actor(iss="", sub="", via="api"),
        "outpost.key_enrolled",
        target=Target("outpost", device.instance, device.instance),
        operation=outpost.operation,
        data={"outpost": device.id, "command_key": outpost.command_key},
    )
    return outpost


def rewrite(model: type[Outpost | EnrolmentCode], **columns: Any) -> None:
    """Change every row as this portal would, with its seal."""
    for row in model.objects.all():
        sealed_rows.change(row, **columns)


def code(answer: HttpResponse) -> str:
    """Status, code and reason of a refusal, in one text."""
    said = json.loads(answer.content)
    return " ".join(filter(None, [str(answer.status_code), said["code"], said.get("reason", "")]))

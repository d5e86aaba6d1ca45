"""A portal that sends commands: its keys, the log, people's passkeys and tokens, and evidence."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import RSAKey

from audit.ledger import checkpoint, inclusion_proof_file, merkle, note
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import canonical

OLU = {"iss": "https://i/", "sub": "auth0|olu"}
AMIR = {"iss": "https://i/", "sub": "auth0|amir"}
ORIGIN = "log.test"
RP_ID = "portal.test"
WEB = "https://portal.test"
AUDIENCE = "https://approvals.test"
ISSUER_KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
DETAILS = "urn:auth0:schemas:authorization-details:v1:ata-intent"


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class Portal:
    """Composes commands and evidence; a test changes one thing and sees it refused."""

    outpost: str = ""
    instance: str = "edge-9"
    n: int = 1000
    hold_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    log: note.SigningKey = field(default_factory=lambda: note.new_key(ORIGIN))
    passkey: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    leaves: list[bytes] = field(default_factory=list)

    def pins(self) -> dict[str, Any]:
        public = self.passkey.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        key = ISSUER_KEY.as_dict(private=False)
        return {
            "origin": ORIGIN,
            "vkeys": [self.log.vkey],
            "audience": AUDIENCE,
            "hold_key": b64(self.hold_key.public_key().public_bytes_raw()),
            "issuer_keys": {"keys": [{name: key[name] for name in ("kty", "kid", "n", "e")}]},
            "passkeys": [{"id": "cred-1", "public_key": b64(public), **AMIR, "approver": True}],
            "approvers": [AMIR],
            "rp_id": RP_ID,
            "web_origin": WEB,
        }

    def command(self, act: str, kind: str, name: str, **changes: Any) -> dict[str, Any]:
        self.n += 1
        tag = f"{uuid.uuid4()}.1-{self.n:08x}.{'ab' * 16}"
        files = kind in ("skill", "plugin")
        return {
            "schema": "ata.outpost.command.v1",
            "id": str(uuid.uuid4()),
            "outpost": self.outpost,
            "instance": self.instance,
            "n": self.n,
            "issued_at": stamp(datetime.now(UTC)),
            "act": act,
            "kind": kind,
            "name": name,
            "strength": "disable" if files else "block",
            "reason": "reads all of home",
            "tag": tag,
            "tags": {},
            "intent_hash": "",
            "operation": "",
            "approval": "",
        } | changes

    def sign(self, command: dict[str, Any], evidence: Any = None) -> dict[str, Any]:
        signed = b"ata.outpost.command.v1\n" + canonical(command)
        signature = b64(self.hold_key.sign(signed))
        return {"command": command, "signature": signature, "evidence": evidence}

    def restrict(self, act: str, kind: str, name: str, **changes: Any) -> dict[str, Any]:
        return self.sign(self.command(act, kind, name, **changes))

    def intent(self, verb: str, name: str, **changes: Any) -> dict[str, Any]:
        kind = verb.partition(".")[0]
        return {
            "schema": "ata.intent.v1",
            "verb": verb,
            "target": {"kind": kind, "name": name, "instance": self.instance},
            "actor": OLU,
            "nonce": uuid.uuid4().hex,
            "not_after": stamp(datetime.now(UTC) + timedelta(minutes=5)),
        } | changes

    def decide(
        self, act: str, intent: dict[str, Any], human: str = "passkey", **changes: Any
    ) -> dict[str, Any]:
        """A relaxing command with all that proves it; `changes` of the command are signed too."""
        decision = changes.pop("decision", "approved")
        at = changes.pop("at", datetime.now(UTC))
        data = changes.pop("entry", {})
        text = canonical(intent)
        digest = hashlib.sha256(b"ata.intent.v1\n" + text).hexdigest()
        facts = {"operation": str(uuid.uuid4()), "approval": str(uuid.uuid4())}
        kind, name = intent["target"]["kind"], intent["target"]["name"]
        command = self.command(act, kind, name, intent_hash=digest, **facts, **changes)
        fields = {
            "time": stamp(at),
            "recorded_at": stamp(at),
            "action": f"approval.{decision}",
            "outcome": "success" if decision == "approved" else decision,
            "actor": OLU,
            "intent_hash": digest,
            "data": data,
            **facts,
        }
        entry, proof = self.prove(fields)
        answer = "approve" if decision == "approved" else "deny"
        said = {"role": "approver", "decision": answer, "approval_id": facts["approval"]}
        signed = (
            self.assertion(digest, said)
            if human == "passkey"
            else {"kind": "token", "jwt": self.token(digest, intent)}
        )
        evidence = {
            "entry": b64encode(entry).decode(),
            "proof": proof,
            "intent": text.decode(),
            "human": signed,
        }
        return self.sign(command, evidence)

    def recorded_again(self, one: dict[str, Any], at: datetime, act: str) -> dict[str, Any]:
        """The same signature under another entry of that time, for another command."""
        self.n += 1
        command = one["command"] | {"id": str(uuid.uuid4()), "n": self.n, "act": act}
        facts = {name: command[name] for name in ("intent_hash", "operation", "approval")}
        times = {"time": stamp(at), "recorded_at": stamp(at)}
        said = {"action": "approval.approved", "outcome": "success", "actor": OLU}
        entry, proof = self.prove(times | said | facts)
        changed = {"entry": b64encode(entry).decode(), "proof": proof}
        return self.sign(command, one["evidence"] | changed)

    def prove(self, fields: dict[str, Any]) -> tuple[bytes, str]:
        """Add an entry to the log: its bytes, and the proof that it is there."""
        entry = entries.build(fields, id=uuid.uuid4()).entry
        self.leaves.append(merkle.leaf_hash(entry))
        return entry, self.proof(len(self.leaves) - 1)

    def decided(self, command: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Add the entry of a command's decision to the log: its number and what opens its name."""
        now = stamp(datetime.now(UTC))
        target = {"kind": command["kind"], "name": command["name"], "instance": ""}
        fields = {
            "time": now,
            "recorded_at": now,
            "action": f"{command['kind']}.held",
            "outcome": "pending",
            "actor": OLU,
            "operation": command["operation"],
            "target": target,
        } | changes
        built = entries.build(fields, id=uuid.uuid4())
        self.leaves.append(merkle.leaf_hash(built.entry))
        [salt] = [one.salt for one in built.openings if one.path == "target.name"]
        entry, opened = (b64encode(one).decode() for one in (built.entry, salt))
        return {"index": len(self.leaves) - 1, "entry": entry, "salt": opened}

    def shown(self, decided: dict[str, Any], log_size: int) -> dict[str, Any]:
        """What proves such an entry to an outpost that accepted the log up to a size."""
        return {
            "entry": decided["entry"],
            "salt": decided["salt"],
            "proof": self.proof(decided["index"]),
            "consistency": self.grown(log_size),
        }

    def checkpoint(self) -> str:
        """The newest one, signed."""
        text = checkpoint.format(ORIGIN, len(self.leaves), merkle.root(self.leaves))
        return note.sign(text, self.log.name, self.log.seed)

    def proof(self, index: int) -> str:
        path = merkle.inclusion_proof(self.leaves, index, len(self.leaves))
        return inclusion_proof_file.write(index, path, self.checkpoint())

    def extend(self, envelope: dict[str, Any], log_size: int) -> dict[str, Any]:
        """The same command with its proof under the newest checkpoint, and with the proof that the
        log only grew since one of `log_size` entries, as the portal answers."""
        evidence = envelope["evidence"]
        if not evidence:
            return envelope
        proof = self.proof(inclusion_proof_file.parse(evidence["proof"]).index)
        grown = {"proof": proof, "consistency": self.grown(log_size)}
        return envelope | {"evidence": evidence | grown}

    def grown(self, log_size: int) -> dict[str, Any]:
        """The proof that the log only grew since it had so many entries."""
        size, first = len(self.leaves), 0 < log_size <= len(self.leaves)
        path = merkle.consistency_proof(self.leaves, log_size, size) if first else []
        return {"from": log_size, "hashes": [b64encode(one).decode() for one in path]}

    def assertion(self, intent_hash: str, said: dict[str, str], **changes: Any) -> dict[str, Any]:
        challenge = hashlib.sha256(
            b"ata.assert.v1\n" + canonical({"intent_hash": intent_hash, **said})
        ).digest()
        client = {"type": "webauthn.get", "challenge": b64(challenge), "origin": WEB} | changes
        raw = json.dumps(client).encode()
        flags = changes.get("flags", 0x05)
        data = hashlib.sha256(RP_ID.encode()).digest() + bytes([flags]) + bytes(4)
        signed = data + hashlib.sha256(raw).digest()
        return {
            "kind": "passkey",
            "credential_id": "cred-1",
            "authenticator_data": b64(data),
            "client_data": b64(raw),
            "signature": b64(self.passkey.sign(signed, ec.ECDSA(SHA256()))),
            **said,
        }

    def token(self, intent_hash: str, intent: dict[str, Any], **changes: Any) -> str:
        target = f"{intent['target']['kind']} {intent['target']['name']}"
        properties = {
            name: {"value": value, "displayed": True}
            for name, value in (
                ("verb", intent["verb"]),
                ("target", target),
                ("intent_hash", intent_hash),
            )
        }
        now = int(time.time())
        claims = {
            **AMIR,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 300,
            "authorization_details": [{"type": DETAILS, "properties": properties}],
        } | changes
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, ISSUER_KEY)

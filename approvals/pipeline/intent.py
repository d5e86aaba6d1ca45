"""The canonical intent: what exactly was asked for, and the hash that every later artefact repeats.

DESIGN 1.3.1: `intent_hash = hex(SHA-256("ata.intent.v1\\n" ‖ canonical bytes))`, RFC 8785 JSON.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.clock import stamp
from audit.ledger.format.canonical import canonical
from audit.recording.actors import Actor, Target

SCHEMA = "ata.intent.v1"


@dataclass(frozen=True, slots=True)
class Intent:
    """Canonical text and its hash."""

    text: str
    hash: str


def digest(value: Any) -> str:
    """Hex SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical(value)).hexdigest()


def build(
    *,
    actor: Actor,
    verb: str,
    target: Target,
    params: Mapping[str, Any],
    severity: str,
    policy_digest: str,
    state_digest: str,
    not_after: datetime,
) -> Intent:
    """The intent of `actor` to apply `verb` to `target`, with a fresh 128-bit nonce."""
    where: dict[str, Any] = {"kind": target.kind, "name": target.name}
    if target.instance:
        where["instance"] = target.instance
    body = canonical(
        {
            "schema": SCHEMA,
            "verb": verb,
            "target": where,
            "params": dict(params),
            "severity": severity,
            "actor": {"iss": actor.iss, "sub": actor.sub},
            "via": actor.via,
            "request_id": actor.request,
            "nonce": secrets.token_hex(16),
            "not_after": stamp(not_after),
            "policy": policy_digest,
            "state": state_digest,
        }
    )
    return Intent(text=body.decode(), hash=intent_hash(body))


def intent_hash(canonical_bytes: bytes) -> str:
    """The identifier of an intent, from its exact canonical bytes."""
    return hashlib.sha256(b"ata.intent.v1\n" + canonical_bytes).hexdigest()

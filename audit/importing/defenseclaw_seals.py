"""The keyed seal that DefenseClaw v8 puts on each audit row, checked with its key.

`projection_hash` is "sha256:" + hex SHA-256 of `projected_record_json`; `payload_hmac` is an
HMAC-SHA256 over a label, the algorithm, the key id and the same bytes, joined by NUL
(internal/audit/event_history_v8.go). Both cover the JSON record only: the plain columns next to it
are compared with it, because nothing else protects them. The key's holder can forge, and a
deleted row leaves no trace; the seal proves only that this row is as that key's holder left it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

VERIFIED: Final = "verified"
UNSIGNED: Final = "unsigned"
KEY_UNAVAILABLE: Final = "key_unavailable"
NOT_PROJECTED: Final = "not_projected"
HASH_MISMATCH: Final = "hash_mismatch"
HMAC_MISMATCH: Final = "hmac_mismatch"
INVALID: Final = "invalid_integrity_metadata"
STATUSES: Final = (
    VERIFIED,
    UNSIGNED,
    KEY_UNAVAILABLE,
    NOT_PROJECTED,
    HASH_MISMATCH,
    HMAC_MISMATCH,
    INVALID,
)
BROKEN: Final = frozenset({HASH_MISMATCH, HMAC_MISMATCH, INVALID})
"""Statuses that say the row is not what was sealed."""

KEY_SIZE: Final = 32
RECORD: Final = "projected_record_json"
_LABEL: Final = b"defenseclaw-observability-projection-integrity-v1"
_ALGORITHM: Final = "hmac-sha256"
_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")
_HMAC: Final = re.compile(r"[0-9a-f]{64}")
_KEY_ID: Final = re.compile(r"[0-9a-f]{12}")
_SEALS: Final = ("payload_hmac", "integrity_algorithm", "integrity_key_id")


@dataclass(frozen=True, slots=True)
class Key:
    """The 32 bytes of `redaction-correlation.key`."""

    secret: bytes = field(repr=False)
    id: str

    @classmethod
    def of(cls, secret: bytes) -> Key:
        """The key with its id, the first 12 hex digits of its SHA-256.

        Raises:
            ValueError: it does not have 32 bytes.
        """
        if len(secret) != KEY_SIZE:
            raise ValueError(f"a key has {KEY_SIZE} bytes, this file {len(secret)}")
        return cls(secret, hashlib.sha256(secret).hexdigest()[:12])

    def seal(self, record: bytes) -> str:
        """The hex HMAC of a record."""
        parts = (_LABEL, _ALGORITHM.encode(), self.id.encode(), record)
        return hmac.digest(self.secret, b"\0".join(parts), "sha256").hex()


def status(row: Mapping[str, Any], key: Key | None) -> str:
    """One of STATUSES for the columns of an `audit_events` row."""
    record, digest = row.get(RECORD), row.get("projection_hash")
    seals = [row.get(name) for name in _SEALS]
    if record is None:
        return INVALID if digest is not None or any(s is not None for s in seals) else NOT_PROJECTED
    if not isinstance(record, str) or not _matches(_HASH, digest):
        return INVALID
    body = record.encode("utf-8", "surrogateescape")
    if digest != f"sha256:{hashlib.sha256(body).hexdigest()}":
        return HASH_MISMATCH
    if all(seal is None for seal in seals):
        return UNSIGNED
    code, algorithm, key_id = seals
    if not _matches(_HMAC, code) or algorithm != _ALGORITHM or not _matches(_KEY_ID, key_id):
        return INVALID
    if key is None or key.id != key_id:
        return KEY_UNAVAILABLE
    return VERIFIED if hmac.compare_digest(key.seal(body), str(code)) else HMAC_MISMATCH


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


_MIRRORED: Final = (
    "action",
    "severity",
    "timestamp",
    "source",
    "event_name",
    "bucket",
    "connector",
    "signal",
)
_CORRELATED: Final = (
    "run_id",
    "trace_id",
    "request_id",
    "session_id",
    "turn_id",
    "agent_id",
    "agent_instance_id",
    "policy_id",
    "evaluation_id",
    "scan_id",
    "enforcement_action_id",
)


def mismatches(row: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """Columns that differ from the sealed record of their row; sorted.

    DefenseClaw leaves a column NULL where its record has an empty text, and the severity where its
    record has INFO: those two say the same.
    """
    found = [c for c in _MIRRORED if c in record and _differs(c, row.get(c), record[c])]
    if row.get("id") != record.get("record_id"):
        found.append("id")
    correlation = record.get("correlation")
    if isinstance(correlation, Mapping):
        found += [
            c for c in _CORRELATED if c in correlation and _differs(c, row.get(c), correlation[c])
        ]
    body = record.get("body")
    if isinstance(body, Mapping):
        found += [
            c for c in _body_columns(record) if c in body and _differs(c, row.get(c), body[c])
        ]
    return sorted(found)


def _differs(column: str, stored: Any, sealed: Any) -> bool:
    if stored is None:
        return sealed not in ("", "INFO" if column == "severity" else "")
    return bool(stored != sealed)


def _body_columns(record: Mapping[str, Any]) -> tuple[str, ...]:
    # Schema-derived families put the producer into the actor column, not the person.
    legacy = str(record.get("event_name", "")).startswith("legacy.audit.")
    return ("actor", "target", "details", "structured_json") if legacy else ("target",)

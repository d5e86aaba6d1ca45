"""The canonical record of an audit row at HEAD, its hash and its keyed seal.

``projection_hash`` is "sha256:" + hex SHA-256 of the record; ``payload_hmac`` an HMAC-SHA256 with
the 32 bytes of ``redaction-correlation.key`` over label NUL algorithm NUL key id NUL record.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

KEY_FILE: Final = "redaction-correlation.key"
ALGORITHM: Final = "hmac-sha256"
_LABEL: Final = b"defenseclaw-observability-projection-integrity-v1"
# The block keeps its own key order, so it is put into the sorted text as it is.
_PROJECTION: Final = (
    '{"redaction_profile":"none","detector_catalog_version":1,"state":"raw",'
    '"transformed_fields":0,"removed_fields":0,"oversize_fields":0,"failure_count":0,'
    '"failures_truncated":false}'
)


@dataclass(frozen=True, slots=True)
class SealingKey:
    """The key that rows are sealed with."""

    secret: bytes = field(repr=False)
    key_id: str

    def seal(self, record: bytes) -> str:
        """Return the hex HMAC of a record."""
        message = b"\0".join((_LABEL, ALGORITHM.encode(), self.key_id.encode(), record))
        return hmac.digest(self.secret, message, "sha256").hex()

    def fingerprint(self, command: str) -> str:
        """Return the keyed fingerprint that an alert disposition is stored with."""
        digest = hmac.digest(self.secret, command.encode(), "sha256").hex()
        return f"hmac-sha256:v1:{self.key_id}:{digest}"


def load_or_make_key(data_folder: Path) -> SealingKey:
    """Read the key of a data folder; makes it (mode 0600) at the first start."""
    path = data_folder / KEY_FILE
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(32))
    secret = path.read_bytes()
    return SealingKey(secret, hashlib.sha256(secret).hexdigest()[:12])


def compact(value: object) -> str:
    """Return compact JSON with sorted keys, the form in which records are stored."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def record_text(record: Mapping[str, object]) -> str:
    """Return the stored text of a canonical record, with its projection block."""
    text = compact({**record, "projection": None})
    before, _, after = text.rpartition('"projection":null')
    return f'{before}"projection":{_PROJECTION}{after}'


def sealed_columns(record: Mapping[str, object], key: SealingKey) -> dict[str, object]:
    """Return the columns of `audit_events` that hold a record and its seal."""
    text = record_text(record)
    raw = text.encode()
    return {
        "projected_record_json": text,
        "record_schema_version": 1,
        "projection_hash": f"sha256:{hashlib.sha256(raw).hexdigest()}",
        "redaction_profile": "none",
        "payload_hmac": key.seal(raw),
        "integrity_algorithm": ALGORITHM,
        "integrity_key_id": key.key_id,
    }

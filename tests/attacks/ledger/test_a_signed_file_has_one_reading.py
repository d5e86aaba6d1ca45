"""A signed result of a review, or a manifest, reads the same to everybody who reads it."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from audit.ledger import note
from audit.ledger.format.canonical import canonical
from audit.ledger.offline import access_review_check, export_manifest

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
RAW = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
VKEY = note.VerifierKey("log.example/a", bytes(4), note.ED25519, RAW)


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(head: dict[str, Any]) -> bytes:
    """As `connections.auth_ibom.signing.sign` does it."""
    inside = {"algorithm": "Ed25519", "keyId": "log.example/a", "publicKey": {"x": b64(RAW)}}
    value = KEY.sign(canonical(head | {"signature": inside}))
    return canonical(head | {"signature": inside | {"value": b64(value)}}) + b"\n"


def result() -> list[bytes]:
    facts = {"account": "a", "number": 1, "owner": {"iss": "i", "sub": "s"}, "scopes": ["repo"]}
    line = canonical(facts | {"decision": "revoke", "reason": "left"}) + b"\n"
    frozen = b'{"accounts":[' + canonical(facts) + b'],"review":' + canonical("r1") + b"}"
    head = {
        "profile": "ata.access-review.v2",
        "review": {"id": "r1", "title": "Q4", "closed_at": "2026-11-28T00:00:00Z",
                   "filter": {"in_words": "All accounts"}, "closed_by": {"iss": "i", "sub": "olu"}},
        "scope": {"sha256": hashlib.sha256(frozen).hexdigest(), "intact": True},
        "counts": {"accounts": 1, "keep": 0, "reduce": 0, "revoke": 1, "undecided": 0},
        "accounts": {"number": 1, "sha256": hashlib.sha256(line).hexdigest()},
    }  # fmt: skip
    return [signed(head), line]


def checks(lines: list[bytes]) -> bool:
    return access_review_check.check(lines, [VKEY]).ok


def test_an_honest_result_verifies() -> None:
    assert checks(result())


def test_an_altered_result_does_not() -> None:
    head, line = result()
    assert not checks([head.replace(b'"revoke":1', b'"revoke":0'), line])


FORGED = [
    ("counts", {"accounts": 1, "keep": 1, "reduce": 0, "revoke": 0, "undecided": 0}),
    ("scope", {"sha256": "00" * 32, "intact": True}),
    ("review", {"id": "r1", "title": "Q4", "closed_by": {"iss": "i", "sub": "the CISO"}}),
]


@pytest.mark.parametrize(("name", "value"), FORGED, ids=[name for name, _ in FORGED])
def test_a_head_with_doubled_members_does_not(name: str, value: Any) -> None:
    head, line = result()
    true = b'"' + name.encode() + b'":'
    lie = true + json.dumps(value).encode() + b","
    altered = head.replace(b"," + true, b"," + lie + true, 1)
    assert altered != head and altered.count(true) >= 2
    assert not checks([altered, line])


def test_a_head_in_another_spelling_does_not() -> None:
    head, line = result()
    altered = head.replace(b'"title":"Q4"', b'"title":\t"\\u00514"')  # one document, one spelling
    assert altered != head and not checks([altered, line])


def test_the_first_version_with_its_accounts_in_the_head_does_not() -> None:
    """`ata.access-review.v1`: the decisions themselves stand in the line that can be doubled."""
    facts = {"account": "a", "number": 1, "owner": {"iss": "i", "sub": "s"}, "scopes": ["repo"]}
    frozen = b'{"accounts":[' + canonical(facts) + b'],"review":' + canonical("r1") + b"}"
    head = signed({
        "profile": "ata.access-review.v1",
        "review": {"id": "r1", "title": "Q4"},
        "scope": {"sha256": hashlib.sha256(frozen).hexdigest(), "intact": True},
        "counts": {"accounts": 1, "keep": 1, "reduce": 0, "revoke": 0, "undecided": 0},
        "accounts": [facts | {"decision": "keep", "reason": "unused since May"}],
    })  # fmt: skip
    assert checks([head])
    lie = head[1:].split(b',"counts"')[0].replace(b'"keep"', b'"revoke"')
    altered = b"{" + lie + b"," + head[1:]
    assert not checks([altered])


def test_a_manifest_with_doubled_members_is_not_read_as_the_honest_one() -> None:
    """What is checked is what was parsed, so that no later check can tell the two apart."""
    schema = sorted(export_manifest.SCHEMAS)[0]
    honest = json.dumps({"schema": schema, "exporter": {"name": "Nora"}, "rows": 3}).encode()
    forged = b'{"exporter": {"name": "the CISO"}, "rows": 9000, ' + honest[1:]
    assert export_manifest.read_manifest(honest)
    with pytest.raises(export_manifest.ManifestError):
        export_manifest.read_manifest(forged)

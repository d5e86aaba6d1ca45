"""Audit files that a stranger signs with a key of their own, of whatever they put in."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from audit.ledger import merkle, note
from audit.ledger.audit_file_format import entry_range
from audit.ledger.audit_file_format import signed_manifest as manifests
from audit.ledger.audit_file_format.audit_file_check import check
from audit.ledger.audit_file_format.audit_file_report import AuditFileReport
from audit.ledger.audit_file_format.zip_members import ZipMembers
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import canonical
from audit.ledger.packs.pack_check import Roots
from audit.ledger.trust_policy import NONE, Policy
from tests.support.signed import sign_checkpoint

LOG: Final = "log.example/hostile"
SEED: Final = bytes(32)
AFTER, BEFORE = "2026-11-01T00:00:00.000000Z", "2026-12-01T00:00:00.000000Z"
TIME: Final = "2026-11-15T00:00:00.000000Z"
NOBODY: Final = Roots(Policy((), {}, {}, NONE))

type Members = dict[str, bytes]


def entry(number: int, **fields: Any) -> bytes:
    """One entry of the period."""
    given = {"time": TIME, "recorded_at": TIME, "action": "skill.blocked"}
    id = f"01900000-0000-7000-8000-{number:012x}"
    return entries.build(given | fields, id=id, salt_source=bytes).entry


def line(number: int, text: bytes, openings: Sequence[Any] = ()) -> bytes:
    """Its line."""
    document = {"index": number, "entry": text.decode(), "openings": list(openings), "withheld": []}
    return canonical(document) + b"\n"


def table(id: str = "policies", **fields: Any) -> dict[str, Any]:
    """A table of the manifest."""
    return {
        "id": id, "kind": "policies", "title": "t", "filter": "action:policy.changed", "rows": 0,
        "indices_sha256": hashlib.sha256(b"").hexdigest(), "sample": "",
    } | fields  # fmt: skip


def file_of(
    texts: Sequence[bytes],
    *,
    lines: Iterable[bytes] | None = None,
    more: Mapping[str, bytes] | None = None,
    roles: bytes | None = None,
    **about: Any,
) -> bytes:
    """An audit file of these entries; `about` changes its manifest, `more` adds members."""
    root = merkle.root([merkle.leaf_hash(text) for text in texts])
    signed = sign_checkpoint(LOG, len(texts), root, SEED)
    head = entry_range.header(LOG, len(texts), 0, len(texts), [], signed)
    body = b"".join((head, *(lines or (line(n, text) for n, text in enumerate(texts)))))
    empty = canonical({"schema": "ata.roles.v1", "roles": []}) + b"\n"
    members = {
        manifests.RANGE: body,
        manifests.ROLES: empty if roles is None else roles,
        manifests.LOG_KEY: note.vkey(LOG, note.public_key(SEED)).encode(),
        **(more or {}),
    }
    return packed(members, root, len(texts), **about)


def packed(members: Members, root: bytes, size: int, **about: Any) -> bytes:
    """The ZIP of these members with a manifest that fits them."""
    manifest = {
        "origin": LOG,
        "framework": {"id": "f", "title": "F", "source": "s"},
        "period": {"after": AFTER, "before": BEFORE},
        "tree": {"size": size, "root": root.hex()},
        "range": {"start": 0, "end": size, "complete": True},
        "seed": "",
        "sample_size": 25,
        "tables": [table()],
        "not_answered": [],
        "policies": [{"digest": "0" * 64, "index": None}],
        "reviews": [],
        "packs": sorted(name for name in members if name.startswith("evidence/")),
        "withheld": [],
        "build": "b",
    } | about
    listed = [
        {"name": name, "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
        for name, body in members.items()
    ]
    text = manifests.write(manifest, listed)
    members |= {
        manifests.MANIFEST: text,
        manifests.SIGNATURE: manifests.sign(text, LOG, SEED),
    }
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return into.getvalue()


def checked(body: bytes, roots: Roots = NOBODY) -> AuditFileReport:
    """The report of a verifier."""
    return check(ZipMembers(io.BytesIO(body)), roots)

"""A log for an audit, its file, and what a verifier brings to check it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from approvals.models import PolicyVersion
from approvals.pipeline.intent import digest
from approvals.policy.document import DEFAULT
from audit import clock
from audit.audit_files import audit_scope, zip_file
from audit.audit_files.audit_scope import Scope
from audit.coverage import Period
from audit.keys import log_identity
from audit.ledger.audit_file_format import signed_manifest as manifests
from audit.proofs import proofs_and_tiles
from audit.recording.actors import Target
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.audit.factories import ADA, OLU
from tests.packs.act import Act, directory, jwks, keep, signed_act, token

FRAMEWORK = "eu-ai-act"
WITH_TODAY = f"before={clock.now() + timedelta(days=1):%Y-%m-%d}"
"""Of a query string: the pages end a period before today where nothing is asked."""
NEXT_POLICY = {**DEFAULT, "number": 1}

type Members = dict[str, bytes]


@dataclass
class World:
    """What a test needs."""

    folder: Path
    act: Act
    policy_event: str

    @property
    def period(self) -> Period:
        """From yesterday to tomorrow, whole hours; one entry is recorded after its end."""
        return whole_hours(clock.now() - timedelta(days=1), clock.now() + timedelta(days=1))

    @property
    def unfinished_period(self) -> Period:
        """From yesterday to a day after the newest entry."""
        return replace(self.period, end=self.period.end + timedelta(days=2))

    def scope(self, **changes: Any) -> Scope:
        return audit_scope.scope(FRAMEWORK, changes.pop("period", self.period), **changes)

    def file(self, **changes: Any) -> bytes:
        """The bytes of the audit file."""
        into = io.BytesIO()
        zip_file.write(ADA, self.scope(**changes), clock.now(), into)
        return into.getvalue()

    def keys(self) -> list[str]:
        """Options of `ata verify`: all that a careful verifier brings."""
        given = {
            "log.key": proofs_and_tiles.vkey(),
            "jwks.json": json.dumps(jwks()),
            "passkeys.json": json.dumps(directory()),
        }
        for name, text in given.items():
            (self.folder / name).write_text(text)
        return [
            "--vkey", str(self.folder / "log.key"),
            "--issuer-keys", str(self.folder / "jwks.json"),
            "--passkeys", str(self.folder / "passkeys.json"),
        ]  # fmt: skip

    def save(self, body: bytes, name: str = "audit.zip") -> str:
        path = self.folder / name
        path.write_bytes(body)
        return str(path)


def whole_hours(start: datetime, end: datetime) -> Period:
    """A period of whole hours."""
    first, last = (
        one.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for one in (start, end)
    )
    return Period(first, last)


def record_at(moment: datetime) -> None:
    """Record and sign one entry when the clock shows this moment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: moment)
        record(OLU, "audit.viewed")
    sequencer.run_once()


def audited(folder: Path) -> World:
    """Decisions of the period, with one before it and a change of the policy in it."""
    for _ in range(3):
        record(OLU, "audit.viewed", time=clock.now() - timedelta(days=40))
    act = signed_act()
    sign_in = ("id_token", token(), OLU)
    changed = record(
        OLU,
        "policy.changed",
        target=Target("policy", "approvals"),
        data={"before": digest(DEFAULT), "after": digest(NEXT_POLICY), "number": 1},
        evidence=[keep(*sign_in)],
    )
    PolicyVersion.objects.create(
        digest=digest(NEXT_POLICY), document=NEXT_POLICY, event_id=changed.id, created=clock.now()
    )
    for number in range(4):
        record(OLU, "token.exchanged", data={"number": number}, evidence=[keep(*sign_in)])
    record(OLU, "access.refused", target=Target("page", "/audit/"), reason="=1+1")
    record_at(clock.now() + timedelta(days=1))
    return World(folder, act, str(changed.id))


def unpacked(body: bytes) -> Members:
    """Members by name."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def last_entry(members: Members) -> str:
    """The last entry of the range as both verifiers name it."""
    line = json.loads(members[manifests.RANGE].splitlines()[-1])
    recorded = json.loads(line["entry"])["recorded_at"]
    return f"entry {line['index']:,}, recorded {recorded[:19].replace('T', ' ')} UTC"


def packed(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Any ZIP of these members."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", method) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return into.getvalue()


def signed_again(
    members: Members,
    change: Callable[[dict[str, Any]], object] = lambda _: None,
    *,
    name: str = "",
    seed: bytes = b"",
) -> Members:
    """The members with a manifest that fits them, signed by the log's key or another one."""
    manifest = json.loads(members[manifests.MANIFEST])
    change(manifest)
    listed = [
        {"name": one, "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
        for one, body in members.items()
        if one not in (manifests.MANIFEST, manifests.SIGNATURE)
    ]
    about = {k: v for k, v in manifest.items() if k not in ("schema", "members")}
    body = manifests.write(about, listed)
    note = manifests.sign(body, name or log_identity.origin(), seed or log_identity.seed())
    return members | {manifests.MANIFEST: body, manifests.SIGNATURE: note}

"""The ZIP of one audit: the range of the log, samples, evidence, policies, reviews and roles."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, BinaryIO, Final
from uuid import UUID

from django.db import transaction

from audit.audit_files import (
    item_evidence,
    policies_in_period,
    policy_and_review_hooks,
    range_lines_and_tables,
)
from audit.audit_files.audit_scope import NotPossible, Scope, why_unanswered
from audit.audit_files.policies_in_period import Version
from audit.audit_files.range_lines_and_tables import RangePass
from audit.audit_files.readme import readme
from audit.evidence import body_and_pack_access
from audit.exports.manifest import build as version
from audit.exports.manifest import key_statements
from audit.keys import keyring, log_identity
from audit.ledger.audit_file_format import signed_manifest as manifests
from audit.ledger.audit_file_format.policy_review_evidence_check import MOST_PARTS
from audit.ledger.audit_file_format.tables_of_range import REVIEW_CLOSED
from audit.ledger.audit_file_format.zip_members import MAX_UNPACKED_BYTES
from audit.ledger.format.canonical import count_parts
from audit.packs.verify_html import verifier
from audit.recording.actors import Actor
from audit.recording.record import record

_TOO_MUCH: Final = (
    "The file would have more in it than a verifier reads. Choose a shorter period, or fewer items "
    "for each sample."
)
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the same content gives the same members


@dataclass(slots=True)
class _Archive:
    """Members as they are written, with what the manifest says of each."""

    file: zipfile.ZipFile
    members: list[dict[str, Any]] = field(default_factory=list)
    unpacked: int = 0
    parts: int = 0

    def add(self, name: str, body: bytes) -> None:
        with self.stream(name) as write:
            write(body)
        self.parts += count_parts(body) if name.startswith(("evidence/", "reviews/")) else 0
        if (
            self.parts > MOST_PARTS
            or len(self.members) > manifests.MAX_MEMBERS
            or manifests.evidence_bytes(self.members) > manifests.MAX_EVIDENCE_BYTES
            or not manifests.is_member(name)
        ):
            raise NotPossible(_TOO_MUCH)

    @contextmanager
    def stream(self, name: str, *, listed: bool = True) -> Iterator[range_lines_and_tables.Sink]:
        info = zipfile.ZipInfo(name, _EPOCH)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o644 << 16
        digest, size = hashlib.sha256(), 0

        def write(piece: bytes) -> None:
            nonlocal size
            digest.update(piece)
            size += len(piece)
            self.unpacked += len(piece)
            if self.unpacked > MAX_UNPACKED_BYTES:
                raise NotPossible(_TOO_MUCH)
            member.write(piece)

        with self.file.open(info, "w") as member:
            yield write
        if listed:
            self.members.append({"name": name, "sha256": digest.hexdigest(), "bytes": size})


@dataclass(frozen=True, slots=True)
class Written:
    """An audit file that was written, and what its events have to say of it.

    Attributes:
        bodies: kind and digest of each body of evidence, by the SHA-256 of its pack.
    """

    scope: Scope
    bytes: int
    sha256: str
    opened: int
    items: int
    bodies: Mapping[str, tuple[tuple[str, str], ...]]


def write(reader: Actor, scope: Scope, now: datetime, file: BinaryIO) -> Written:
    """Write the ZIP into an empty file that can be read, and return what it came to.

    Raises:
        NotPossible: there are no events, or more or larger ones than a verifier reads.
        AlteredEntry: an entry or an opening was altered.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        archive = _Archive(zipped)
        with archive.stream(manifests.RANGE) as sink:
            found = range_lines_and_tables.run(scope, sink)
        for table, name in scope.sample_names():
            if name:
                archive.add(name, found.samples[table.id].to_bytes())
        archive.add(manifests.ROLES, found.tables.roles_and_ends.to_bytes())
        withheld: list[str] = []
        versions = policies_in_period.in_period(scope, found)
        _add_policies(archive, versions, withheld)
        reviews = _add_reviews(archive, found)
        selections = item_evidence.selections(found, versions)
        bodies = _add_packs(archive, item_evidence.build(reader, selections, now), withheld)
        archive.add(manifests.LOG_KEY, "".join(f"{one}\n" for one in keyring.vkeys()).encode())
        archive.add(manifests.VERIFIER, verifier())
        archive.add(manifests.README, readme(scope, _verifier_sha256()).encode())
        about = _about(scope, found) | {
            "policies": [{"digest": one.digest, "index": one.index} for one in versions],
            "reviews": reviews,
            "packs": list(selections),
            "withheld": sorted(set(withheld)),
        }
        _sign(archive, about)
    return Written(scope, *size_and_digest(file), len(found.ids), len(found.items), bodies)


def record_download(reader: Actor, written: Written) -> None:
    """Record that an audit file is downloaded: `audit.exported`, and `evidence.read`."""
    with transaction.atomic():
        record_export(
            reader,
            written.scope,
            "audit_file",
            {
                "complete": written.scope.complete,
                "count": written.opened,
                "items": written.items,
                "bytes": written.bytes,
                "sha256": written.sha256,
            },
        )
        for pack, bodies in written.bodies.items():
            body_and_pack_access.record_bodies(reader, pack, bodies)


def record_export(reader: Actor, scope: Scope, format: str, file: Mapping[str, Any]) -> None:
    """Record `audit.exported` of a file of an audit.

    Args:
        reader: who downloads it.
        format: `audit_file` or `workpaper`.
        file: `sha256`, `bytes`, and what else is about this file alone.
    """
    start, end = scope.range
    record(
        reader,
        "audit.exported",
        data={
            "format": format,
            "framework": scope.framework.id,
            "after": scope.within.after,
            "before": scope.within.before,
            "start": start,
            "end": end,
            "tree_size": scope.tree.size,
            "seed_of_tree": not scope.seed,
            **file,
        },
        private={"seed": scope.seed} if scope.seed else {},
    )


def _verifier_sha256() -> str:
    return hashlib.sha256(verifier()).hexdigest()


def _add_policies(archive: _Archive, versions: Iterable[Version], withheld: list[str]) -> None:
    for one in {one.digest: one for one in versions}.values():
        if one.body is not None:
            archive.add(f"policies/{one.digest}.json", one.body)
        else:
            withheld.append(
                f"The document of policy {one.digest[:12]}: values of it were erased, or it is not "
                "stored as its digest says."
            )


def _add_reviews(archive: _Archive, found: RangePass) -> list[dict[str, Any]]:
    reviews = []
    for index, event in sorted(found.decisions.items()):
        if event["action"] != REVIEW_CLOSED:
            continue
        result = policy_and_review_hooks.review_result(UUID(event["id"]))
        if result is not None:
            name = f"reviews/{event['id']}.ndjson"
            archive.add(name, result)
            reviews.append({"member": name, "index": index})
    return reviews


def _add_packs(
    archive: _Archive, packs: Iterable[item_evidence.Pack], withheld: list[str]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Bodies of evidence by the SHA-256 of their pack."""
    bodies = {}
    for one in packs:
        archive.add(one.name, one.built.body)
        bodies[hashlib.sha256(one.built.body).hexdigest()] = one.built.bodies
        withheld += [f"{one.name}: {one.lacks}"] if one.lacks else []
    return bodies


def _about(scope: Scope, found: RangePass) -> dict[str, Any]:
    start, end = scope.range
    samples = dict(scope.sample_names())
    return {
        "origin": scope.origin,
        "framework": {
            "id": scope.framework.id,
            "title": scope.framework.title,
            "source": scope.framework.source,
        },
        "period": {"after": scope.within.after, "before": scope.within.before},
        "tree": {"size": scope.tree.size, "root": bytes(scope.tree.root).hex()},
        "range": {"start": start, "end": end, "complete": scope.complete},
        "seed": scope.seed,
        "sample_size": scope.sample_size,
        "tables": [
            {
                "id": one.table.id,
                "kind": one.table.kind,
                "title": one.table.title,
                "filter": one.table.filter,
                "rows": len(one.events),
                "indices_sha256": one.indices_sha256,
                "sample": samples[one.table],
            }
            for one in found.tables.found
        ],
        "not_answered": [
            {
                "number": one.number,
                "wants": one.wants,
                "note": f"{why_unanswered(one)} {one.note}".rstrip(),
            }
            for one in scope.unanswered
        ],
        "build": version(),
        **key_statements(),
    }


def _sign(archive: _Archive, about: Mapping[str, Any]) -> None:
    manifest = manifests.write(about, archive.members)
    signature = manifests.sign(manifest, log_identity.origin(), log_identity.seed())
    for name, body in ((manifests.MANIFEST, manifest), (manifests.SIGNATURE, signature)):
        with archive.stream(name, listed=False) as write:
            write(body)


def size_and_digest(file: IO[bytes]) -> tuple[int, str]:
    """Bytes of a file and its hex SHA-256; the file is at its beginning afterwards."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]  # any binary file will do
    size = file.tell()
    file.seek(0)
    return size, digest.hexdigest()

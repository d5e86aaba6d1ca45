"""Checking an audit file offline: members, range, populations, samples, policies, reviews, packs.

Failures are checks of the report, never exceptions. Keys come from the verifier; with those in the
file alone it is at most consistent with itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from audit.ledger import note
from audit.ledger.audit_file_format import signed_manifest as manifests
from audit.ledger.audit_file_format.audit_file_report import (
    AuditFileReport,
    PackSummary,
    TableSummary,
)
from audit.ledger.audit_file_format.entry_range import LONGEST_LINE, RangeFile
from audit.ledger.audit_file_format.policy_review_evidence_check import (
    EVIDENCE,
    POLICIES,
    REVIEWS,
    CheckFailed,
    OtherMembers,
    RangeRead,
    is_of_a_decision,
    sampled,
)
from audit.ledger.audit_file_format.roles_and_access_ends import WITHOUT_ENDS
from audit.ledger.audit_file_format.signed_manifest import ManifestError
from audit.ledger.audit_file_format.tables_of_range import MOST_ROWS, Period, RangeTables, Table
from audit.ledger.audit_file_format.zip_members import BROKEN, ZipError, ZipMembers
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import EntryError, parsed
from audit.ledger.note import NoteError, VerifierKey
from audit.ledger.offline.erasures import missing
from audit.ledger.offline.full_log_check import WITNESSED
from audit.ledger.offline.log_file import EntriesError
from audit.ledger.offline.proof_check import led_on
from audit.ledger.offline.samples import SampleError, differences
from audit.ledger.packs import archive as pack_files
from audit.ledger.packs.pack_check import Roots
from audit.ledger.packs.pack_check_result import Check
from audit.ledger.trust_policy import NONE, Policy

ARCHIVE: Final = "The archive can be read"
MANIFEST: Final = "The manifest can be read"
SIGNED: Final = "A log you trust signed the manifest"
MEMBERS: Final = "Every file is the one in the manifest"
ENTRIES: Final = "The entries are those of the signed log"
REACHES: Final = "The range reaches over the period, or to the end of the signed tree"
TABLES: Final = "Each population has all its rows"
TABLES_OPEN: Final = "Each population has the rows that are listed"
SAMPLES: Final = "Each sample is the one that its seed draws"
ROLES: Final = "The list of roles follows from the entries"
_NO_ENDS: Final = (
    "Ends of access by role: this file was written before roles.json listed them, and {n:,} of its "
    "entries are about one."
)
_EARLIER: Final = "Not checked, because an earlier check failed."


def check(members: ZipMembers, roots: Roots, fingerprint: str = "") -> AuditFileReport:
    """Check the members of an audit file.

    Args:
        members: of the archive.
        roots: what the verifier trusts; without logs, the keys in the file are used.
        fingerprint: hex SHA-256 of the log's public key, got from elsewhere; "" for none. The key
            in the file that has it counts as brought.
    """
    try:
        body = members.read(manifests.MANIFEST, manifests.MAX_MANIFEST_BYTES)
        manifest = manifests.read(body)
    except (ZipError, ManifestError, KeyError) as error:
        why = "there is no manifest.json" if isinstance(error, KeyError) else str(error)
        return AuditFileReport("", "", (Check(MANIFEST, "failed", f"{_sentence(why)}."),), ())
    return _Checking(members, body, manifest, roots, fingerprint).run()


class _Checking:
    """One check of one file."""

    def __init__(
        self,
        members: ZipMembers,
        body: bytes,
        manifest: Mapping[str, Any],
        roots: Roots,
        fingerprint: str,
    ) -> None:
        self.members, self.body, self.manifest = members, body, manifest
        self.checks = [Check(MANIFEST, "ok", f"It is of the log {manifest['origin']}.")]
        self.roots, self.brought = roots, bool(roots.policy.logs)
        self.fingerprint = fingerprint
        self.witnessed = False
        self.until = ""
        self.gaps: list[str] = []
        self.limits: list[str] = []
        self.packs: list[PackSummary] = []
        listed = {one["name"] for one in manifest["members"]}
        own = {manifests.MANIFEST, manifests.SIGNATURE}
        self.unlisted = tuple(sorted(members.names - listed - own))

    def run(self) -> AuditFileReport:
        """All checks in order; one that failed ends them."""
        found: list[RangeRead] = []
        steps: list[tuple[str, Callable[[], str]]] = [
            (SIGNED, self._signed),
            (MEMBERS, self._members),
            (ENTRIES, lambda: self._entries(found)),
            *([(WITNESSED, lambda: self._witnessed(found[0]))] if self._asks_witnesses else []),
            (REACHES, lambda: self._reaches(found[0])),
            (self._tables_name, lambda: self._tables(found[0])),
            (SAMPLES, lambda: self._samples(found[0])),
            (ROLES, lambda: self._roles(found[0])),
            (POLICIES, lambda: self._others(found[0]).policies(self.gaps, self.limits)),
            (REVIEWS, lambda: self._others(found[0]).reviews(self.limits)),
            (EVIDENCE, lambda: self._others(found[0]).evidence(self.packs)),
        ]
        failed = False
        for name, step in steps:
            if failed:
                self.checks.append(Check(name, "unchecked", _EARLIER))
                continue
            try:
                self.checks.append(Check(name, "ok", step()))
            except CheckFailed as error:
                failed = True
                self.checks.append(Check(name, "failed", f"{_sentence(error)}."))
        return self._report()

    @property
    def _complete(self) -> bool:
        return bool(self.manifest["range"]["complete"])

    @property
    def _asks_witnesses(self) -> bool:
        return self.roots.policy.witnessed

    @property
    def _tables_name(self) -> str:
        return TABLES if self._complete else TABLES_OPEN

    def _report(self) -> AuditFileReport:
        period, framework = self.manifest["period"], self.manifest["framework"]["title"]
        after, before = (manifests.shown_time(period[name]) for name in ("after", "before"))
        words = f"{framework}, {after} to before {before}"
        return AuditFileReport(
            words,
            str(self.manifest["origin"]),
            tuple(self.checks),
            tuple(self.packs),
            brought=self.brought,
            complete=self._complete,
            until=self.until,
            witnessed=self.witnessed,
            unlisted=self.unlisted,
            gaps=tuple(self.gaps),
            limits=tuple(self.limits),
            tables=tuple(
                TableSummary(one["id"], one["title"], one["filter"], one["rows"])
                for one in self.manifest["tables"]
            ),
            withheld=tuple(self.manifest["withheld"]),
        )

    def _signed(self) -> str:
        try:
            signature = self.members.read(manifests.SIGNATURE, manifests.MAX_SIGNATURE_BYTES)
        except (ZipError, KeyError):
            raise CheckFailed("manifest.note is missing or cannot be read") from None
        if not self.brought:
            self._use_own_keys()
        origin = str(self.manifest["origin"])
        policy, carried = led_on(
            self.manifest, lambda: origin, signature.decode("utf-8", "replace"), self.roots.policy
        )
        if bad := [step.detail for step in carried if not step.ok]:
            raise CheckFailed(bad[0].rstrip("."))
        self.roots = replace(self.roots, policy=policy)
        try:
            manifests.check_signature(self.body, origin, signature, policy.logs)
        except NoteError as error:
            raise CheckFailed(f"{error}") from None
        if self.brought:
            return f"{origin} signed it, and so each file."
        return f"Signed by the key that came in the file as {manifests.LOG_KEY}."

    def _use_own_keys(self) -> None:
        """Take the keys in the file: as the verifier's own where their fingerprint is brought."""
        keys = self._own_keys()
        if self.fingerprint:
            keys = [one for one in keys if _fingerprint(one) == self.fingerprint]
            if not keys:
                raise CheckFailed("no key in the file has the fingerprint that you gave")
            self.brought = True
        self.roots = replace(self.roots, policy=Policy(tuple(keys), {}, {}, NONE))

    def _own_keys(self) -> list[VerifierKey]:
        try:
            text = self.members.read(manifests.LOG_KEY, manifests.MAX_SIGNATURE_BYTES).decode()
            return [note.parse_vkey(one) for one in text.split()]
        except (ZipError, KeyError, ValueError):
            raise CheckFailed(f"{manifests.LOG_KEY} is missing or holds no key") from None

    def _members(self) -> str:
        for one in self.manifest["members"]:
            name = one["name"]
            if name not in self.members.names:
                raise CheckFailed(f"{name} is missing")
            if self.members.size(name) != one["bytes"]:
                raise CheckFailed(f"{name} was changed: it has another length")
            digest = hashlib.sha256()
            for piece in self._pieces(name):
                digest.update(piece)
            if digest.hexdigest() != one["sha256"]:
                raise CheckFailed(f"{name} was changed: it has another SHA-256")
        return f"{len(self.manifest['members'])} files; none was removed, replaced or changed."

    def _others(self, read: RangeRead) -> OtherMembers:
        return OtherMembers(self.manifest, self._body, self.roots, read)

    def _pieces(self, name: str) -> Iterator[bytes]:
        try:
            yield from self.members.pieces(name)
        except ZipError as error:
            raise CheckFailed(f"{error}") from None

    def _body(self, name: str, most: int = pack_files.MAX_PACK_BYTES) -> bytes:
        try:
            return self.members.read(name, most)
        except (ZipError, KeyError) as error:
            raise CheckFailed(f"{name} cannot be read: {error}") from None

    def _entries(self, found: list[RangeRead]) -> str:
        tables = [
            Table(one["id"], one["kind"], one["title"], one["filter"])
            for one in self.manifest["tables"]
        ]
        period = self.manifest["period"]
        at = None
        try:
            wanted = RangeTables(tables, Period(period["after"], period["before"]))
            with self.members.open(manifests.RANGE) as stream:
                lines = iter(lambda: stream.readline(LONGEST_LINE + 1), b"")
                log = RangeFile(lines, self.roots.policy.logs, self.roots.policy.required)
                self._same_tree(log)
                read = RangeRead(wanted, log.checkpoint, log.note)
                for at, kept in log:
                    if kept is not None:
                        _take(read, at, entries.parse(kept.entry), kept)
                read.closed = log.closed
        except EntryError as error:
            raise CheckFailed(f"entry {at}: {error}") from None
        except (EntriesError, SampleError, *BROKEN) as error:
            raise CheckFailed(f"{error}") from None
        found.append(read)
        rows = len(read.digests)
        sealed = log.end - log.start - rows - read.closed
        if read.lacking:
            self.limits.append(
                f"What the values said that {read.lacking:,} rows lack: they were erased, or are "
                "withheld."
            )
        return (
            f"{log.end - log.start:,} entries from {log.start:,} on have the root that "
            f"{log.checkpoint.origin} signed for {log.checkpoint.size:,}: {rows:,} in a "
            f"population ({read.lacking:,} of them lack values), {sealed:,} without personal "
            f"values, {read.closed:,} by their hash alone."
        )

    def _same_tree(self, log: RangeFile) -> None:
        said, tree = self.manifest["range"], self.manifest["tree"]
        if (log.start, log.end) != (said["start"], said["end"]):
            raise CheckFailed("the range is another one than the manifest says")
        head = (log.checkpoint.origin, log.checkpoint.size, log.checkpoint.root.hex())
        if head != (self.manifest["origin"], tree.get("size"), tree.get("root")):
            raise CheckFailed("the range is of another tree than the manifest says")

    def _witnessed(self, read: RangeRead) -> str:
        try:
            verdict = self.roots.policy.judge(read.note)
        except NoteError as error:
            raise CheckFailed(f"{error}") from None
        names = ", ".join(sorted(one.key.name for one in verdict.cosignatures)) or "no witness"
        if not verdict.quorum_met:
            raise CheckFailed(f"cosigned by {names}, which does not make your quorum")
        self.witnessed = True
        return f"Cosigned by {names}, which makes your quorum."

    def _reaches(self, read: RangeRead) -> str:
        if not self._complete:
            return "Not claimed: entries outside the populations are there by their hash alone."
        if read.closed:
            raise CheckFailed(f"{read.closed} entries are there by their hash alone")
        period, said = self.manifest["period"], self.manifest["range"]
        first, last = read.edges[0], read.edges[-1]
        if said["start"] > 0 and first["recorded_at"] >= period["after"]:
            raise CheckFailed("entries that were recorded in the period stand before the range")
        if said["end"] < read.head.size and last["recorded_at"] < period["before"]:
            raise CheckFailed("entries that were recorded in the period stand after the range")
        if last["recorded_at"] >= period["before"]:
            return "It begins before and ends after all that was recorded in the period."
        recorded = last["recorded_at"][:19].replace("T", " ")
        self.until = f"entry {said['end'] - 1:,}, recorded {recorded} UTC"
        return (
            f"It begins before all that was recorded in the period, and ends with {self.until}, "
            "the last one of the signed tree."
        )

    def _tables(self, read: RangeRead) -> str:
        rows = 0
        for one, said in zip(read.tables.found, self.manifest["tables"], strict=True):
            if (len(one.events), one.indices_sha256) != (said["rows"], said["indices_sha256"]):
                raise CheckFailed(
                    f"{one.table.id} has {len(one.events):,} rows in the entries, and the manifest "
                    f"lists {said['rows']:,} or others"
                )
            rows += len(one.events)
        until = f", up to {self.until}" if self.until else ""
        return f"{rows:,} rows of {len(read.tables.found)} tables{until}."

    def _samples(self, read: RangeRead) -> str:
        tree = {"origin": read.head.origin, "size": read.head.size, "root": read.head.root}
        items = 0
        for one, said in sampled(read, self.manifest):
            try:
                again = read.tables.sample(
                    one, tree, self.manifest["seed"], self.manifest["sample_size"]
                )
                document = parsed(self._body(said["sample"], 1_000_000))
                wrong = differences(document, again) if isinstance(document, dict) else ["form"]
            except (ValueError, RecursionError) as error:
                raise CheckFailed(f"{said['sample']}: {error}") from None
            if wrong:
                raise CheckFailed(f"drawn again, {said['sample']} differs in {', '.join(wrong)}")
            items += len(again.indices)
        by = "someone chose" if self.manifest["seed"] else "the signed tree gives"
        return f"{items:,} items, drawn again by the seed that {by}."

    def _roles(self, read: RangeRead) -> str:
        body, roles = self._body(manifests.ROLES), read.tables.roles_and_ends
        if body == roles.to_bytes():
            return "Who acted with which roles, from which entry to which; ends of access."
        if body != roles.to_bytes(WITHOUT_ENDS):
            raise CheckFailed("it differs from what the entries say")
        if roles.ends:
            self.limits.append(_NO_ENDS.format(n=len(roles.ends)))
        return "Who acted with which roles, from which entry to which."


def _take(read: RangeRead, index: int, document: dict[str, Any], kept: Any) -> None:
    if not read.edges:
        read.edges.append(document)
    read.edges[1:] = [document]
    if read.tables.period.has(document["time"]) and is_of_a_decision(document):
        read.events[index] = document
    tables = read.tables.tables_of(document)
    if not tables:
        if kept.openings:
            raise EntriesError("is in no population, and the file discloses values of it", index)
        return
    event = entries.reveal(document, kept.openings, index=index)
    read.tables.add(index, event, tables)
    if read.tables.rows > MOST_ROWS:
        raise EntriesError(f"the populations have more than {MOST_ROWS:,} rows")
    read.lacking += bool(missing(document, {one.path for one in kept.openings}))
    read.digests[index] = hashlib.sha256(kept.entry).digest()


def _fingerprint(key: VerifierKey) -> str:
    return hashlib.sha256(key.public_key).hexdigest()


def _sentence(error: object) -> str:
    said = str(error)
    return f"{said[:1].upper()}{said[1:]}"

"""Policies, reviews and evidence packs of an audit file, compared with the entries of its range."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from audit.ledger.audit_file_format.audit_file_report import PackSummary
from audit.ledger.audit_file_format.tables_of_range import (
    POLICY_CHANGED,
    REQUIREMENT,
    REVIEW_CLOSED,
    Found,
    RangeTables,
)
from audit.ledger.checkpoint import Checkpoint
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import count_parts, parsed
from audit.ledger.offline import access_review_check
from audit.ledger.packs import archive as pack_files
from audit.ledger.packs import pack_check
from audit.ledger.packs.pack_check import Roots
from audit.ledger.packs.pack_check_result import FAILED, UNSIGNED

POLICIES: Final = "Each policy is the one that its entry names"
REVIEWS: Final = "Each review is the one that its entry names"
EVIDENCE: Final = "Each item of a sample has its evidence"
MOST_PARTS: Final = 10_000_000
"""JSON values of all packs and reviews, as `count_parts` counts them."""
DELIVERED_POLICIES: Final = ("4c041619d1a841167a3a62a43e4d6889fd62346418d4a83edd40b36498233991",)
"""Digests of the policies that versions of the product began with, before any change."""


class CheckFailed(Exception):
    """A check failed; the message says why."""


@dataclass(slots=True)
class RangeRead:
    """What one pass over the range came to.

    Attributes:
        head: the signed tree.
        note: its text with all signatures.
        digests: SHA-256 of each entry that a population has.
        events: changes of the policy and closed reviews of the period, in a population or not.
        lacking: entries of a population that lack a personal value, erased or withheld.
        edges: the first and the last entry of the range.
    """

    tables: RangeTables
    head: Checkpoint
    note: str
    closed: int = 0
    digests: dict[int, bytes] = field(default_factory=dict)
    events: dict[int, dict[str, Any]] = field(default_factory=dict)
    edges: list[dict[str, Any]] = field(default_factory=list)
    lacking: int = 0


def is_of_a_decision(event: Mapping[str, Any]) -> bool:
    """Whether it changed the policy or closed a review: the portal's own, naming a digest."""
    named = {
        POLICY_CHANGED: {"after", "before"},
        REVIEW_CLOSED: {"result_sha256"},
    }.get(event["action"])
    return named is not None and event["source"] == "portal" and named <= event["data"].keys()


def sampled(
    read: RangeRead, manifest: Mapping[str, Any]
) -> Iterator[tuple[Found, Mapping[str, Any]]]:
    """Tables of which a sample is drawn, with what the manifest says of them.

    Raises:
        CheckFailed: a requirement has no sample.
    """
    for one, said in zip(read.tables.found, manifest["tables"], strict=True):
        if one.table.kind == REQUIREMENT:
            if not said["sample"]:
                raise CheckFailed(f"{one.table.id} has no sample")
            yield one, said


class OtherMembers:
    """Checks of members besides the range.

    Args:
        manifest: of the file.
        read_member: returns the bytes of a member, or raises CheckFailed.
        roots: what the verifier trusts.
        read: the range.
    """

    def __init__(
        self,
        manifest: Mapping[str, Any],
        read_member: Callable[[str], bytes],
        roots: Roots,
        read: RangeRead,
    ) -> None:
        self.manifest, self.roots, self.read = manifest, roots, read
        self._read_member = read_member
        self._parts: dict[str, int] = {}

    def policies(self, gaps: list[str], limits: list[str]) -> str:
        """The versions, oldest first, form one chain: each change names the one before it.

        Adds to `gaps` what keeps the file from being verified, and to `limits` what it lacks.
        """
        said = self.manifest["policies"]
        listed = {one["name"] for one in self.manifest["members"]}
        missing = 0
        for digest in dict.fromkeys(one["digest"] for one in said):
            name = f"policies/{digest}.json"
            if name not in listed:
                missing += 1
            elif hashlib.sha256(self._read_member(name)).hexdigest() != digest:
                raise CheckFailed(f"{name} is not the document of that digest")
        changes = sorted(
            (index, event)
            for index, event in self.read.events.items()
            if event["action"] == POLICY_CHANGED
        )
        if len(said) != len(changes) + 1:
            raise CheckFailed(
                f"{len(said)} versions are listed, and the entries tell of {len(changes) + 1}"
            )
        by = self._check_first(said[0], bool(changes), gaps)
        for old, new, (index, event) in zip(said, said[1:], changes, strict=False):
            named = event["data"]["before"], event["data"]["after"], index
            if named != (old["digest"], new["digest"], new["index"]):
                raise CheckFailed(
                    f"entry {index} changed the policy from or to another version than is listed"
                )
        if missing:
            limits.append(f"What {missing} of the policies say: their documents are not in it.")
        return f"{len(said)} in the period, {by}; {missing} without the document."

    def _check_first(self, first: Mapping[str, Any], is_replaced: bool, gaps: list[str]) -> str:
        """How the versions are known: by the entries that made or replaced them.

        Where none did, the first is the one that the product begins with, and a verifier knows its
        digest.
        """
        digest, index = first["digest"], first["index"]
        if index is None:
            if is_replaced:
                return "each by the digest that an entry names"
            if digest in DELIVERED_POLICIES:
                return "the one that the product begins with, by its known digest"
            gaps.append(
                "Policy NOT proven: no entry names it, and the product is not known to begin "
                "with it."
            )
            return "which no entry names"
        made = self._changes_in_packs().get(index)
        if made is None:
            raise CheckFailed(f"entry {index}, which made the first policy, is not in the evidence")
        if (
            made["data"].get("after") != digest
            or not made["time"] < self.manifest["period"]["after"]
        ):
            raise CheckFailed(
                f"entry {index} made another policy than the one listed first, or made it later"
            )
        return "each by the digest that its entry names"

    def _changes_in_packs(self) -> dict[int, dict[str, Any]]:
        """Changes of the policy in the packs, by index; their proofs are checked with the packs."""
        found = {}
        for name in self.manifest["packs"]:
            try:
                pack = pack_files.read(self._json_of(name))
                for member, body in pack.of_kind("entry").items():
                    if b'"policy.changed"' in body and is_of_a_decision(
                        document := entries.parse(body)
                    ):
                        found[_index(member)] = document
            except (pack_files.PackError, entries.EntryError) as error:
                raise CheckFailed(f"{name}: {error}") from None
        return found

    def reviews(self, limits: list[str]) -> str:
        """The results of reviews that were closed in the period; adds to `limits` what it lacks."""
        closed = {i: e for i, e in self.read.events.items() if e["action"] == REVIEW_CLOSED}
        said = self.manifest["reviews"]
        for one in said:
            event = closed.get(one["index"])
            if event is None:
                raise CheckFailed(f"entry {one['index']} closed no review in the period")
            body = self._json_of(one["member"])
            if event["data"].get("result_sha256") != hashlib.sha256(body).hexdigest():
                raise CheckFailed(
                    f"{one['member']} is not the result that entry {one['index']} names"
                )
            policy = self.roots.policy
            lines = body.splitlines(keepends=True)
            report = access_review_check.check(lines, policy.logs, policy.required, policy.moves)
            if bad := [step for step in report.steps if not step.ok]:
                raise CheckFailed(f"{one['member']}: {bad[0].name}: {bad[0].detail.rstrip('.')}")
        missing = len(closed) - len(said)
        if missing:
            limits.append(f"What {missing} of the reviews decided: their results are not in it.")
        return f"{len(closed)} were closed in the period; {missing} without the result."

    def evidence(self, packs: list[PackSummary]) -> str:
        """The packs, each added to `packs`; together they have each item of a sample."""
        wanted = {
            index
            for one, said in sampled(self.read, self.manifest)
            for index in self._indices(said["sample"])
        }
        held: dict[int, bytes] = {}
        for name in self.manifest["packs"]:
            body = self._json_of(name)
            report = pack_check.check(body, self.roots)
            if report.verdict.state in (FAILED, UNSIGNED):
                raise CheckFailed(f"{name}: {report.verdict.words.rstrip('.')}")
            summary = report.verdict
            packs.append(PackSummary(name, summary.state, summary.words, summary.reasons))
            for member, entry in pack_files.read(body).of_kind("entry").items():
                index = _index(member)
                held[index] = hashlib.sha256(entry).digest()
        if missing := sorted(wanted - held.keys()):
            raise CheckFailed(f"entry {missing[0]} is in a sample, and no evidence is there for it")
        for index, digest in held.items():
            if index in self.read.digests and self.read.digests[index] != digest:
                raise CheckFailed(f"entry {index} is another one in the evidence than in the log")
        others = len(held) - len(wanted)
        return f"{len(wanted):,} items, with {others:,} entries that belong to them."

    def _json_of(self, name: str) -> bytes:
        """A member with JSON in it, within what all of these may have together."""
        body = self._read_member(name)
        self._parts[name] = count_parts(body)
        if sum(self._parts.values()) > MOST_PARTS:
            raise CheckFailed(
                f"{name} and the packs and reviews before it have more than {MOST_PARTS:,} values"
            )
        return body

    def _indices(self, sample: str) -> list[int]:
        return [int(index) for index in parsed(self._read_member(sample))["indices"]]


def _index(member: str) -> int:
    """The index in the name of a member of a pack."""
    return int(member.removeprefix("events/").partition(".")[0])

"""Checks of the evidence store: what entries refer to is there, whole, and is what its row says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import batched
from typing import TYPE_CHECKING

from django.conf import settings

from audit.evidence import storage
from audit.evidence.storage import EvidenceErased, EvidenceError, EvidenceMissing
from audit.models import EvidenceItem
from audit.verification.report import Findings
from audit.verification.unreadable_rows import UNREADABLE, each

if TYPE_CHECKING:
    from audit.verification.checks.entries import Examined

_BATCH = 500


class EvidenceChecker:
    """Checks, entry by entry, the bodies that each one refers to."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._erased: set[str] = set()
        self._seen: set[str] = set()
        self._passed_on: set[str] = set()
        self._owners = dict(storage.key_owners())

    def take(self, batch: Sequence[Examined]) -> None:
        """Check the references of some entries."""
        wanted = list({r["digest"] for one in batch for r in one.document["evidence"]})
        if not wanted:
            return
        items, _ = each(wanted, _items)
        for one in batch:
            for reference in one.document["evidence"]:
                digest = reference["digest"]
                item = items.get(digest)
                problem = self._problem(one, reference["kind"], item)
                problems = [problem] if problem else []
                if item is not None and digest not in self._seen:
                    self._seen.add(digest)
                    problems += _problems(item, self._owners)
                for problem in problems:
                    message = f"evidence {digest[:12]}… {problem}"
                    self._findings.add("evidence", message, one.index, one.id)

    def _problem(self, one: Examined, kind: str, item: EvidenceItem | None) -> str:
        if item is None:
            return "is not in the store any more, or its row cannot be read"
        if item.kind != kind:
            return f"is filed as {item.kind}, the entry says {kind}"
        # A body goes with the person's values. Who comes back after an erasure, in a session that
        # began before, has values beside a body that stays closed; then an earlier entry has none.
        if not item.subject or storage.opens(item):
            return ""
        if any(opening.subject == item.subject for opening in one.openings):
            if item.digest in self._erased:
                return ""
            return "does not open: its key is gone, and its person was not erased"
        self._erased.add(item.digest)
        return ""

    def take_seen(self) -> tuple[set[str], set[str]]:
        """Digests of bodies that were erased, and of all looked at, since the last call."""
        erased, seen = self._erased - self._passed_on, self._seen - self._passed_on
        self._passed_on |= erased | seen
        return erased, seen

    def learn(self, erased: set[str], seen: set[str]) -> None:
        """Take over what another process looked at."""
        self._erased |= erased
        self._seen |= seen

    def finish(self) -> None:
        """Check every other item, and that no body in the folder has lost its row."""
        digests = EvidenceItem.objects.order_by("digest").values_list("digest", flat=True)
        for some in batched(digests.iterator(chunk_size=_BATCH), _BATCH):
            items, broken = each([digest for digest in some if digest not in self._seen], _items)
            for digest, problem in broken.items():
                self._add(digest, f"cannot be read: {problem}")
            for item in items.values():
                for problem in _problems(item, self._owners):
                    self._add(item.digest, problem)
        for digest in _strays():
            self._add(digest, "has a body and no row")

    def _add(self, digest: str, problem: str) -> None:
        self._findings.add("evidence", f"evidence {digest[:12]}… {problem}")


def _items(digests: Sequence[str]) -> dict[str, EvidenceItem]:
    return EvidenceItem.objects.in_bulk(list(digests))


def _problems(item: EvidenceItem, owners: dict[bytes, str]) -> list[str]:
    """What does not hold: its body opens (or was erased), and its columns are what it says."""
    try:
        return list(_differing(item, owners))
    except UNREADABLE as error:
        return [f"cannot be read: {type(error).__name__}: {error}"]


def _differing(item: EvidenceItem, owners: dict[bytes, str]) -> Iterator[str]:
    try:
        body = storage.get(item.digest)
    except EvidenceErased:
        if not item.subject:
            yield "does not open: the common key is gone; restore VAR_DIR/evidence-keys"
        elif storage.sealed_with(item.digest) in owners:
            yield "is filed under another person than the one whose key seals it"
        return
    except EvidenceMissing:
        yield "has lost its body; restore VAR_DIR/evidence"
        return
    except EvidenceError as error:
        yield f"does not open: {error}"
        return
    shape = _shape(body)
    if item.kind not in ((shape,) if shape else ("assertion", "acknowledgement")):
        yield f"is filed as {item.kind}, which its body is not"
    name = json.loads(body)["iss"] if shape in _SNAPSHOTS.values() else ""
    if item.name != name:
        yield f"is named {item.name!r}, its body says {name!r}"
    expiry = storage.token_expiry(body) if item.kind.endswith("_token") else None
    if (item.not_before_release is None) != (expiry is None) or (
        expiry and item.not_before_release and abs(item.not_before_release - expiry) > _ROUNDING
    ):
        yield "would be released at another time than when it expires"


_ROUNDING = timedelta(seconds=1)
_SNAPSHOTS = {
    frozenset({"iss", "keys"}): "issuer_keys",
    frozenset({"iss", "discovery"}): "issuer_discovery",
}
"""Kinds of an issuer's snapshots by the members of their bodies."""


def _shape(body: bytes) -> str:
    """The kind of a body that can be recognised by its form; empty for the others."""
    if (claims := storage.claims_of(body)) is not None:
        return "approval_token" if "authorization_details" in claims else "id_token"
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    members = frozenset(document) if isinstance(document, dict) else frozenset()
    return _SNAPSHOTS.get(members, "")


def _strays() -> Iterator[str]:
    """Digests of bodies in the folder that no row names."""
    folder = settings.VAR_DIR / "evidence"
    names = (path.name for path in folder.glob("??/*") if len(path.name) == 64)
    for some in batched(names, _BATCH):
        known = set(EvidenceItem.objects.filter(digest__in=some).values_list("digest", flat=True))
        yield from sorted(set(some) - known)

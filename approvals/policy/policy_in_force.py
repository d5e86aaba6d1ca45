"""The document in force, and all versions. One indexed read; the parsed document is kept by its
digest."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from approvals.erasure.erased_or_altered_documents import ALTERED, WHOLE, Standing, standing
from approvals.models import Person, PolicyVersion
from approvals.pipeline.intent import digest
from approvals.policy.document import DEFAULT, SAFEST, BadDocument, Document, read
from audit.audit_files.policy_and_review_hooks import PolicyDocument
from audit.ledger.format.canonical import canonical

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InForce:
    """A document and its digest. `broken` is the digest whose stored document is not used, and
    `standing` says whether that was altered or lost values to an erasure."""

    document: Document
    digest: str
    broken: str = ""
    standing: Standing = WHOLE


_DEFAULT: Final = InForce(read(DEFAULT), digest(DEFAULT))
_SAFEST: Final = InForce(read(SAFEST), digest(SAFEST))


def in_force() -> InForce:
    """The policy that a decision meets now."""
    newest = PolicyVersion.objects.order_by("-id").values_list("digest", flat=True).first()
    return _DEFAULT if newest is None else load(newest)


def default() -> InForce:
    """What is in force before anybody changed anything."""
    return _DEFAULT


@lru_cache(maxsize=64)
def _kept(name: str) -> InForce | None:
    """A version by its digest, believed only when it is what the digest says."""
    row = PolicyVersion.objects.filter(digest=name).values_list("document", flat=True).first()
    try:
        if row is not None and digest(row) == name:
            return InForce(read(row), name)
    except (BadDocument, ValueError):
        log.exception("policy %s cannot be read", name[:12])
    return None


def exists(name: str) -> bool:
    """Whether there is a version of that digest."""
    return name == _DEFAULT.digest or PolicyVersion.objects.filter(digest=name).exists()


def forget() -> None:
    """Forget the versions in memory, so that each is read again."""
    _kept.cache_clear()


def load(name: str) -> InForce:
    """The version of that digest; the safest policy where its row was altered or is gone."""
    if name == _DEFAULT.digest:
        return _DEFAULT
    found = _kept(name)
    if found is not None:
        return found
    _kept.cache_clear()
    stands = _standing(name)
    log.critical("policy %s was %s: the safest is used", name[:12], stands.words)
    return InForce(_SAFEST.document, _SAFEST.digest, broken=name, standing=stands)


def shown(name: str) -> InForce:
    """The version of that digest to be read: one that lost values to an erasure without those.

    Decisions use `load`, which believes nothing but the digest.
    """
    stands = _standing(name)  # never what was kept in memory: that may hold who was erased
    if not stands.erased:
        return load(name)
    row = PolicyVersion.objects.values_list("document", flat=True).get(digest=name)
    try:
        return InForce(read(row), name, standing=stands)
    except BadDocument:  # such as two people of one group, who are one nobody now
        return InForce(_SAFEST.document, name, broken=name, standing=stands)


def _standing(name: str) -> Standing:
    row = PolicyVersion.objects.filter(digest=name).values_list("document", flat=True).first()
    try:
        return ALTERED if row is None else standing(name, digest(row))
    except ValueError:
        return ALTERED


def names_in(*documents: Document) -> Mapping[tuple[str, str], str]:
    """Display names of everybody that documents name."""
    wanted = {p.sub for one in documents for p in one.roster}
    wanted |= {p.sub for one in documents for group in one.groups.values() for p in group.people}
    if not wanted:
        return {}
    return {(p.iss, p.sub): str(p) for p in Person.objects.filter(sub__in=wanted)}


def version_documents() -> Iterator[PolicyDocument]:
    """All versions, for the files of an audit: the one that the product begins with, then each
    change, oldest first.

    One that is not what its digest says, as after an erasure, has no body.
    """
    yield PolicyDocument(digest(DEFAULT), canonical(DEFAULT), None)
    for row in PolicyVersion.objects.order_by("id"):
        whole = digest(row.document) == row.digest
        yield PolicyDocument(row.digest, canonical(row.document) if whole else None, row.event_id)

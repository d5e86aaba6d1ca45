"""The document in force: one indexed read, the parsed document kept by its digest."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from approvals.intent import digest
from approvals.models import PolicyVersion
from approvals.policy.document import DEFAULT, SAFEST, BadDocument, Document, read

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InForce:
    """A document and its digest. `broken` says why the stored one is not used."""

    document: Document
    digest: str
    broken: str = ""


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


def load(name: str) -> InForce:
    """The version of that digest; the safest policy where its row was altered or is gone."""
    if name == _DEFAULT.digest:
        return _DEFAULT
    found = _kept(name)
    if found is None:
        _kept.cache_clear()
        log.critical("policy %s is not what its digest says: the safest is used", name[:12])
        return InForce(_SAFEST.document, _SAFEST.digest, broken=name)
    return found

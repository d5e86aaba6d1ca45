"""Whether a stored document is what its digest says, lost values to an erasure, or was altered.

An erasure notes each document that was whole before it, and the digest that it left. The entry of
its end names the SHA-256 of that list, so that nobody can call a change of their own an erasure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from approvals.erasure import approved_scope
from approvals.models import Erasure
from audit.erasure.subject_and_store_registry import Sealed
from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import canonical
from audit.models import Event, EventRow

ENDS = ("subject.erased", "erasure.replayed")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a document stands.

    Attributes:
        whole: it is what its digest says.
        erased: an erasure took values out of it and nothing else changed.
        erasure: which one.
        index: entry of its certificate; None while it is under way or not yet in the log.
    """

    whole: bool
    erased: bool = False
    erasure: UUID | None = None
    index: int | None = None

    @property
    def altered(self) -> bool:
        """Neither whole nor erased: somebody changed it."""
        return not (self.whole or self.erased)

    @property
    def words(self) -> str:
        """`erased (certificate in entry 12)`; for the reader of a digest that does not match."""
        if not self.erased:
            return "whole" if self.whole else "altered"
        where = "follows" if self.index is None else f"in entry {self.index}"
        return f"erased (certificate {where})"


WHOLE = Standing(True)
ALTERED = Standing(False)


def standing(digest: str, now: str) -> Standing:
    """How a document stands whose digest was `digest` when it was sealed and is `now`."""
    if digest == now:
        return WHOLE
    for erasure in Erasure.objects.filter(restated__has_key=digest):
        if erasure.restated[digest] != now:
            continue
        ended = ends(erasure)
        # Its end is told by the log and not by its row, which somebody may set back.
        if not ended and approved_scope.is_sealed(erasure):
            return Standing(False, True, erasure.id)
        for event, index in ended:
            if says(event, erasure, as_data(erasure)):
                return Standing(False, True, erasure.id, index)
    return ALTERED


def note(erasure: Erasure, sealed: Mapping[str, Sealed]) -> None:
    """Keep what an erasure made of documents that were not altered before."""
    left = {digest: now for digest, one in sealed.items() if (now := one.now()) != digest}
    if left:
        erasure.restated = {**erasure.restated, **left}
        approved_scope.save(erasure, ["restated"])


def unaltered(found: list[Sealed]) -> dict[str, Sealed]:
    """Those that nobody altered, by their digests."""
    return {one.digest: one for one in found if not standing(one.digest, one.now()).altered}


def as_data(erasure: Erasure) -> dict[str, Any]:
    """What the entry of the end says of them."""
    digest = hashlib.sha256(canonical(erasure.restated)).hexdigest()
    return {"documents": len(erasure.restated), "documents_sha256": digest}


def ends(erasure: Erasure) -> list[tuple[UUID, int | None]]:
    """Events that tell of its end, with their places; none while it is under way."""
    rows = EventRow.of_operation(erasure.operation).filter(action__in=ENDS)
    return list(rows.exclude(outcome="pending").values_list("event", "seq"))


def says(event: UUID, erasure: Erasure, listed: Mapping[str, Any]) -> bool:
    """Whether that entry is the end of this erasure, with this list (`as_data`)."""
    found = Event.objects.filter(pk=event).first()
    if found is None:
        return False
    try:
        entry = entries.parse(bytes(found.entry))
    except ValueError:
        return False
    said = {name: entry["data"].get(name) for name in listed}
    return entry["action"] in ENDS and entry["operation"] == erasure.operation and said == listed

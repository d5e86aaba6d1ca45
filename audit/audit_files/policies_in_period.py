"""The versions of the approval policy that were in force in the period of an audit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from audit.audit_files import policy_and_review_hooks
from audit.audit_files.audit_scope import Scope
from audit.audit_files.policy_and_review_hooks import PolicyDocument
from audit.audit_files.range_lines_and_tables import RangePass
from audit.ledger.audit_file_format.tables_of_range import POLICY_CHANGED
from audit.models import EventRow


@dataclass(frozen=True, slots=True)
class Version:
    """One version, and the entry that made it.

    Attributes:
        digest: hex SHA-256 of the document.
        index, event: of the entry; None for the version that the product begins with.
        body: the document; None where it is not what its digest says, as after an erasure.
    """

    digest: str
    index: int | None
    event: UUID | None
    body: bytes | None


def in_period(scope: Scope, found: RangePass) -> list[Version]:
    """The version in force when the period began, and those that followed in it."""
    documents = policy_and_review_hooks.policies()
    made = {one.event: one for one in documents if one.event}
    versions = [_first(scope, documents)]
    for index, event in sorted(found.decisions.items()):
        if event["action"] == POLICY_CHANGED:
            id = UUID(event["id"])
            body = made[id].body if id in made else None
            versions.append(Version(event["data"]["after"], index, id, body))
    return versions


def _first(scope: Scope, documents: Iterable[PolicyDocument]) -> Version:
    """The newest version whose entry is from before the period."""
    first = Version("", None, None, None)
    rows = EventRow.objects.filter(action=POLICY_CHANGED, seq__lt=scope.tree.size)
    earlier = dict(rows.filter(time__lt=scope.period.start).values_list("event", "seq"))
    for one in documents:
        if one.event is None or one.event in earlier:
            index = earlier[one.event] if one.event else None
            first = Version(one.digest, index, one.event, one.body)
    return first

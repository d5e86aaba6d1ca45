"""All versions of the policy as documents, for the files of an audit."""

from __future__ import annotations

from collections.abc import Iterator

from approvals.models import PolicyVersion
from approvals.pipeline.intent import digest
from approvals.policy.document import DEFAULT
from audit.audit_files.policy_and_review_hooks import PolicyDocument
from audit.ledger.format.canonical import canonical


def documents() -> Iterator[PolicyDocument]:
    """The version that the product begins with, then each change, oldest first.

    One that is not what its digest says, as after an erasure, has no body.
    """
    yield PolicyDocument(digest(DEFAULT), canonical(DEFAULT), None)
    for row in PolicyVersion.objects.order_by("id"):
        whole = digest(row.document) == row.digest
        yield PolicyDocument(row.digest, canonical(row.document) if whole else None, row.event_id)

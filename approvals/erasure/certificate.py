"""The certificate of an erasure: what its entry contains, so that a third party can check it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from django.db import connection

from approvals.erasure import erased_or_altered_documents, record_of_emptied_columns
from approvals.models import Erasure
from audit.clock import rfc3339
from audit.evidence import storage
from audit.ledger.format.canonical import canonical
from audit.models import EventRow

MOST_RANGES: Final = 1_000
MOST_SHIPPED: Final = 200
"""So many are listed: an entry holds at most 64 KiB."""
_LEFT: Final = ("audit.exported", "connection.exported")

OUT_OF_REACH: Final = {
    "shipped": "Files that left the portal: exports, packs and logs. The certificate lists them.",
    "backups": "Backups made before. A restored one is erased again before it is used.",
    "streams": "Copies that a log stream, a SIEM or a log collector took.",
    "issuer": "What Auth0 holds: the account, its connected accounts and its own logs.",
    "gateways": "What DefenseClaw gateways hold in their own databases.",
    "witnesses": "Witnesses and time authorities: they hold hashes only, and no value.",
    "others": "Signed approvals of other people that name the person: theirs, sealed, and kept.",
    "names": "Names and labels of the person in what others wrote, unless subject or e-mail of the "
    "person is in the same row or the name alone says who held or dismissed something. People "
    "choose them, also to be like others.",
    "memory": "Main memory, swap and core dumps: what was freed there and not yet used again.",
    "clear": "What entries say in clear: opaque ids, names of components and agents, public keys.",
    "wal": "The write-ahead log and replicas of PostgreSQL, until they are recycled.",
}
"""Code and words of everything that an erasure cannot reach."""


def build(erasure: Erasure) -> dict[str, Any]:
    """Plain JSON for the entry of a finished erasure."""
    shipped, count = _shipped(erasure.touched)
    return {
        "certificate": True,
        **touched(erasure),
        **lists(erasure),
        "stores": {name: int(count) for name, count in sorted(erasure.steps.items())},
        "evidence_key": "destroyed" if not storage.has_key(erasure.subject) else "new",
        "out_of_reach": list(out_of_reach()),
        "shipped": shipped,
        "shipped_count": count,
        **({"replayed": True} if erasure.replayed else {}),
    }


def touched(erasure: Erasure) -> dict[str, Any]:
    """Whose values went from which entries; also of an erasure that a legal hold stopped."""
    found: list[list[int]] = erasure.touched
    listed = covering(found, MOST_RANGES)
    return {
        "subject": erasure.subject,
        "decision_index": erasure.index,
        "events": sum(last - first + 1 for first, last in found),
        "ranges": listed,
        "ranges_exact": listed == found,
        "ranges_sha256": hashlib.sha256(canonical(found)).hexdigest(),
    }


def lists(erasure: Erasure) -> dict[str, Any]:
    """Digests of what it did to sealed documents and to rows that are held to their events."""
    return {
        **erased_or_altered_documents.as_data(erasure),
        **record_of_emptied_columns.as_data(erasure),
    }


def out_of_reach() -> dict[str, str]:
    """What an erasure cannot reach on this database."""
    postgres = connection.vendor == "postgresql"
    return {code: words for code, words in OUT_OF_REACH.items() if code != "wal" or postgres}


def covering(ranges: Sequence[Sequence[int]], most: int) -> list[list[int]]:
    """At most so many ranges that hold all of them: where there are more, the narrowest gaps are
    covered too."""
    found = [list(one) for one in ranges]
    if len(found) <= most:
        return found
    gaps = sorted(range(1, len(found)), key=lambda i: found[i][0] - found[i - 1][1])
    closed = set(gaps[: len(found) - most])
    covered: list[list[int]] = []
    for place, (first, last) in enumerate(found):
        if place in closed:
            covered[-1][1] = last
        else:
            covered.append([first, last])
    return covered


def _shipped(touched: Sequence[Sequence[int]]) -> tuple[list[dict[str, Any]], int]:
    """The newest files that left after the first of these entries, by entry and time."""
    if not touched:
        return [], 0
    left = EventRow.objects.filter(action__in=_LEFT, seq__gt=touched[0][0], outcome="success")
    newest = left.order_by("-seq").values_list("seq", "event", "time")[:MOST_SHIPPED]
    listed = [
        {"index": seq, "event": str(event), "time": rfc3339(time)} for seq, event, time in newest
    ]
    return listed, left.count()

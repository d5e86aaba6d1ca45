"""Hold databases and files against the driver's journal: `python -m torture.judge JOURNAL [final]`.

Runs in a separate process with the stack's environment and prints one JSON object. While the
load runs, only what must hold at every moment is judged; `final` judges everything.
"""

from __future__ import annotations

import json
import os
import sys
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db.models import Count, Max  # noqa: E402

from audit.keys import keyring  # noqa: E402
from audit.models import Checkpoint, Entry, Event, EventRow  # noqa: E402
from torture import judge_approvals, judge_files, tree  # noqa: E402

type Said = Iterator[str]


def acknowledged(journal: dict[str, Any], final: bool) -> Said:
    """Every acknowledged event is there once, and at the end has exactly one leaf."""
    events = {UUID(event) for event in journal["events"]}
    stored = set(Event.objects.values_list("id", flat=True))
    for event in sorted(events - stored):
        yield f"event {event} was acknowledged and is lost"
    leaves = Counter(Entry.objects.values_list("event_id", flat=True))
    for event, count in leaves.items():
        if count > 1:
            yield f"event {event} has {count} leaves"
    if final:
        for event in sorted(stored - leaves.keys()):
            yield f"event {event} never got a leaf"
        rows = set(EventRow.objects.values_list("event", flat=True))
        if rows != stored:
            yield f"{len(rows ^ stored)} events and search rows do not match"


def tree_of(journal: dict[str, Any]) -> Said:
    """Leaves are numbered without gaps, and every head ever seen is of this tree."""
    leaves = Entry.objects.aggregate(last=Max("seq"), count=Count("seq"))  # at one moment
    count, last = leaves["count"], leaves["last"]
    if count and last != count - 1:
        yield f"{count} leaves are numbered up to {last}"
    heads = {int(size): b64decode(root) for size, root in journal["heads"].items()}
    signed: dict[int, set[bytes]] = {}
    for size, root, note in Checkpoint.objects.values_list("size", "root", "note"):
        signed.setdefault(size, set()).add(bytes(root))
        if keyring.read().verify(note).root != bytes(root):
            yield f"the checkpoint of {size} says another root than its row"
        heads.setdefault(size, bytes(root))
    for size, found in signed.items():
        if len(found) > 1:
            yield f"{len(found)} roots were signed for size {size}"
    for size in sorted(heads.keys() - signed.keys()):
        yield f"a checkpoint of {size} was served and is not kept"
    stored = Entry.objects.order_by("seq").values_list("event__entry", flat=True)
    yield from tree.forks((bytes(entry) for entry in stored.iterator(2000)), heads)


def judge(journal: dict[str, Any], final: bool) -> list[str]:
    """Every violation, in words."""
    found = [*acknowledged(journal, final), *tree_of(journal), *judge_files.exports(journal, final)]
    if final:
        found += judge_approvals.decisions(journal)
        found += judge_approvals.closings(journal)
        found += judge_approvals.evidence_of_approvals()
        found += judge_approvals.steps()
        found += judge_approvals.gateways(journal)
        found += judge_files.imports(journal)
    else:
        found += judge_approvals.stuck()
    return found


def main() -> None:
    """Print `{"violations", "counts"}`."""
    journal = json.loads(Path(sys.argv[1]).read_text())
    violations = judge(journal, final="final" in sys.argv[2:])
    counts = {
        "events": Event.objects.count(),
        "leaves": Entry.objects.count(),
        "checkpoints": Checkpoint.objects.count(),
        **judge_approvals.counts(),
        **judge_files.counts(),
    }
    print(json.dumps({"violations": violations, "counts": counts, "var": str(settings.VAR_DIR)}))


if __name__ == "__main__":
    main()

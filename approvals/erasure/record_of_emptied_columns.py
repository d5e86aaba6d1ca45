"""Which rows an erasure took words out of, of those that `verify_ledger` holds to their events.

An erasure empties working rows before the log, so for a while a row lacks what its event still
says, and for good where a legal hold stops it in between. The job notes each row and column that it
changed; the entry of its end names the SHA-256 of that list. So nobody who blanks a row of their
own choice has it excused by an erasure that is about somebody else, or that never came so far.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import batched
from typing import Any, Final

from django.db.models import Model

from approvals.erasure import approved_scope, erased_or_altered_documents, erasure_list_file
from approvals.models import Erasure
from audit.erasure.subject_and_store_registry import Repeats
from audit.ledger.format.canonical import canonical

_BATCH: Final = 500

type Rows = dict[str, dict[str, Any]]
"""Name of a row -> column -> what it says."""


def name_of(row: Model) -> str:
    """A row's name in the list: its table and key, which say nothing of anybody."""
    return f"{row._meta.label_lower}:{row.pk}"


def read(found: Iterable[Repeats]) -> list[tuple[Repeats, Rows]]:
    """What the rows say that may lose something."""
    return [(one, _rows(one, one.rows.values_list("pk", flat=True))) for one in found]


def note(erasure: Erasure, before: list[tuple[Repeats, Rows]]) -> None:
    """Keep which columns of these rows say something else now; part of the transaction in which
    they were emptied."""
    left = {name: set(columns) for name, columns in erasure.emptied.items()}
    changed = False
    for one, rows in before:
        now = _rows(one, [name.partition(":")[2] for name in rows])
        for name, said in rows.items():
            gone = {c for c in one.columns if name in now and now[name][c] != said[c]}
            if gone:
                left[name] = left.get(name, set()) | gone
                changed = True
    if changed:
        erasure.emptied = {name: sorted(columns) for name, columns in sorted(left.items())}
        approved_scope.save(erasure, ["emptied"])


def as_data(erasure: Erasure) -> dict[str, Any]:
    """What the entry of the end says of them."""
    digest = hashlib.sha256(canonical(erasure.emptied)).hexdigest()
    return {"rows": len(erasure.emptied), "rows_sha256": digest}


def believed() -> list[tuple[str, dict[str, list[str]]]]:
    """For each erasure the subject key and its list, where both are what the erasure left.

    An erasure counts that stands on the list outside the database, since nothing is erased before.
    While it is under way the row has to be as this portal left it. Once an entry tells of its end,
    that entry has to name this very list of rows.
    """
    if not Erasure.objects.exists():
        return []
    try:
        listed = {(one.subject, one.index) for one in erasure_list_file.read()}
    except (erasure_list_file.TombstonesDamaged, OSError):
        return []  # then every row that lacks something is named
    return [
        (erasure.subject, erasure.emptied)
        for erasure in Erasure.objects.exclude(emptied={})
        if (erasure.subject, erasure.index) in listed and _is_recorded(erasure)
    ]


def _is_recorded(erasure: Erasure) -> bool:
    ends = erased_or_altered_documents.ends(erasure)
    if not ends:
        return approved_scope.is_sealed(erasure)
    return any(
        erased_or_altered_documents.says(event, erasure, as_data(erasure)) for event, _ in ends
    )


def _rows(one: Repeats, keys: Iterable[Any]) -> Rows:
    model, found = one.rows.model, {}
    for some in batched(keys, _BATCH):
        for row in model._default_manager.filter(pk__in=some).only(*one.columns):
            found[name_of(row)] = {column: getattr(row, column) for column in one.columns}
    return found

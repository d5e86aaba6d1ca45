"""Rows of an export that were altered are found: a doubled column or member, a mask in a cell."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from audit.ledger import merkle, note
from audit.ledger.format import entry, table_cells, truncation
from audit.ledger.format.canonical import canonical
from audit.ledger.offline import export_check, export_manifest, log_file
from audit.ledger.tree_edge import GrowingTree
from tests.support.signed import sign_checkpoint

ORIGIN, SEED = "ledger.example/test", bytes(range(32))
VKEY = note.vkey(ORIGIN, note.public_key(SEED))
NOW = datetime(2026, 11, 28, tzinfo=UTC)


def built(n: int) -> entry.Built:
    return entry.build(
        {
            "time": NOW, "recorded_at": NOW, "action": "skill.blocked", "outcome": "denied",
            "actor": {"iss": "https://i/", "sub": "olu", "name": "Olu", "email": "o@x",
                      "roles": []},
            "target": {"kind": "skill", "name": "pdf-exfil"}, "reason": "it steals",
            "data": {"verb": "skill.block", "token": "kept", "approved_by": "nobody",
                     "verdict": {"by": "scanner"}, "odd": {"erased": True}},
            "private": {"query": {"actor": "mia"}},
        },
        id=UUID(int=n + 1),
    )  # fmt: skip


BUILT = [built(n) for n in range(3)]
TREE = GrowingTree()
for _one in BUILT:
    TREE.extend([merkle.leaf_hash(_one.entry)])
SIGNED = sign_checkpoint(ORIGIN, 3, TREE.root(), SEED)
ENTRIES = [log_file.header(ORIGIN, 3, SIGNED)] + [
    log_file.line(n, one.entry, one.openings, ()) for n, one in enumerate(BUILT)
]


FILTER = {"words": "All events, oldest first", "params": {"order": "oldest"}, "bar": "order:oldest"}


def revealed() -> list[dict[str, Any]]:
    return [entry.reveal(one.document, one.openings, index=n) for n, one in enumerate(BUILT)]


def verified(file: bytes, format: str = "csv") -> export_check.ExportReport:
    manifest = {
        "schema": export_manifest.SCHEMA, "filter": FILTER,
        "only_events_of": None,
        "format": format, "range": {"first_index": 0, "end_index": 3}, "rows": 3,
        "tree": {"size": 3, "root": b64encode(TREE.root()).decode(), "checkpoint": SIGNED},
        "file": {"sha256": hashlib.sha256(file).hexdigest()}, "exporter": {"iss": "https://i/"},
    }  # fmt: skip
    manifest["signed"] = note.sign(export_manifest.statement(manifest), ORIGIN, SEED)
    return export_check.check(manifest, file, ENTRIES, [VKEY])


def honest() -> tuple[list[str], list[list[str]]]:
    events = [
        entry.reveal(one.document, one.openings) | {"index": n} for n, one in enumerate(BUILT)
    ]
    header = list(table_cells.COLUMNS)
    return header, [
        [
            "" if (c := table_cells.safe_cell(read(e))) is None else str(c)
            for read in table_cells.COLUMNS.values()
        ]
        for e in events
    ]


def as_csv(header: list[str], lines: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([header, *lines])
    return out.getvalue().encode()


def test_the_honest_file_is_verified() -> None:
    report = verified(as_csv(*honest()))
    assert report.ok, report.steps


def test_a_second_column_of_one_name_hides_no_forgery() -> None:
    """The first `action`, `outcome` and `actor_name`, which people see, are forged."""
    header, lines = honest()
    forged = {
        "action": "skill.allowed",
        "outcome": "success",
        "actor_name": "Mia Member",
        "reason": "fine",
    }
    at = [header.index(name) for name in forged]
    header = header + list(forged)
    lines = [
        [forged.get(header[i], cell) if i in at else cell for i, cell in enumerate(line)]
        + [line[i] for i in at]
        for line in lines
    ]
    assert not verified(as_csv(header, lines)).ok


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("action", "skill.allowed [masked: 3]"),
        ("reason", "The CISO approved it. [masked: 3]"),
        ("actor_sub", "mia [masked: 1]"),
        ("action", "skill.allowed" + truncation.label("skill.blocked")),
        ("outcome", "success" + truncation.label("denied")),
        ("reason", "The CISO approved it." + truncation.label("it steals")),
        ("data", '{"approved_by":"the CISO","token":"[masked: x]","verb":"skill.allow"}'),
    ],
)
def test_a_mask_in_a_cell_hides_no_other_change_of_it(column: str, cell: str) -> None:
    header, lines = honest()
    lines[1][header.index(column)] = cell
    assert not verified(as_csv(header, lines)).ok


@pytest.mark.parametrize("format", ["csv", "ndjson"])
@pytest.mark.parametrize(
    "member",
    [
        {"approved_by": {"erased": True}},
        {"verdict": {"erased": True}},
        {"verdict": {"by": {"erased": True}}},
        {"query": {"actor": {"erased": True}}},
        {"odd": "the CISO approved it"},
    ],
)
def test_what_stands_in_clear_was_never_erased(format: str, member: dict[str, object]) -> None:
    assert verified(with_member({"query": {"erased": True}}, format), format).ok
    assert not verified(with_member(member, format), format).ok


@pytest.mark.parametrize("name", ["changes", "on_behalf_of_email"])
def test_a_cell_without_a_value_was_never_erased(name: str) -> None:
    header, lines = honest()
    lines[1][header.index(name)] = table_cells.ERASED
    assert not verified(as_csv(header, lines)).ok


def with_member(member: dict[str, object], format: str) -> bytes:
    """The honest file, but for members of `data` of its second row."""
    events = [
        entry.reveal(one.document, one.openings) | {"index": n} for n, one in enumerate(BUILT)
    ]
    events[1]["data"] = events[1]["data"] | member
    if format == "ndjson":
        return b"\n".join(map(canonical, events)) + b"\n"
    header, lines = honest()
    lines[1][header.index("data")] = json.dumps(events[1]["data"])
    return as_csv(header, lines)


def test_a_member_that_stands_twice_hides_no_forgery() -> None:
    events = [
        entry.reveal(one.document, one.openings) | {"index": n} for n, one in enumerate(BUILT)
    ]
    texts = [canonical(event) for event in events]
    texts[1] = b'{"action":"skill.allowed","outcome":"success",' + texts[1][1:]
    json.loads(texts[1])
    assert not verified(b"\n".join(texts) + b"\n", "ndjson").ok

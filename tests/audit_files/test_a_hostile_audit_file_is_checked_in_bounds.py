"""What a stranger puts into an audit file keeps no verifier busy: counts and sizes are bounded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest

from audit.ledger.audit_file_format import entry_range, signed_manifest
from audit.ledger.audit_file_format.tables_of_range import MOST_ROWS
from audit.ledger.format.canonical import count_parts
from tests.ata.ata_process import Ata
from tests.audit_files import hostile_audit_file as hostile
from tests.audit_files.hostile_audit_file import checked, entry, file_of, table
from tests.packs.conftest import _collected, ata, var_dir

__all__ = ["_collected", "ata", "var_dir"]

FEW = [entry(number) for number in range(10)]
NUMBERS = [0.5] * 12_000


def failure(body: bytes) -> str:
    """The check that failed, with its sentence."""
    [one] = [one for one in checked(body).checks if one.state == "failed"]
    return f"{one.name}: {one.detail}"


def of_lists() -> bytes:
    """One line of 16 MB that is five million lists."""
    lists = b"[]," * 5_000_000
    return file_of(
        FEW, lines=[b'{"entry":"","index":0,"openings":[],"withheld":[' + lists + b"0]}"]
    )


def of_numbers() -> bytes:
    """Entries whose canonical form takes twenty times as long as that of others of their size."""
    return file_of([entry(number, data={"a": NUMBERS}) for number in range(100)])


def of_filters() -> bytes:
    """Filters that each entry is compared with, value by value."""
    values = " ".join(f"action:a{number}.*" for number in range(200))
    return file_of(FEW, tables=[table(f"t{number}", filter=values) for number in range(100)])


def of_rows() -> bytes:
    """Every entry in a hundred populations."""
    entries = [entry(number) for number in range(10_100)]
    tables = [table(f"t{number}", filter="action:skill.blocked") for number in range(100)]
    return file_of(entries, tables=tables)


def of_packs() -> bytes:
    """Packs of 60 MB each that deflate to nothing."""
    body = bytes(60 * 1024 * 1024)
    return file_of(FEW, more={f"evidence/items-{number:03}.zip": body for number in range(5)})


def of_a_review() -> bytes:
    """The result of a review with more values than are read."""
    result = b"[" + b"0," * 10_000_000 + b"0]\n"
    data = {"result_sha256": hashlib.sha256(result).hexdigest()}
    closed = entry(0, action="review.closed", source="portal", data=data)
    name = f"reviews/{0:036d}.ndjson"
    return file_of([closed], more={name: result}, reviews=[{"member": name, "index": 0}])


def of_bytes() -> bytes:
    """Members that deflate to nothing, of more than a GB in all."""
    body = bytes(100 * 1024 * 1024)
    return file_of(FEW, more={f"policies/{number:064x}.json": body for number in range(11)})


def is_refused_within(within_s: float, body: bytes, says: str) -> bool:
    """Whether one of three checks takes fewer seconds of processor: a loaded machine makes some of
    them dearer."""

    def spent() -> float:
        begun = process_time()
        assert says in failure(body)
        return process_time() - begun

    return any(spent() < within_s for _ in range(3))


@pytest.mark.parametrize(
    ("make", "says", "within_s"),
    [
        (of_lists, "Entry 0 has a line that is too long", 1.0),
        (of_filters, f"Its filters have more than {signed_manifest.MAX_FILTERS:,} characters", 0.5),
        (of_rows, f"The populations have more than {MOST_ROWS:,} rows", 20.0),
        (of_packs, f"Its packs have more than {signed_manifest.MAX_EVIDENCE_BYTES:,} bytes", 0.5),
        (of_a_review, "have more than 10,000,000 values", 1.0),
    ],
)
def test_it_is_refused_before_the_work_is_done(
    make: Callable[[], bytes], says: str, within_s: float
) -> None:
    assert is_refused_within(within_s, make(), says)


def test_values_are_counted_over_all_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry_range, "MOST_PARTS", 500_000)
    assert is_refused_within(2.0, of_numbers(), "The entries have more than 500,000 values")


def test_the_largest_file_has_half_of_what_is_read() -> None:
    event = entry(0, data={"before": "a", "after": "b", "number": 1}, reason="why")
    values = count_parts(hostile.line(0, event)) + 40  # openings of ten values
    assert entry_range.MOST_ENTRIES == 200_000
    assert values * entry_range.MOST_ENTRIES < entry_range.MOST_PARTS


def test_ata_verify_refuses_it_with_a_sentence(ata: Ata, tmp_path: Path) -> None:
    for body, says in (
        (of_filters(), "Its filters have more than 16,384 characters."),
        (of_bytes(), "It unpacks to more than 1,073,741,824 bytes."),
    ):
        (tmp_path / "hostile.zip").write_bytes(body)
        result = ata.here("verify", str(tmp_path / "hostile.zip"))
        assert result.exit_code == 1 and says in result.output, result.output

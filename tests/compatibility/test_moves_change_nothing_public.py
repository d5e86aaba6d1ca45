"""Addresses, API, tables, verbs, jobs, labels and bytes of entries are what they were recorded as.

Move code freely; where one of these was meant to change, record it (see `surface`).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from tests.compatibility.surface import PARTS, lines_of

HERE = Path(__file__).parent


@pytest.mark.parametrize("part", sorted(PARTS))
def test_it_is_what_was_recorded(part: str, db: None, request: pytest.FixtureRequest) -> None:
    suffix = f".{connection.vendor}" if part == "tables" else ""
    recorded, present = HERE / f"{part}{suffix}.txt", lines_of(part)
    assert len(present) > 10
    if request.config.getoption("--write", default=False):
        recorded.write_text("\n".join([*present, ""]))
    known = recorded.read_text().splitlines()
    gone, new = sorted(set(known) - set(present)), sorted(set(present) - set(known))
    assert not gone and not new, "\n".join([*(f"- {x}" for x in gone), *(f"+ {x}" for x in new)])

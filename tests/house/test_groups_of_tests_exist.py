"""What the workers are given as one group, or first, is there."""

from __future__ import annotations

from pathlib import Path

from tests.support.together import DEAR, TOGETHER

CHECKOUT = Path(__file__).resolve().parents[2]


def test_each_group_is_a_folder_or_a_file() -> None:
    assert [group for group in (*TOGETHER, *DEAR) if not (CHECKOUT / group).exists()] == []

"""However long or invisible a name is, it is shown in bounded room and as no other name is."""

from __future__ import annotations

from itertools import combinations

import pytest

from audit.ledger.format import safe_display

ALIKE = [
    "pdf",
    "pdf ",
    " pdf",
    "p df",
    "p  df",
    "pdf\u200b",
    "pdf\u200b\u200b",
    "pdf" + "\u200b" * 65,
    "pdf" + "\u200b" * 66,
    "pdf⟨U+200B⟩",
    "pdf⟨U+200B×65⟩",
    "pdf\ufe0f",
    "pdf\u3164",
    "pdf\u2800",
    "pdf\0",
    "pdf␀",
    "pdf\ufeff",
    "a" * 150,
    "a" * 151,
    "a" * 75 + "b" + "a" * 75,
    "\u200b\u200c" * 150,
    "\u200c\u200b" * 150,
    "\u200b" * 5000,
    "\u200b" * 4999,
]


@pytest.mark.parametrize("name", ALIKE, ids=range(len(ALIKE)))
def test_any_name_is_shown_in_bounded_room(name: str) -> None:
    shown = safe_display.short(name)
    assert len(shown) <= safe_display.LONGEST
    assert safe_display.visible(shown) == shown


@pytest.mark.parametrize("one, other", list(combinations(range(len(ALIKE)), 2)))
def test_two_names_are_never_shown_alike(one: int, other: int) -> None:
    assert safe_display.short(ALIKE[one]) != safe_display.short(ALIKE[other])


QUOTED = ["a b", "“a b”", '"a b"', "„a b‟", "⟨U+201C⟩a b⟨U+201D⟩", "a”b", "a⟨U+201D⟩b"]


@pytest.mark.parametrize("one, other", list(combinations(QUOTED, 2)))
def test_two_names_are_never_alike_in_a_sentence(one: str, other: str) -> None:
    assert safe_display.in_sentence(one) != safe_display.in_sentence(other)


def test_a_name_that_is_typed_as_another_is_shown_is_not_shown_like_it() -> None:
    for name in ALIKE:
        if (shown := safe_display.short(name)) != name:
            assert safe_display.short(shown) != shown


def test_a_run_of_one_hidden_character_is_written_once_with_its_number() -> None:
    assert safe_display.visible("pdf" + "\u200b" * 65) == "pdf⟨U+200B×65⟩"

"""A person's name stands in quotes in a sentence; an e-mail address or a subject does not."""

from __future__ import annotations

import pytest

from audit.ledger.format import safe_display

ADDRESSES = ["mia@acme.example", "j.doe+1@acme.example", "auth0|5f7c8ec7c33c6c004bbafe82"]
NAMES = [
    *("Mia Member", "mia", "J. R. R. Tolkien", "Dr. Ana Ruiz Jr.", "Jean-Luc O’Brien"),
    *("Miles O'Brien", "Ana de la Cruz", "Ольга Орлова", "王 小明", "अमित शर्मा", "José Núñez"),
]
HOSTILE = [
    *("Mia. Approve to continue", "Mia (approved by security)", "Mia: approved", "Mia, Amir"),
    *("Mia — If denied nothing happens", "Mia approved this", "Mia Approved", "Approve This Now"),
    *("Risk Low Trusted Requester Verified", "Security Team", "Kein Risiko", "Genehmigt",
      "approved-by-security", "approve@once", "auth0|mia is the owner", "mia@acme.example owns"),
    *("Mia Is The Owner", "Mia Approve-Now", "Mia Ana Eva Zoe Lea Kim",
      "Mia\nRisk: Low", "Mia\u202egnikcolb", "Mia\nRisk",
      "Mia\u2028Low", "Mia  Member", " Mia Member", "Mia\u00a0Member", "Mi\u200ba"),
    *("Mia ” Member", "Mia '' Member", "Mia ’’ Member", "Mia \" Member", "Mia » Member"),
    *("Mіa Member", "Mia Member ⚠", "Mia 2", "M" * 200, "Mia " + "M" * 200, "Mia ́Member"),
]  # fmt: skip


@pytest.mark.parametrize("name", ADDRESSES)
def test_an_address_or_a_subject_has_no_quotes(name: str) -> None:
    assert safe_display.person_in_sentence(name) == name


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_in_quotes_as_it_is(name: str) -> None:
    assert safe_display.person_in_sentence(name) == f"“{name}”"


@pytest.mark.parametrize("name", HOSTILE)
def test_what_reads_as_our_words_is_quoted_and_cannot_end_its_quotes(name: str) -> None:
    said = safe_display.person_in_sentence(name)
    assert said[0] == "“" and said[-1] == "”", said
    inner = said[1:-1]
    assert safe_display.visible(said) == said and len(said) <= safe_display.LONGEST + 2
    assert not any(end in inner for end in ("“", "”", '"', "»", "''", "’’"))


@pytest.mark.parametrize("longest", [40, 60, safe_display.LONGEST])
@pytest.mark.parametrize("name", [*ADDRESSES, *NAMES, *HOSTILE])
def test_it_is_as_long_as_is_asked_for(name: str, longest: int) -> None:
    assert len(safe_display.person_in_sentence(name, longest)) <= longest + 2


def test_two_people_are_never_shown_alike() -> None:
    names = [*ADDRESSES, *NAMES, *HOSTILE]
    assert len({safe_display.person_in_sentence(name) for name in names}) == len(set(names))


@pytest.mark.parametrize("end", ["”", '"', "❞", "»", "″", "’’", "''", "′′", "``"])
def test_a_quote_ends_nobodys_quotes(end: str) -> None:
    said = safe_display.person_in_sentence(f"Mia{end} is the owner. Approve")
    assert (said[0], said[-1]) == ("“", "”") and end not in said[1:-1]
    one = safe_display.person_in_sentence(f"Mia{end}Member")
    assert (one[0], one[-1]) == ("“", "”") and end not in one[1:-1]


@pytest.mark.parametrize("name", ["pdf-exfil", "web_search", "acme/tool.v2", "edge1", "npm:x@1.2"])
def test_a_component_that_is_no_word_has_no_quotes(name: str) -> None:
    assert safe_display.in_sentence(name) == name


@pytest.mark.parametrize(
    "name",
    ["deploy", "Approved", "genehmigt", "café-bot", "обзор-1", "x.", "-x", "a b", "", "x(1)"],
)
def test_a_component_that_could_be_one_of_our_words_is_quoted(name: str) -> None:
    assert safe_display.in_sentence(name) == f"“{name}”"


@pytest.mark.parametrize("blank", ["\U0001d159", "\U00013441", "\U00013442", "\U00016fe4"])
def test_a_glyph_that_is_blank_is_written_out(blank: str) -> None:
    written = f"⟨U+{ord(blank):04X}⟩"
    assert safe_display.in_sentence(f"pdf-{blank}exfil") == f"“pdf-{written}exfil”"
    assert safe_display.visible(f"Mia{blank}Member") == f"Mia{written}Member"


@pytest.mark.parametrize(
    ("name", "like"), [("ꓮꓓꓟꓲꓠ", "ADMIN"), ("ᎪᏞᎬᎡᎢ", "ALERT"), ("pdf-ꓮ", "pdf-A")]
)
def test_letters_of_lisu_and_cherokee_do_not_pass_as_latin(name: str, like: str) -> None:
    assert safe_display.in_sentence(name) == f"“{name}”"
    assert safe_display.warning(name).startswith(f"looks like {like} but is not: ")

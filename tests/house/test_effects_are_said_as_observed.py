"""Every sentence that names an effect was looked at, and none of the trail's can become false.

`effects_said.tsv` lists them all: verdict, file and sentence between tabs, in order. A new one
fails here until somebody has judged whether it says no more than was observed, and listed it.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.house import effects_said
from tests.house.effects_said import ROOT, Sentence

LISTED: Final = Path(__file__).with_name("effects_said.tsv")
VERDICTS: Final = {
    "past": "says what was recorded or answered, in the past tense; it stays true",
    "now": "made from rows or from an answer at the moment it is shown or returned",
    "rule": "says what happens on a condition or is asked of somebody; nothing happened yet",
    "name": "a heading, a label, or the name of a list or state",
    "code": "no sentence for people: SQL, a line of a log, a word list",
}
TRAIL: Final = (
    "approvals/passkeys/passkey_sentences.py",
    "approvals/person_access_ends/access_end_sentences.py",
    "approvals/event_sentences.py",
    "audit/recording/action_registry.py",
    "audit/recording/sentences.py",
    "connections/notifications/owner_emails_and_webhook.py",
    "connections/event_sentences.py",
    "enforcement/event_sentences.py",
    "accounts/break_glass/break_glass_sentences.py",
    "accounts/access_refusal_event_sentences.py",
)
"""What says how events and letters read. They are kept and read when things have moved on."""
CAN_BECOME_FALSE: Final = re.compile(
    r"\b(?:are|being|waits?|works|now|from now on|yet|will|stays?|keeps|gets?|goes on|finishing"
    r"|is (?:asked|blocked|frozen|gone|held|on hold|revoked|suspended|told|deleted|refused))\b"
)
ABOUT_WHAT_LASTS: Final = {
    "Only you can delete it at Auth0": "a rule of Auth0",
}
"""Beginnings of texts of the trail in the present tense, each with the reason."""


def listed() -> dict[Sentence, str]:
    """Verdict of each sentence of the list."""
    rows = [line.split("\t", 2) for line in LISTED.read_text().splitlines()]
    return {Sentence(file, text): verdict for verdict, file, text in rows}


def test_every_sentence_that_names_an_effect_is_listed_and_no_other() -> None:
    found, known = effects_said.sentences(), set(listed())
    assert sorted(found - known) == []
    assert sorted(known - found) == []


def test_each_has_a_verdict() -> None:
    count = Counter(listed().values())
    assert set(count) == set(VERDICTS)
    assert sum(count.values()) > 400


def test_the_list_is_sorted_and_names_each_once() -> None:
    lines = LISTED.read_text().splitlines()
    places = [line.partition("\t")[2] for line in lines]
    assert places == sorted(set(places))


@pytest.mark.parametrize("file", TRAIL)
def test_no_sentence_of_the_trail_or_a_letter_can_become_false(file: str) -> None:
    texts = [one for one in effects_said.strings((ROOT / file).read_text()) if " " in one]
    false = [
        text
        for text in texts
        if CAN_BECOME_FALSE.search(text)
        and not any(lasting in text for lasting in ABOUT_WHAT_LASTS)
    ]
    assert texts
    assert false == []


@pytest.mark.parametrize(
    "text",
    ["; 2 gateways are being told", "the next on call is asked", "agents get no token of it"],
)
def test_the_words_that_were_false_are_found(text: str) -> None:
    assert CAN_BECOME_FALSE.search(text)


def test_a_planted_sentence_is_found() -> None:
    code = 'def f(a):\n    """It is blocked here."""\n    return f"{a} was revoked at Auth0"'
    assert list(effects_said.strings(code)) == ["{} was revoked at Auth0"]
    page = (
        '<p title="Everything is frozen">{{ n }} blocked{# was sent #} {% if a %}b{% endif %}</p>'
    )
    assert [text for text in effects_said.texts(page) if text] == [
        "Everything is frozen",
        "{} blocked …b",
    ]
    assert effects_said.names_an_effect("{} was revoked at Auth0")

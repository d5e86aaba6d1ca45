"""The filter language: one reading from bar, URL and API; errors that name the fix; matching."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audit.ledger.query import (
    KEYS,
    TEXT_FIELDS,
    EventQuery,
    InvalidQuery,
    normalise,
    search_words,
    terms,
    words,
)

EVENT: dict[str, Any] = {
    "schema": "ata.event.v1",
    "id": "0197a3c0-1111-7222-8333-444455556666",
    "index": 4,
    "time": "2026-03-01T12:30:05.000000Z",
    "recorded_at": "2026-03-02T00:00:00.000000Z",
    "action": "skill.blocked",
    "outcome": "denied",
    "severity": "HIGH",
    "source": "portal",
    "instance": "edge-1",
    "actor": {
        "iss": "http://localhost:8100/",
        "sub": "auth0|65F0",
        "name": "Ólu Straße",
        "email": "Operator@Acme.example",
        "roles": ["operator"],
    },
    "on_behalf_of": {"iss": "i", "sub": "auth0|mia", "name": "Mia Member", "email": ""},
    "via": "cli",
    "target": {"kind": "skill", "name": "Mail-Reader v2", "instance": "edge-1"},
    "connection": "google-oauth2",
    "agent": "codex",
    "skill": "",
    "approval": "a-1",
    "operation": "o-1",
    "session": "s-1",
    "request": "r-1",
    "intent_hash": "ab" * 32,
    "reason": "Exfiltrated data_dump to 192.0.2.7",
    "changes": {"state": ["allowed", "held"]},
    "data": {"finding": 7731, "flagged": True, "note": {"erased": True}, "deep": [{"x": "needle"}]},
    "evidence": [],
    "human": "H2",
    "log": "L1",
}


def matches(bar: str, **changes: Any) -> bool:
    query = EventQuery.from_bar(bar)
    assert query.errors == ()
    return query.matches(EVENT | changes)


MATCHING = """
    skill | blocked | SKILL.BLOCKED | action:skill.blocked | action:skill.* | -action:mcp.*
    actor:auth0|65f0 | actor:operator@acme.EXAMPLE | actor:"ÓLU STRASSE" | -actor:olu
    straße | strasse | STRASSE | operator | target:"mail-reader V2" | "mail reader" | mia | needle
    held | 7731 | 77* | exfil* | dump | "192 0 2 7" | oauth2 | needle held | "v2 mail"
    outcome:denied | outcome:success outcome:DENIED | -outcome:success | severity:high
    source:portal | instance:edge-1 | connection:google-oauth2 | agent:codex | approval:a-1
    operation:o-1 | session:s-1 | request:r-1 | via:cli | role:operator | -role:admin | human:h2
    log:L1 log:L2 | after:2026-03-01 | after:2026-03-01T12:30:05Z | -after:2026-03-01T12:30:06Z
    before:2026-03-02 | before:2026-03-01T12:30:05.000001Z | after:2026-03-01T17:30:05+05:00
    after:2030-01-01 after:2026-01-01 | before:2020-01-01 before:2027-01-01 | order:oldest
    q:absent q:needle | -q:absent | -"needle absent" | mem*
"""
OTHERS = """
    skil | locked | -skill | -blocked | action:skill | action:skill.block | action:skills.*
    action:skil.* | actor:operator | actor:auth0 | actor:mia | actor:"Mia Member" | target:mail
    olu | ab* abc | "needle absent" | true | flagged | erased | 773 | 65f | state | x
    outcome:success | -outcome:denied | -outcome:success -outcome:denied | severity:critical
    instance:EDGE-1 | connection:google | agent:code | approval:a | session:S-1 | via:web
    role:member | role:admin role:auditor | human:H1 | log:L2 | after:2026-03-02
    before:2026-03-01 | before:2026-03-01T12:30:05Z | -q:needle | -needle | outcome:denied absent
    after:2026-03-01T12:30:05.000001Z | -after:2026-03-01 | q:absent q:missing | portal | abab*
"""


def listed(block: str) -> list[str]:
    # `auth0|65f0` holds the separator itself, but never with spaces around it.
    return [bar.strip() for line in block.strip().splitlines() for bar in line.split(" | ")]


@pytest.mark.parametrize("bar", listed(MATCHING))
def test_it_matches(bar: str) -> None:
    assert matches(bar)


@pytest.mark.parametrize("bar", listed(OTHERS))
def test_it_does_not_match(bar: str) -> None:
    assert not matches(bar)


def test_an_empty_filter_matches_all() -> None:
    assert EventQuery().matches(EVENT)
    assert EventQuery.from_bar("   ") == EventQuery()


def test_an_erased_value_matches_nothing_and_excluding_by_it_keeps_the_event() -> None:
    erased = EVENT["actor"] | {"name": {"erased": True}, "email": {"erased": True}}
    gone = {"actor": erased, "reason": {"erased": True}, "target": None, "on_behalf_of": None}
    assert not matches('actor:"Ólu Straße"', **gone)
    assert matches('-actor:"Ólu Straße"', **gone)
    assert matches("actor:auth0|65F0", **gone)
    assert not matches("erased", **gone) and not matches("exfiltrated", **gone)


def test_a_member_is_a_known_person_without_roles() -> None:
    actor = EVENT["actor"] | {"roles": []}
    assert matches("role:member", actor=actor)
    assert not matches("role:member", actor=actor | {"iss": ""})
    assert not matches("role:operator", actor=actor)


def test_an_event_without_levels_matches_no_level() -> None:
    assert not matches("human:H0", human=None) and matches("-log:L0", log=None)


def test_words_are_runs_of_letters_and_digits_after_folding() -> None:
    assert words("ﬁle_NAME-2.É ½ x²") == ["file", "name", "2", "é", "1", "2", "x2"]
    assert words("İstanbul") == words(normalise("İstanbul"))
    assert [(t.word, t.prefix) for t in terms("Foo* bar *baz a*b")] == [
        ("foo", True),
        ("bar", False),
        ("baz", False),
        ("a", True),
        ("b", False),
    ]


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
    assert all(word.isalnum() for word in words(text))


def test_the_published_text_fields_are_all_that_free_text_sees() -> None:
    for field in TEXT_FIELDS:
        bare: dict[str, Any] = {"actor": {}, "target": {}, "on_behalf_of": {}}
        head, _, tail = field.partition(".")
        bare[head] = {tail: "needle"} if tail else "needle"
        assert search_words(bare) == {"needle"}
    unseen = {key: "needle" for key in ("id", "session", "request", "intent_hash", "outcome")}
    assert search_words(unseen) == frozenset()


@pytest.mark.parametrize(
    ("bar", "key", "nearest", "words_in_message"),
    [
        ("severty:high", "severty", "severity", "no filter 'severty'; the nearest is 'severity'"),
        ("outcome:denid", "outcome", "denied", "not 'denid'; the nearest is denied"),
        ("severity:SEVERE", "severity", "", "INFO, LOW, MEDIUM, HIGH, CRITICAL"),
        ("source:deffenseclaw", "source", "defenseclaw", "nearest is defenseclaw"),
        ("human:2", "human", "H2", "H0, H1, H2, H3"),
        ("order:newst", "order", "newest", "nearest is newest"),
        ("action:skill*", "action", "skill.*", "nearest is skill.*"),
        ('action:"Skill Blocked"', "action", "skill.blocked", "nearest is skill.blocked"),
        ("after:yesterday", "after", "", "date or RFC 3339"),
        ("after:2026-02-30", "after", "", "date or RFC 3339"),
        ("before:2026-01-31T09:30:00", "before", "", "2026-01-31T09:30:00Z"),
        ("before:2026-W01-1", "before", "", "date or RFC 3339"),
        ("q:***", "q", "", "at least one letter or digit"),
        ("agent:", "agent", "", "needs a value"),
        ('actor:"Ada', "actor", "", "not closed"),
        ('"Ada', "q", "", "not closed"),
        ("-order:oldest", "order", "order", "cannot be excluded"),
        ("order:oldest order:newest", "order", "", "only once"),
        ("cursor:a/b", "cursor", "", "earlier answer"),
        ("actor:a\x00b", "actor", "", "not printable"),
        ("actor:" + "x" * 1001, "actor", "", "1000 characters"),
        (" ".join(f"agent:a{n}" for n in range(201)), "", "", "at most 200"),
    ],
)
def test_a_mistake_is_named_with_the_nearest_valid_form(
    bar: str, key: str, nearest: str, words_in_message: str
) -> None:
    query = EventQuery.from_bar(bar)
    error = query.errors[0]
    assert (error.key, words_in_message in error.message) == (key, True), error.message
    assert not nearest or error.nearest == nearest
    with pytest.raises(InvalidQuery) as caught:
        query.matches(EVENT)
    assert caught.value.errors == query.errors


def test_known_values_can_be_demanded() -> None:
    known = {"action": ("skill.blocked", "skill.allowed", "connection.revoked")}
    for good in ("action:skill.blocked", "action:skill.*", "agent:whatever"):
        assert EventQuery.parse(good, known).errors == ()
    for bad, nearest in (("action:skill.bloked", "skill.blocked"), ("action:skil.*", "skill")):
        (error,) = EventQuery.parse(bad, known).errors
        assert error.nearest.startswith(nearest) and error.nearest in error.message


def test_url_api_and_bar_read_the_same() -> None:
    bar = EventQuery.parse('held -via:web action:skill.* action:mcp.* actor:"Ada A" order:oldest')
    url = EventQuery.parse(
        {
            "q": ["held"],
            "-via": ["web"],
            "action": ["skill.*", "mcp.*"],
            "actor": ["Ada A"],
            "order": ["oldest"],
            "severity": [""],
        }
    )
    api = EventQuery.from_dict(
        {
            "action": ["skill.*", "mcp.*"],
            "q": "held",
            "actor": "Ada A",
            "order": "oldest",
            "-via": "web",
        }
    )
    assert bar == url == api and not bar.errors
    assert hash(bar) == hash(url)


def test_a_multi_value_mapping_gives_all_its_values() -> None:
    class QueryDict(dict[str, list[str]]):
        def items(self) -> Any:
            return [(key, values[-1]) for key, values in super().items()]

        def lists(self) -> Any:
            return super().items()

    assert EventQuery.from_params(QueryDict(via=["web", "cli"])).values("via") == ("web", "cli")


def test_the_api_filter_takes_only_text() -> None:
    for value in (3, None, ["web", 3], {"is": "web"}):
        (error,) = EventQuery.from_dict({"via": value}).errors
        assert error.key == "via" and "string" in error.message
    (error,) = EventQuery.from_dict({"via": " "}).errors
    assert "needs a value" in error.message


VALUES: Mapping[str, st.SearchStrategy[str]] = {
    key.name: st.sampled_from(key.choices)
    if key.choices
    else st.sampled_from(["2026-01-31", "2026-01-31T09:30:00+02:00"])
    if key.name in ("after", "before")
    else st.sampled_from(["skill.*", "skill.blocked", "defenseclaw.scan-done"])
    if key.name == "action"
    else st.sampled_from(["skill", "defenseclaw", "legal_hold"])
    if key.name == "category"
    else st.text(
        st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('":- \\*'), max_size=12
    )
    for key in KEYS.values()
    if not key.paging
}
PAIRS = st.lists(
    st.sampled_from(sorted(VALUES)).flatmap(
        lambda key: st.tuples(st.sampled_from(["", "-"]), st.just(key), VALUES[key])
    ),
    max_size=8,
)


@given(PAIRS, st.sampled_from(["newest", "oldest"]))
@example([("", "q", "a:b"), ("-", "q", 'x "y" \\')], "newest")
@example([("", "q", "-x"), ("", "actor", '"')], "oldest")
@example([("", "q", "plain words")], "oldest")
def test_every_query_is_read_back_from_its_bar_and_its_url(
    pairs: list[tuple[str, str, str]], order: str
) -> None:
    params: dict[str, list[str]] = {"order": [order]}
    for minus, key, value in pairs:
        if key != "q" or terms(value):
            params.setdefault(minus + key, []).append(value)
    query = EventQuery.from_params(params)
    assert query.errors == ()
    assert EventQuery.from_bar(query.to_bar()) == query
    placed = query.at("c-7")
    url = urlencode(placed.to_params(), doseq=True)
    assert EventQuery.from_params(parse_qs(url)) == placed
    assert EventQuery.from_dict(placed.to_params()) == placed
    assert isinstance(query.matches(EVENT), bool)
    for value in query.values("actor"):
        assert value in query.in_words()


@given(st.text(st.sampled_from('abq:-"\\* \n')))
def test_any_bar_is_read_without_a_crash(text: str) -> None:
    query = EventQuery.from_bar(text)
    if not query.errors:
        assert EventQuery.from_bar(query.to_bar()) == query


def test_values_can_be_added_and_dropped_and_start_again_at_the_first_page() -> None:
    query = EventQuery.from_bar("via:web -via:cli order:oldest").at("c1")
    assert query.including("via", "API").to_bar() == "via:web via:api -via:cli order:oldest"
    assert query.including("via", "web").cursor == ""
    assert query.dropping("via").to_bar() == "-via:cli order:oldest"
    assert query.dropping("via", "cli", excluded=True).to_bar() == "via:web order:oldest"
    assert query.including("via", "fax").errors[0].key == "via"


@pytest.mark.parametrize(
    ("bar", "said"),
    [
        ("", "All events, newest first"),
        (
            "actor:ada@acme.example outcome:denied outcome:expired outcome:failure -via:import",
            "Events by ada@acme.example with outcome denied, expired or failure, "
            "not through import, newest first",
        ),
        (
            'held human:H2 after:2026-01-01 -action:audit.* target:"mail reader" order:oldest',
            "Events mentioning “held” on “mail reader” "
            "with human evidence signed for this act (H2) from 2026-01-01 on, "
            "not with action audit.*, oldest first",
        ),
    ],
)
def test_a_query_says_itself_in_words(bar: str, said: str) -> None:
    assert EventQuery.from_bar(bar).in_words() == said


@pytest.mark.parametrize("bar", ["foo:x", "when:today", "zz:1"])
def test_a_name_like_no_filter_gets_no_suggestion(bar: str) -> None:
    query = EventQuery.from_bar(bar)
    (error,) = query.errors
    assert error.nearest == "" and "nearest" not in error.message

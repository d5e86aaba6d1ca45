"""Words of a filter are tested one by one against many events: there are few of them."""

from __future__ import annotations

import pytest

from audit.ledger.query.event_query import EventQuery
from audit.ledger.query.text import terms


@pytest.mark.parametrize("key", ["q", "-q"])
def test_more_words_than_a_filter_may_have_are_a_mistake(key: str) -> None:
    few = EventQuery.from_params({key: [f"a{n} b{n}" for n in range(50)]}, {})
    more = {key: [*few.clauses[0].values, "one more"]}
    many = EventQuery.from_params(more, {})
    assert few.errors == ()
    assert [str(error.message) for error in many.errors] == ["a filter has at most 100 words"]
    assert EventQuery.from_params(more).errors == (), "whoever verifies reads older ones"


def test_a_word_that_stands_twice_is_tested_once() -> None:
    assert [term.word for term in terms("a b a* a b")] == ["a", "b", "a"]
    assert EventQuery.from_params({"q": "a " * 400}).errors == ()

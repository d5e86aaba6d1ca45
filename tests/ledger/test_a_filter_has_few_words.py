"""Words of a filter are tested one by one against many events: there are few of them."""

from __future__ import annotations

from time import thread_time

import pytest

from audit.ledger.query.event_filter import EventQuery
from audit.ledger.query.text_search import terms


@pytest.mark.parametrize("key", ["q", "-q"])
def test_more_words_than_a_filter_may_have_are_a_mistake(key: str) -> None:
    few = EventQuery.from_params({key: [f"a{n} b{n}" for n in range(50)]}, {})
    more = {key: [*few.clauses[0].values, "one more"]}
    many = EventQuery.from_params(more, {})
    assert few.errors == ()
    assert [str(error.message) for error in many.errors] == ["a filter has at most 100 words"]
    assert EventQuery.from_params(more).errors == (), "whoever verifies reads older ones"


def test_a_filter_that_a_verifier_reads_has_a_bound_too() -> None:
    written = [" ".join(f"w{n}of{m}" for n in range(100)) for m in range(20)]
    assert EventQuery.from_params({"q": written}).errors == ()
    [error] = EventQuery.from_params({"q": written, "-q": "more"}).errors
    assert error.message == "a filter has at most 2,000 words"


def test_the_beginnings_of_words_are_found_without_reading_each_word_again() -> None:
    event = {"reason": " ".join(f"w{n:05}" for n in range(9_000)), "action": "skill.blocked"}

    def takes(words: list[str]) -> float:
        query = EventQuery.from_params({"q": [" ".join([*words, "zz"]), "w0000*"]})

        def once() -> float:
            begun = thread_time()
            assert query.matches(event)
            return thread_time() - begun

        return min(once() for _ in range(5))

    one, many = ([f"w{n:05}*" for n in range(8_000 - size, 8_000)] for size in (1, 120))
    assert takes(many) < 4 * takes(one)
    assert not EventQuery.from_params({"q": "w1* v* blocked"}).matches(event)
    assert EventQuery.from_params({"q": "w0899* block* w0*"}).matches(event)


def test_a_word_that_stands_twice_is_tested_once() -> None:
    assert [term.word for term in terms("a b a* a b")] == ["a", "b", "a"]
    assert EventQuery.from_params({"q": "a " * 400}).errors == ()

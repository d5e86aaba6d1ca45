"""Counts beyond the cap are estimates: called so, and within a factor of two of the truth.

That is meant for what a hundredth of the log or more matches: about 41 of the 4,096 events that are
looked at, and half or twice of 41 lies four standard deviations away. Here every third event of a
small log is looked at. benchmarks/README.md says how near the estimates of a million come.
"""

from __future__ import annotations

import pytest

from audit import exports
from audit.evidence.log_proof_levels import current
from audit.ledger.query import EventQuery
from audit.search import event_search, exact_or_estimated_matches, search_sql
from audit.search.facets_and_histograms import Facet
from audit.sequencing import sequencer
from benchmarks.events import drafts
from tests.audit.factories import ADA
from tests.support.recording import record_many

SIZE = 1500
FACTOR = 2

pytestmark = pytest.mark.django_db


BARS = ("connection:github", "request", "actor:person0@acme.example", "agent:agent-0 -tool", "p*")


def test_an_estimate_is_called_so_and_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    list(record_many(drafts(0, SIZE, SIZE)))
    sequencer.run_once()
    monkeypatch.setattr(search_sql, "CAP", 50)
    monkeypatch.setattr(exact_or_estimated_matches, "RUNS", 128)
    monkeypatch.setattr(exact_or_estimated_matches, "RUN", 4)
    for bar in BARS:
        query = EventQuery.from_bar(bar)
        truth, found = true(query), event_search.overview(query)
        assert truth > search_sql.CAP, f"{bar} matches too few to be estimated: {truth}"
        total = found.page.total
        assert str(total) == f"about {total.count:,}"
        assert near(total.count, truth), (bar, total, truth)
        assert event_search.total(query) == total
        job = exports.request(ADA, query, "csv")
        assert job.estimated and near(job.expected, truth)
        assert not found.histogram.exact
        assert near(sum(bucket.count for bucket in found.histogram.buckets), truth), bar
        for facet in filter(lambda facet: facet.values, found.facets):
            n, counted = facet.values[0][1], true(query.including(*most_frequent(facet)))
            close = n == counted if facet.exact else near(n, counted)
            assert close or counted < search_sql.CAP, (bar, facet, counted)
    told = EventQuery.from_bar("action:defenseclaw.*")
    job = exports.request(ADA, told, "csv")
    assert (job.expected, job.estimated) == (true(told), False)


def true(query: EventQuery) -> int:
    """How many match, counted one by one."""
    return sum(1 for _ in event_search.iterate(query, size=current().signed))


def most_frequent(facet: Facet) -> tuple[str, str]:
    """Key and value of the filter for a facet's first value."""
    value = facet.values[0][0]
    return event_search.FACET_KEYS.get(facet.key, facet.key), value + ".*" * (facet.key == "family")


def near(estimate: int, truth: int) -> bool:
    return truth / FACTOR <= estimate <= truth * FACTOR

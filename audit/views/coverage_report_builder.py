"""The coverage report: one structure that the page, the files and the API show."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from audit.clock import rfc3339
from audit.coverage import FRAMEWORKS, Counted, Framework, Period, Requirement, count
from audit.evidence import log_proof_levels
from audit.evidence.log_proof_levels import LogSizes
from audit.ledger.format.allowed_field_values import HUMAN_LEVELS
from audit.ledger.query import EventQuery
from audit.search.decisions_by_verified_human import REPORTED
from audit.search.rollup_counts import Cell
from audit.search.rollups import FACETS
from audit.views import coverage_sources_and_gaps
from audit.views.actions_that_are_decisions import decision_actions
from audit.views.trail.filter_from_address import PATH

SCHEMA = "ata.coverage.v1"
COVERED, SILENT, NOT_COVERED = "covered", "silent", "not_covered"
COLUMNS = (
    "framework", "requirement", "wants", "status", "events", "last_time", "last_index",
    "last_event", "filter", "note",
)  # fmt: skip
_ACTION, _HUMAN, _VIA = (FACETS.index(name) for name in ("action", "human", "via"))


def report(period: Period, now: datetime) -> dict[str, Any]:
    """Everything, as JSON has it; at most ten queries at any size of log."""
    sizes = log_proof_levels.current()
    gateways = coverage_sources_and_gaps.fleet()
    asked = _asked()
    ours = coverage_sources_and_gaps.QUERIES
    found = count([*asked, *ours], period, gateways.queries, sizes)
    counted = dict(zip(asked, found.counted, strict=False))
    of_sources = found.counted[len(asked) :]

    within = {"after": [_stamp(period.start)], "before": [_stamp(period.end)]}

    def address(query: EventQuery) -> str:
        # Each of them is without times, so nothing needs to be read again.
        return f"{PATH}?{urlencode(query.to_params() | within, doseq=True)}"

    frameworks = [_framework(one, counted, address) for one in FRAMEWORKS]
    return {
        "schema": SCHEMA,
        "made": rfc3339(now),
        "after": rfc3339(period.start),
        "before": rfc3339(period.end),
        "days": period.days or None,
        "tree_size": sizes.signed,
        "events": sum(found.cells.values()),
        "counts": _summed(one["counts"] for one in frameworks),
        "frameworks": frameworks,
        "sources": coverage_sources_and_gaps.sources(
            of_sources, gateways, found.named, found.cells, address
        ),
        "gaps": coverage_sources_and_gaps.gaps(of_sources, gateways, address),
        "decisions": _decisions(found.cells),
        "log": _log(sizes),
    }


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _asked() -> list[EventQuery]:
    every = (each.query for framework in FRAMEWORKS for each in framework.requirements)
    return list(dict.fromkeys(query for query in every if query is not None))


def _framework(
    framework: Framework,
    counted: Mapping[EventQuery, Counted],
    address: coverage_sources_and_gaps.Address,
) -> dict[str, Any]:
    rows = [_requirement(one, counted, address) for one in framework.requirements]
    statuses = Counter(str(row["status"]) for row in rows)
    return {
        "id": framework.id,
        "title": framework.title,
        "source": framework.source,
        "counts": {code: statuses[code] for code in (COVERED, SILENT, NOT_COVERED)},
        "requirements": rows,
    }


def _requirement(
    one: Requirement,
    counted: Mapping[EventQuery, Counted],
    address: coverage_sources_and_gaps.Address,
) -> dict[str, Any]:
    query = one.query
    found = counted[query] if query is not None else None
    status = NOT_COVERED if found is None else COVERED if found.n else SILENT
    return {
        "id": one.number,
        "wants": one.wants,
        "status": status,
        "quiet": one.quiet,
        "events": found.n if found else None,
        "last": coverage_sources_and_gaps.as_json(found.last) if found else None,
        "filter": one.filter,
        "note": one.note,
        "url": address(query) if query is not None else None,
    }


def _summed(counts: Iterator[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return {code: total[code] for code in (COVERED, SILENT, NOT_COVERED)}


def _decisions(cells: Mapping[Cell, int]) -> dict[str, int]:
    """Decisions of the period by human level; what remote steps came to is not counted again."""
    actions = frozenset(decision_actions())
    found: Counter[str] = Counter()
    for cell, n in cells.items():
        if cell[_ACTION] in actions and cell[_VIA] != REPORTED:
            found[str(cell[_HUMAN])] += n
    return {level: found[level] for level in HUMAN_LEVELS}


def _log(sizes: LogSizes) -> dict[str, int]:
    """Entries of the whole signed log by level."""
    return {
        "L1": sizes.signed - sizes.witnessed,
        "L2": sizes.witnessed - sizes.timed,
        "L3": sizes.timed,
    }


def as_csv(made: Mapping[str, Any]) -> str:
    """The requirements as a table."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    table.writerows(_lines(made["frameworks"]))
    return text.getvalue()


def _lines(frameworks: Sequence[Mapping[str, Any]]) -> Iterator[list[Any]]:
    for framework in frameworks:
        for row in framework["requirements"]:
            last = row["last"] or {"time": "", "index": "", "event_id": ""}
            yield [
                framework["title"],
                row["id"],
                row["wants"],
                row["status"],
                "" if row["events"] is None else row["events"],
                last["time"],
                last["index"],
                last["event_id"],
                row["filter"] or "",
                row["note"],
            ]

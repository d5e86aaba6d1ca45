"""What tells the trail anything, when each was last heard, and the gaps that are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from audit.clock import rfc3339
from audit.coverage import Counted, Last
from audit.ledger.query import EventQuery
from audit.models import QuarantinedRow
from audit.recording.action_registry import label
from audit.search.rollup_counts import Cell
from audit.sequencing import stored_tree_queries
from audit.sequencing.sequencer import stopped_reason
from audit.views.trail.filter_from_address import url_of
from connections.models import LogFeed, ReconcileRun
from enforcement.gateways import instances, last_contact
from enforcement.models import Watch
from enforcement.views.fleet import gateway_line

type Address = Callable[[EventQuery], str]
"""Where the trail shows the events of a filter, in the period."""

_REPORTERS = 50
"""So many actions of external reports are listed, the most frequent first."""
_SOURCES = (
    ("portal", "This portal", "people and the worker"),
    ("broker", "Token broker", "agents that ask for tokens"),
    ("defenseclaw", "DefenseClaw", "all gateways, read or imported"),
    ("auth0", "Auth0", "its tenant log, sessions that it ended, applications that differ"),
    ("external", "External reporters", "asserted; each event names who reported it"),
)
_FEEDS = {"checkpoint": "Auth0 tenant log, read", "stream": "Auth0 tenant log, streamed"}
_FEED_PAGE = "/connections/inventory/sources/"
_GAPS = {
    "ledger.alarm": "Log alarms",
    "ledger.adopted": "Restores that lacked signed entries",
    "tenant_log.gap_found": "Gaps in the tenant log",
    "audit.quarantined": "Input set aside",
    "defenseclaw.push_gap": "Gaps in what gateways pushed",
    "defenseclaw.row_changed": "Imported rows that changed afterwards",
    "bypass.found": "Acts past the broker or past decisions about gateways",
    "connection.reconciled": "Account differences with Auth0, found by this portal",
    "access.reconciled": "Differences of applications to Auth0",
}

QUERIES = tuple(
    [EventQuery().including("source", code) for code, _, _ in _SOURCES]
    + [EventQuery().including("action", action) for action in _GAPS]
)
"""What is counted for this part of the report."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Registered gateways, and where each was read."""

    lines: tuple[dict[str, Any], ...]
    problem: str

    @property
    def queries(self) -> list[EventQuery]:
        """The events of each gateway."""
        return [EventQuery().including("instance", line["instance"].name) for line in self.lines]


def fleet() -> Fleet:
    """The registered gateways; four queries, and one more where outposts report."""
    registered = instances.fleet()
    watches = {watch.name: watch for watch in Watch.objects.exclude(name="")}
    heard = last_contact.everywhere(registered, watches)
    lines = (
        gateway_line(one, watches.get(one.name), heard[one.name]) for one in registered.instances
    )
    return Fleet(tuple(lines), registered.problem)


def sources(
    counted: Sequence[Counted],
    gateways: Fleet,
    newest: Sequence[Last | None],
    cells: Mapping[Cell, int],
    address: Address,
) -> list[dict[str, Any]]:
    """Every source with its state; one query.

    Args:
        counted: of QUERIES.
        gateways, newest: registered gateways and the newest event of each.
        cells: counts of the period by facets.
        address: where the trail shows them.
    """
    rows = [
        _row("source", name, about, found_here.n, found_here.last, address(QUERIES[place]))
        for place, ((_, name, about), found_here) in enumerate(zip(_SOURCES, counted, strict=False))
    ]
    rows += [
        _gateway(line, url_of(query), last)
        for line, query, last in zip(gateways.lines, gateways.queries, newest, strict=True)
    ]
    return [*rows, *_feeds(), *_reported(cells, address)]


def _row(
    kind: str, name: str, about: str, n: int | None, last: Last | None, url: str
) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "about": about,
        "state": "" if n is None else "heard" if n else "silent",
        "events": n,
        "last": as_json(last),
        "heard": None,
        "url": url,
    }


def _gateway(line: dict[str, Any], url: str, last: Last | None) -> dict[str, Any]:
    watch: Watch | None = line["watch"]
    away = line["state"] in {"offline", last_contact.REFUSES}
    about = watch.detail if away and watch else line["reads"]
    row = _row("gateway", line["instance"].name, about, None, last, url)
    seen = watch.last_seen if watch else None
    return row | {"state": line["state"] or "never", "heard": rfc3339(seen) if seen else None}


def _feeds() -> Iterator[dict[str, Any]]:
    """How the tenant log reaches us; one query."""
    found = {feed.feed: feed for feed in LogFeed.objects.all()}
    for code, name in _FEEDS.items():
        feed = found.get(code)
        row = _row("auth0", name, "Nothing received.", None, None, _FEED_PAGE)
        if feed is not None and feed.since is not None:
            row["about"] = (
                f"{feed.recorded:,} used, {feed.ignored:,} of other kinds, "
                f"{feed.duplicates:,} duplicates, {feed.quarantined:,} quarantined, "
                f"no gaps since {feed.since:%-d %b %Y %H:%M} UTC."
            )
            row["heard"] = rfc3339(feed.heard) if feed.heard else None
        yield row | {"state": "heard" if row["heard"] else "never"}


def _reported(cells: Mapping[Cell, int], address: Address) -> list[dict[str, Any]]:
    found: Counter[str] = Counter()
    for cell, n in cells.items():
        if str(cell[0]).startswith("external."):
            found[str(cell[0])] += n
    return [
        _row("reported", action, "", n, None, address(EventQuery().including("action", action)))
        for action, n in sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_REPORTERS]
    ]


def gaps(counted: Sequence[Counted], gateways: Fleet, address: Address) -> list[dict[str, Any]]:
    """What may be missing, each with its state: ok, warn or bad; three queries.

    Args:
        counted: of QUERIES.
        address: where the trail shows them.
    """
    found = [_signing()]
    if gateways.problem:
        found.append(_gap("Registered gateways", "bad", gateways.problem, "/enforcement/fleet/"))
    for (action, name), found_here in zip(_GAPS.items(), counted[len(_SOURCES) :], strict=True):
        url = address(EventQuery().including("action", action))
        words = f"{found_here.n:,} in the period" if found_here.n else "none in the period"
        gap = _gap(name, "warn" if found_here.n else "ok", words, url)
        found.append(
            gap | {"events": found_here.n, "last": as_json(found_here.last), "about": label(action)}
        )
    return [*found, _set_aside(), _compared()]


def _signing() -> dict[str, Any]:
    reason, waiting = stopped_reason(), stored_tree_queries.pending()
    if reason:
        return _gap("Sequencing", "bad", reason, "/audit/ledger/")
    words = f"{waiting:,} wait for their place" if waiting else "all events sequenced"
    return _gap("Sequencing", "ok", words, "/audit/ledger/")


def _set_aside() -> dict[str, Any]:
    rows = QuarantinedRow.objects.order_by("instance").values_list("instance")
    found = dict(rows.annotate(n=Count("pk")))
    if not found:
        return _gap("Rows that could not become events", "ok", "none", "")
    by = ", ".join(f"{name or 'no instance'} {n:,}" for name, n in found.items())
    words = f"{sum(found.values()):,} are kept aside: {by}"
    return _gap("Rows that could not become events", "warn", words, "/audit/quarantine/")


def _compared() -> dict[str, Any]:
    recent = ReconcileRun.objects.exclude(finished=None).order_by("-started").first()
    name, url = "Comparison with Auth0", _FEED_PAGE
    if recent is None or recent.finished is None:
        return _gap(name, "warn", "none was finished yet", url)
    words = f"{recent.done:,} people, finished {recent.finished:%-d %b %Y %H:%M} UTC"
    if recent.failed:
        words += f"; {recent.failed:,} could not be read"
    return _gap(name, "warn" if recent.failed else "ok", words, url)


def _gap(name: str, state: str, words: str, url: str) -> dict[str, Any]:
    return {
        "name": name,
        "about": "",
        "state": state,
        "words": words,
        "events": None,
        "last": None,
        "url": url or None,
    }


def as_json(last: Last | None) -> dict[str, Any] | None:
    """An event as the report names it."""
    if last is None:
        return None
    return {"event_id": str(last.event), "index": last.index, "time": rfc3339(last.time)}

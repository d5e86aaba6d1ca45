"""When each gateway was last heard of and whether it answers: to the portal, or to its outpost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from approvals import clock
from enforcement.gateways.instances import Fleet
from enforcement.models import Outpost, OutpostState, Watch
from enforcement.outposts import reported_facts
from enforcement.outposts.reported_facts import LastReport

OUTPOST_SILENT_AFTER: Final = timedelta(minutes=3)
"""An outpost reports at least once a minute."""

REFUSES: Final = "token_refused"
"""The state of a gateway that answers our token with 401 or 403."""


@dataclass(frozen=True, slots=True)
class LastHeard:
    """What is known of one gateway. `answers` is None where nobody asked it yet, and False where it
    says no more than that it refuses our token (`refuses_token`).

    `outpost` is the one that it is heard of by; None where the portal asks it itself. `down_since`
    is from when on it did not answer that outpost. `lacks_entries`: that outpost cannot report its
    entries, since `no_entries_since`.
    """

    answers: bool | None = None
    at: datetime | None = None
    outpost: Outpost | None = None
    down_since: datetime | None = None
    lacks_entries: bool = False
    no_entries_since: datetime | None = None
    blocked: int | None = None
    allowed: int | None = None
    refuses_token: bool = False

    @property
    def state(self) -> str:
        """`online`, `offline`, `token_refused`, or empty before it was asked."""
        if self.refuses_token:
            return REFUSES
        return {None: "", True: "online", False: "offline"}[self.answers]


def everywhere(fleet: Fleet, watches: Mapping[str, Watch]) -> dict[str, LastHeard]:
    """By the name of every gateway that a decision can reach."""
    asked = {one.name for one in fleet.asked}
    outposts = {name: one for name, one in fleet.outposts.items() if name not in asked}
    found = OutpostState.objects.filter(outpost__in=[one.pk for one in outposts.values()])
    states = {one.outpost_id: one for one in found} if outposts else {}
    return {name: _by_watch(watches.get(name)) for name in asked} | {
        name: _by_outpost(one, states.get(one.pk)) for name, one in outposts.items()
    }


def why_report_is_outdated(outpost: Outpost, report: LastReport) -> str:
    """Why what an outpost last reported may not be so now, in words; empty where it goes on
    reporting entries, or never did."""
    if outpost.contested_at is not None:
        return "its outpost is contested: its key is in two places"
    if outpost.suspended_at is not None:
        return "its outpost is suspended, and its reports are refused"
    at = outpost.reported_at
    if at is not None and clock.now() - at > OUTPOST_SILENT_AFTER:
        return f"its outpost last reported on {at:%-d %b %Y %H:%M} UTC"
    if not report.lacks_entries:
        return ""
    since = f" since {at:%-d %b %Y %H:%M} UTC" if (at := report.no_entries_since) else ""
    return f"its outpost has not been able to report the gateway's entries{since}"


def _by_watch(watch: Watch | None) -> LastHeard:
    if watch is None:
        return LastHeard()
    heard = LastHeard(watch.reachable, watch.last_seen, refuses_token=watch.token_refused)
    if watch.listed_at is None:
        return heard
    return replace(heard, blocked=len(watch.blocked), allowed=len(watch.allowed))


def _by_outpost(outpost: Outpost, state: OutpostState | None) -> LastHeard:
    report = LastReport(state)
    up = report.health.get("up")
    entries = state.entries if state is not None and not report.lacks_entries else None
    counts = (None, None) if entries is None else reported_facts.installs(entries)
    return LastHeard(
        up if isinstance(up, bool) else None,
        outpost.reported_at,
        outpost,
        None if up is not False else reported_facts.time_of(report.health.get("since")),
        report.lacks_entries,
        report.no_entries_since,
        *counts,
    )

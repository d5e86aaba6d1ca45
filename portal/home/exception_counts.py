"""What an auditor looks at first: kinds of events that should be rare, counted over 30 days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode

from approvals import clock
from audit.ledger.query import EventQuery
from audit.search import event_search
from portal.home.panel_types import Line, Panel

_DAYS: Final = timedelta(days=30)
_KINDS: Final[tuple[tuple[str, list[str], str], ...]] = (
    (
        "Automatic blocks overridden",
        [f"{kind}.override_logged" for kind in ("skill", "mcp", "plugin", "tool")],
        "Check who overrode them, and why.",
    ),
    (
        "Answers that approvers did not give in time",
        ["approval.expired"],
        "Check which requests ended without a decision.",
    ),
    ("Tokens refused", ["token.refused"], "Check which agents asked, and why they got none."),
    (
        "Requests beyond a manifest",
        ["scope.escalated"],
        "Compare what was requested with what the manifest has.",
    ),
    (
        "Changes at gateways without a decision",
        ["bypass.found"],
        "Check who made them, and whether each has a decision since.",
    ),
    (
        "Outposts contested",
        ["outpost.contested"],
        "Check whether two machines use its key.",
    ),
    ("Break-glass sign-ins", ["breakglass.used"], "Check who signed in, and what they did."),
    ("Rows put in quarantine", ["audit.quarantined"], "Check why they could not become events."),
    ("Alarms about the log", ["ledger.alarm"], "Check which entries failed, and what followed."),
)


def panel() -> Panel:
    """Those that occurred, each with the rows it counts; the others in one sentence."""
    lines, none = [], []
    for title, query, check in _queries():
        total = event_search.total(query)
        if total.count:
            url = f"/audit/?{urlencode(query.to_params(), doseq=True)}"
            lines.append(Line(title, url, count=str(total), detail=check))
        else:
            none.append(title[0].lower() + title[1:])
    foot = f"None in 30 days: {', '.join(none)}." if none else ""
    return Panel("Exceptions in 30 days", lines, "No exception in 30 days.", foot=foot)


def _queries() -> Iterator[tuple[str, EventQuery, str]]:
    since = (clock.now() - _DAYS).date().isoformat()
    for title, actions, check in _KINDS:
        yield title, EventQuery.parse({"action": actions, "after": [since]}), check

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
_KINDS: Final = (
    (
        "Automatic blocks overridden",
        [f"{kind}.override_logged" for kind in ("skill", "mcp", "plugin", "tool")],
    ),
    ("Approvers who did not answer in time", ["approval.expired"]),
    ("Tokens refused", ["token.refused"]),
    ("Requests beyond a manifest", ["scope.escalated"]),
    ("Changes at gateways without a decision", ["bypass.found"]),
    ("Outposts contested", ["outpost.contested"]),
    ("Break-glass sign-ins", ["breakglass.used"]),
    ("Rows put in quarantine", ["audit.quarantined"]),
    ("Alarms about the log", ["ledger.alarm"]),
)


def panel() -> Panel:
    """Those that occurred, each with the rows it counts; the others in one sentence."""
    lines, none = [], []
    for title, query in _queries():
        total = event_search.total(query)
        if total.count:
            url = f"/audit/?{urlencode(query.to_params(), doseq=True)}"
            lines.append(Line(title, url, count=str(total)))
        else:
            none.append(title[0].lower() + title[1:])
    foot = f"None in 30 days: {', '.join(none)}." if none else ""
    return Panel("Exceptions in 30 days", lines, "No exception in 30 days.", foot=foot)


def _queries() -> Iterator[tuple[str, EventQuery]]:
    since = (clock.now() - _DAYS).date().isoformat()
    for title, actions in _KINDS:
        yield title, EventQuery.parse({"action": actions, "after": [since]})

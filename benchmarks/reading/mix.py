"""The published mix: what an auditor asks the trail for, each query with a name.

Rare is at most a few dozen events at any size, common a percent or more of all, absent none.
Conflicting filters are each common and never meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from benchmarks.events import SPAN, START

_MIDDLE = f"{START + SPAN / 2:%Y-%m-%d}"
_LATE = f"{START + SPAN * 0.95:%Y-%m-%d}"
_EARLY = f"{START + SPAN * 0.05:%Y-%m-%d}"
_MINUTE = f"{START + SPAN / 3:%Y-%m-%dT%H:%M:30Z}"
_DAY_LATER = f"{START + SPAN / 3 + SPAN / 400:%Y-%m-%dT%H:%M:30Z}"


@dataclass(frozen=True, slots=True)
class Asked:
    """One page: its name, the filter as the query bar has it, where in it the page begins.

    `at` is the share of the log at which the page begins, None is its first page.
    """

    name: str
    bar: str
    at: float | None = None

    def url(self, size: int) -> str:
        """Address of the page in a trail of `size` events."""
        from audit.ledger.query import EventQuery
        from audit.search import filter_parsing

        query = EventQuery.from_bar(self.bar, filter_parsing.VOCABULARY)
        if query.errors:
            raise ValueError(f"{self.name}: {query.errors[0].message}")
        if self.at is not None:
            query = query.at(f"s{int(size * self.at)}")
        return f"/audit/?{urlencode(query.to_params(), doseq=True)}"


MIX = tuple(
    Asked(*row)
    for row in (
        # whole log
        ("everything", ""),
        ("everything, oldest first", "order:oldest"),
        ("everything, a third down", "", 0.66),
        # one key, common
        ("common action", "action:defenseclaw.tool.called"),
        ("common family", "action:token.*"),
        ("common outcome", "outcome:success"),
        ("common severity", "severity:HIGH"),
        ("common source", "source:portal"),
        ("common gateway", "instance:edge-00"),
        ("common connection", "connection:github"),
        ("common agent", "agent:agent-0"),
        ("common actor", "actor:person0@acme.example"),
        ("common target", "target:skill-0"),
        ("common door", "via:broker"),
        ("common role", "role:auditor"),
        ("common human level", "human:H0"),
        ("common log level", "log:L1"),
        # one key, a few percent or less
        ("refusals", "outcome:denied outcome:expired"),
        ("an action of a thousandth", "action:review.decided"),
        ("a gateway of a hundredth", "instance:edge-20"),
        ("an actor of a thousandth", "actor:person90@acme.example"),
        # rare
        ("rare action", "action:breakglass.used"),
        ("rare target", "target:needle-mcp"),
        ("rare operation", "operation:op_needle"),
        ("rare approval", "approval:apr_needle"),
        ("rare session", "session:ses_needle"),
        ("rare word", "zanzibar"),
        ("rare in a common range", f"zanzibar after:{_EARLY}"),
        # absent
        ("absent actor", "actor:nobody@acme.example"),
        ("absent word", "xylophone"),
        ("absent request", "request:req_none"),
        ("absent range", "before:2001-01-01"),
        # conflicting
        ("conflicting common filters", "source:broker action:operator.signed_in"),
        ("conflicting words and filter", "zanzibar outcome:success"),
        ("conflicting range", f"after:{_LATE} before:{_EARLY}"),
        # free text
        ("common word", "request"),
        ("two common words", "request tool"),
        ("three words", "injection secret customer"),
        ("either of two words", "q:production q:staging"),
        ("common prefix", "cred*"),
        ("one-letter prefix", "p*"),
        ("prefix and filter", "in* outcome:denied"),
        ("rare prefix", "zanzi*"),
        # excluding
        ("without a common action", "-action:defenseclaw.tool.called"),
        ("without three families", "-action:defenseclaw.* -action:token.* -action:operator.*"),
        ("without a word", "-request source:portal"),
        # time
        ("one day to the minute", f"after:{_MINUTE} before:{_DAY_LATER}"),
        ("newest twentieth", f"after:{_LATE}"),
        ("oldest twentieth", f"before:{_EARLY}"),
        ("common action, older half", f"action:token.exchanged before:{_MIDDLE}"),
        # many at once
        ("four filters", "source:portal outcome:denied via:web severity:INFO"),
        ("six filters", f"source:broker outcome:success via:broker connection:slack "
         f"actor:person3@acme.example after:{_MIDDLE}"),
        ("oldest first, narrow", "order:oldest action:connection.revoked outcome:failure"),
        ("deep in a common filter", "action:token.exchanged", 0.3),
        ("deep in refusals", "outcome:denied outcome:expired", 0.1),
        ("decisions without evidence", "human:H0 action:skill.* action:mcp.*"),
    )
)  # fmt: skip

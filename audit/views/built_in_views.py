"""Views that come with the product: code, as current as the actions that it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from audit.ledger.query import EventQuery
from audit.search import decisions_by_verified_human, filter_parsing
from audit.views.actions_that_are_decisions import decision_actions

_KINDS: Final = ("skill", "mcp", "plugin", "tool")


@dataclass(frozen=True, slots=True)
class ShippedView:
    """One of them; `key` is stable, `name` opens it on the command line."""

    key: str
    name: str
    description: str
    query: EventQuery


_PLAIN: Final = (
    (
        "approvals-not-given",
        "Denied, expired or failed approvals",
        "Requests that no one approved, or that could not be carried out.",
        "action:approval.denied action:approval.expired action:approval.failed",
    ),
    (
        "tokens-refused",
        "Token exchanges refused",
        "Tokens refused, and why.",
        "action:token.refused",
    ),
    (
        "scope-escalations",
        "Scope escalations",
        "Components that asked for more than their manifest declares.",
        "action:scope.escalated",
    ),
    (
        "connections-revoked",
        "Connections revoked",
        "Accounts, selections and applications that lost their access.",
        "action:connection.revoked action:selection.revoked action:access.revoked",
    ),
    (
        "ledger-alarms",
        "Ledger alarms",
        "Log problems and key changes.",
        "action:ledger.alarm action:ledger.key_changed action:ledger.adopted",
    ),
    (
        "evidence-taken",
        "Evidence read and exported",
        "Who opened evidence, and what was exported.",
        "action:evidence.read action:audit.exported action:connection.exported",
    ),
    (
        "sign-in-failures",
        "Sign-in failures",
        "Failed sign-ins and their reasons.",
        "action:operator.sign_in_failed",
    ),
    (
        "refused-at-the-door",
        "Access denied",
        "Pages and API calls refused for lack of permission.",
        "action:access.refused",
    ),
    (
        "break-glass",
        "Break-glass",
        "Every use of, and change to, emergency accounts.",
        "action:breakglass.*",
    ),
    (
        "quarantined-input",
        "Quarantined input",
        "Unreadable input that was quarantined.",
        "action:audit.quarantined",
    ),
)
"""Key, name, what it shows, filter as the query bar has it."""


def shipped() -> list[ShippedView]:
    """All of them, in the order in which they are shown."""
    return [_blocked_or_allowed(), _without_a_human(), *_plain()]


def _plain() -> list[ShippedView]:
    return [
        ShippedView(key, name, says, filter_parsing.from_bar(text))
        for key, name, says, text in _PLAIN
    ]


def _blocked_or_allowed() -> ShippedView:
    acts = (f"{kind}.{past}" for kind in _KINDS for past in ("blocked", "unblocked", "allowed"))
    text = " ".join(["source:portal", "-via:task", *(f"action:{act}" for act in acts)])
    return ShippedView(
        "blocked-or-allowed",
        "Blocked or allowed by people",
        "Skills, MCP servers, plugins and tools decided on here.",
        filter_parsing.from_bar(text),
    )


def _without_a_human() -> ShippedView:
    every = decisions_by_verified_human.among(EventQuery(), decision_actions()) or EventQuery()
    return ShippedView(
        "without-a-verified-human",
        "Decisions without a verified human",
        "Decisions without signed proof of who made them (H0).",
        decisions_by_verified_human.with_human(every, verified=False),
    )

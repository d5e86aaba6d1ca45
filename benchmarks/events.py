"""Realistic events in any number: the same for the same numbers, skewed as a real trail is.

A few actions, people, targets and words are in most events, most are in few. Times run over 400
days whatever the number is, so a filter's share of the events is the same at every size. What is
rare is counted (`NEEDLES`), so it stays rare however large the trail grows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate
from uuid import UUID

from audit.ledger.format.allowed_field_values import OUTCOMES
from audit.recording.actors import Actor, Subject, Target
from audit.recording.record import Draft

ISSUER = "https://acme.example/"
START = datetime(2025, 10, 20, tzinfo=UTC)
SPAN = timedelta(days=400)
NEEDLES = 12
"""How many events of a trail use break-glass, name `zanzibar`, and are about `needle-mcp`."""

_BLOCK = 1000
_ROLES = ("operator", "auditor", "admin")
# action, weight, kind of its target, source, via
_ACTIONS = (
    ("defenseclaw.tool.called", 300, "tool", "defenseclaw", "import"),
    ("token.exchanged", 200, "", "broker", "broker"),
    ("connection.reconciled", 90, "connection", "auth0", "task"),
    ("defenseclaw.scan.completed", 80, "skill", "defenseclaw", "import"),
    ("audit.viewed", 60, "", "portal", "web"),
    ("operator.signed_in", 50, "", "portal", "web"),
    ("finding.opened", 40, "skill", "defenseclaw", "task"),
    ("operator.signed_out", 30, "", "portal", "web"),
    ("external.deploy.started", 25, "service", "external", "api"),
    ("token.refused", 20, "", "broker", "broker"),
    ("alert.acknowledged", 18, "finding", "portal", "web"),
    ("approval.requested", 12, "skill", "portal", "web"),
    ("approval.approved", 9, "skill", "portal", "phone"),
    ("skill.held", 9, "skill", "portal", "web"),
    ("alert.dismissed", 8, "finding", "portal", "cli"),
    ("mcp.blocked", 7, "mcp", "portal", "web"),
    ("skill.blocked", 7, "skill", "portal", "web"),
    ("skill.allowed", 6, "skill", "portal", "cli"),
    ("connection.connected", 6, "connection", "portal", "web"),
    ("operator.sign_in_failed", 5, "", "portal", "web"),
    ("connection.revoked", 4, "connection", "portal", "web"),
    ("scope.escalated", 4, "connection", "broker", "broker"),
    ("approval.denied", 3, "skill", "portal", "phone"),
    ("audit.exported", 3, "", "portal", "web"),
    ("connection.suspended", 2, "connection", "portal", "web"),
    ("review.decided", 2, "connection", "portal", "web"),
)
_FAILING = {"token.refused": "denied", "approval.denied": "denied"}
_CONNECTIONS = (
    "github", "google-calendar", "slack", "jira", "notion", "linear", "salesforce", "gmail",
    "zoom", "asana", "box", "stripe",
)  # fmt: skip
_SYLLABLES = ("ba", "co", "di", "fe", "gu", "ha", "jo", "ki", "lu", "me", "no", "pa", "ri", "so")
_WORDS = (
    "request", "tool", "file", "access", "agent", "policy", "network", "secret", "prompt",
    "injection", "exfiltration", "documents", "customer", "review", "approved", "escalation",
    "unexpected", "write", "delete", "read", "shell", "command", "token", "scope", "calendar",
    "invoice", "production", "staging", "rotation", "credential", "unsigned", "outdated",
)  # fmt: skip


def drafts(first: int, end: int, of: int) -> Iterator[Draft]:
    """Events `first <= i < end` of a trail of `of`; `first` is a multiple of 1,000."""
    step = max(1, of // NEEDLES)
    for block in range(first, end, _BLOCK):
        pick = random.Random(block * 7919 + of)
        times = sorted(pick.random() for _ in range(_BLOCK))
        for i in range(block, min(block + _BLOCK, end)):
            at = START + SPAN * ((block + times[i - block] * min(_BLOCK, of - block)) / of)
            needle = i % step == step // 2 and i // step < NEEDLES
            yield _needle(pick, i, at) if needle else _draft(pick, i, at)


def _draft(pick: random.Random, i: int, at: datetime) -> Draft:
    action, _, kind, source, via = pick.choices(_ACTIONS, cum_weights=_action_weights())[0]
    who = _zipf(pick, 400)
    outcome = _FAILING.get(action) or (
        "success" if pick.random() < 0.93 else pick.choice(OUTCOMES[1:])
    )
    connection = _CONNECTIONS[_zipf(pick, 12)] if source in ("broker", "auth0") else ""
    instance = f"edge-{_zipf(pick, 40):02}" if source == "defenseclaw" else ""
    return Draft(
        id=_id(pick, i, at),
        actor=_actor(who, via, f"ses_{who}_{at:%y%m%d}", f"req_{pick.getrandbits(64):016x}"),
        action=action,
        outcome=outcome,
        severity="" if pick.random() < 0.9 else pick.choice(("LOW", "MEDIUM", "HIGH")),
        source=source,
        target=Target(kind, f"{kind}-{_zipf(pick, 20_000)}", instance) if kind else None,
        on_behalf_of=_subject(_zipf(pick, 400)) if source == "broker" else None,
        instance=instance,
        connection=connection,
        agent=f"agent-{_zipf(pick, 60)}" if source in ("broker", "defenseclaw") else "",
        approval=f"apr_{i // 40}" if action.startswith("approval.") else "",
        operation=f"op_{i // 3}" if pick.random() < 0.4 else "",
        reason=text(pick, 6) if pick.random() < 0.3 else "",
        data={"count": pick.randrange(50)},
        private={"title": text(pick, 8)} if pick.random() < 0.7 else None,
        time=at,
    )


def _needle(pick: random.Random, i: int, at: datetime) -> Draft:
    return Draft(
        id=_id(pick, i, at),
        actor=_actor(7, "cli", "ses_needle", f"req_{pick.getrandbits(64):016x}"),
        action="breakglass.used",
        outcome="failure",
        target=Target("mcp", "needle-mcp", "edge-00"),
        reason=f"zanzibar {text(pick, 5)}",
        operation="op_needle",
        approval="apr_needle",
        agent="agent-needle",
        time=at,
    )


def text(pick: random.Random, words: int) -> str:
    """Some words, the common ones far more often."""
    return " ".join(_word(_zipf(pick, 20_000)) for _ in range(words))


@cache
def _word(rank: int) -> str:
    if rank < len(_WORDS):
        return _WORDS[rank]
    found, rest = "", rank
    while rest:
        rest, place = divmod(rest, len(_SYLLABLES))
        found += _SYLLABLES[place]
    return found + "x"


def _zipf(pick: random.Random, n: int) -> int:
    """A rank below n; rank r comes about as often as 1 / (r + 1)."""
    return min(n - 1, int((n + 1.0) ** pick.random()) - 1)


@cache
def _action_weights() -> tuple[int, ...]:
    return tuple(accumulate(weight for _, weight, *_ in _ACTIONS))


def _actor(who: int, via: str, session: str, request: str) -> Actor:
    if via in ("task", "import"):
        return Actor(iss="", sub="", name="Auth0-ATA" if via == "task" else "gateway", via=via)
    subject = _subject(who)
    return Actor(
        iss=subject.iss,
        sub=subject.sub,
        name=subject.name,
        email=subject.email,
        roles=frozenset({_ROLES[who % 3]}) if who % 2 else frozenset(),
        via=via,
        session=session,
        request=request,
        ip=f"192.0.2.{who % 250}",
    )


@cache
def _subject(who: int) -> Subject:
    name = f"Person {who}"
    return Subject(ISSUER, f"auth0|{who:024x}", name, f"person{who}@acme.example")


def _id(pick: random.Random, i: int, at: datetime) -> UUID:
    """A UUID of version 7 (RFC 9562 §5.7) that sorts by time, then number."""
    stamp = int(at.timestamp() * 1000) & (1 << 48) - 1
    value = stamp << 80 | 7 << 76 | (i & 0xFFF) << 64 | 2 << 62 | pick.getrandbits(62)
    return UUID(int=value)

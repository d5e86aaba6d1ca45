"""The style guide: every component in every state, on sample data. Embedded mode mounts it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from ui import code_labels
from ui.histogram import Bucket, Histogram, histogram

INTENT = "9f3c71d04be2a8c5d6f7018293a4b5c6d7e8f90112233445566778899aabba2e1"


def styleguide(request: HttpRequest) -> HttpResponse:
    """Show `styleguide.html` with sample values; it reads and writes nothing."""
    return render(request, "styleguide.html", sample(timezone.now()))


def sample(now: datetime) -> dict[str, Any]:
    """Sample context of the style guide as seen at `now` (aware UTC)."""
    return {
        "now": now,
        "soon": now + timedelta(minutes=3, seconds=6),
        "almost": now + timedelta(seconds=20),
        "yesterday": now - timedelta(days=1, hours=3),
        "last_year": datetime(now.year - 1, 9, 2, 8, 5, tzinfo=UTC),
        "intent": INTENT,
        "outcomes": list(code_labels.OUTCOMES),
        "states": list(code_labels.STATES),
        "severities": code_labels.SEVERITIES,
        "human_levels": list(code_labels.HUMAN),
        "log_levels": list(code_labels.LOG),
        "events": _events(now),
        "hist": _histogram(now),
        "facets": _facets(),
        "chips": _chips(),
        "steps": _steps(now),
        "proven": _proven(),
        "not_proven": [{"text": "That the approver understood it."}],
        "story": _story(now),
        "tabs": [
            {"label": "Overview", "url": "#", "current": True},
            {"label": "Findings", "url": "#", "count": 3},
            {"label": "History", "url": "#", "count": 1284},
        ],
        "changes": [
            {"field": "scopes", "before": "repo, read:org", "after": "read:org"},
            {"field": "state", "before": "connected", "after": "suspended"},
        ],
        "effects": [
            "release-bot loses GitHub at once",
            "the last token it holds dies within 8 min",
        ],
        "query_errors": [
            {"key": "outcom", "message": "is no filter.", "nearest": "outcome", "url": "#"}
        ],
    }


def _events(now: datetime) -> list[dict[str, Any]]:
    rows = [
        ("CRITICAL", "olu@acme.example blocked skill pdf-exfil after phone approval", "success"),
        ("CRITICAL", "Anya denied the block of MCP server shadow-fs; the hold ended", "denied"),
        ("HIGH", "No one answered the request to allow plugin fastdb; it stays held", "expired"),
        ("LOW", "github-mcp exchanged a GitHub token for olu@acme.example", "success"),
        ("HIGH", "calendar-sync tried scope gmail.send, not in its manifest", "denied"),
        ("MEDIUM", "amir@acme.example revoked Mia’s Slack connection", "pending"),
        ("INFO", "edge-2 rewrote the severity of 41 alerts; first values kept", "failure"),
    ]
    levels = [
        ("H3", "L3"),
        ("H2", "L2"),
        ("H1", "L2"),
        ("H1", "L1"),
        ("H1", "L1"),
        ("H2", "L1"),
        ("H0", "L0"),
    ]
    return [
        {
            "severity": severity,
            "sentence": sentence,
            "outcome": outcome,
            "human": levels[index][0],
            "log": levels[index][1],
            "time": now - timedelta(minutes=2 + 47 * index * index),
            "open": index == 1,
        }
        for index, (severity, sentence, outcome) in enumerate(rows)
    ]


def _histogram(now: datetime) -> Histogram:
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=3 * 56)
    buckets = []
    for index in range(56):
        begins = start + timedelta(hours=3 * index)
        height = abs(math.sin(index * 0.9) * 22 + math.cos(index * 0.37) * 20)
        counts = {
            "success": int(height) + 6,
            "denied": 5 if index % 7 == 3 else 0,
            "expired": 4 if index % 11 == 5 else 0,
        }
        label = f"{begins.day} {begins:%b %H:%M}"
        ends = begins + timedelta(hours=3)
        buckets.append(Bucket(begins, ends, counts, f"#b{index}", label, 28 <= index < 46))
    return histogram(buckets)


def _facets() -> list[dict[str, Any]]:
    return [
        {
            "label": "Outcome",
            "values": [
                {"text": "success", "count": 1220, "url": "#"},
                {"text": "denied", "count": 41, "url": "#", "on": True},
                {"text": "expired", "count": 17, "url": "#", "on": True},
                {"text": "cancelled", "count": 0, "url": "#"},
            ],
        },
        {
            "label": "Actor",
            "values": [
                {"text": "operator@acme.example", "count": 502, "url": "#"},
                {"text": "defenseclaw-watcher", "count": 290, "url": "#"},
            ],
            "more_url": "#",
            "more_text": "14 more…",
        },
    ]


def _chips() -> list[dict[str, Any]]:
    return [
        {"text": "action:skill.*", "remove_url": "#"},
        {"text": "-outcome:success", "remove_url": "#", "negated": True},
        {"text": "after:2026-11-17", "remove_url": "#"},
        {"text": "outcom:denied", "remove_url": "#", "error": True},
    ]


def _steps(now: datetime) -> list[dict[str, Any]]:
    return [
        {"state": "done", "text": "Held on 2 instances", "when": now - timedelta(minutes=2)},
        {"state": "done", "text": "Push sent to 1 device"},
        {"state": "doing", "text": "Waiting for your answer", "detail": "expires in 3 min"},
        {"state": "todo", "text": "Check the issuer’s signature"},
        {"state": "failed", "text": "edge-3 refused the block", "url": "#", "action": "Try again"},
        {"state": "unknown", "text": "edge-4 did not say", "detail": "asked twice"},
        {"state": "not", "text": "Deletion at the provider is not ours to do"},
    ]


def _proven() -> list[dict[str, Any]]:
    return [
        {"text": "The issuer signed an approval of exactly this intent", "hash": INTENT},
        {"text": "A passkey signed the same intent", "detail": "YubiKey 5, user verified"},
        {"text": "Entry #48,207 is in the signed tree of 48,210"},
        {
            "text": "No independent witness has seen this tree yet",
            "tone": "warn",
            "icon": "triangle-alert",
        },
    ]


def _story(now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "when": now - timedelta(minutes=7),
            "text": "Scan found 3 issues, highest CRITICAL",
            "tone": "bad",
        },
        {"when": now - timedelta(minutes=6), "text": "Held; approval asked", "tone": "hold"},
        {"when": now - timedelta(minutes=2), "text": "Approved by phone", "tone": "ok"},
        {"when": now, "text": "edge-1 acknowledged", "detail": "effect observed 2 s later"},
    ]

"""Access reviews as people of the local tenant open, decide and close them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from approvals import clock
from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.recording.actors import Actor, Target
from connections.access_reviews import remediation, signed_result_file
from connections.component_manifests.manifest_store import Declaration
from connections.models import ConnectedAccount, Review, ReviewItem, Use
from tests.connections.visitor import NAMES, know, subject

LIST = "/connections/reviews/"
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
NOT_THERE = "5b0e2d9e-6f0a-4c43-9f6c-0a1b2c3d4e5f"
ADMINS: dict[str, Any] = {"reviewers": "admins", "admins": ["admin"]}


def person(who: str, *roles: str) -> Actor:
    return Actor(
        iss=settings.ENV.issuer,
        sub=subject(who),
        roles=frozenset(roles),
        via="web",
        name=NAMES[who],
    )


def admin() -> Actor:
    return person("admin", "admin")


def connected(who: str, connection: str = "github", *scopes: str, **more: Any) -> ConnectedAccount:
    """An account of a person, as reconciling would have found it."""
    now = clock.now()
    return ConnectedAccount.objects.create(
        iss=settings.ENV.issuer,
        sub=subject(who),
        connection=connection,
        auth0_id=f"cac_{uuid4().hex[:16]}",
        label=f"{who}-{connection}",
        scopes=list(scopes or ("read:user",)),
        state_since=now,
        source="management",
        seen_at=now,
        watched_since=now - timedelta(days=10),
        **more,
    )


@pytest.fixture(autouse=True)
def _people(_own_ground: None) -> None:
    know("admin", "admin2", "auditor", "member1", "member2")


@pytest.fixture
def mia(github_mcp: Declaration) -> ConnectedAccount:
    """Mia's GitHub account: a scope too many, and an agent that used it."""
    account = connected("member1", "github", "read:user", "repo", "delete_repo")
    now = clock.now()
    Use.objects.create(
        account=account, agent="claw", skill="mcp:github-mcp", count=3, first=now, last=now
    )
    return account


def opened(by: Actor | None = None, **params: Any) -> Review:
    given = {"title": "Spring", "due": TOMORROW, "reviewers": "owners"} | params
    if "admins" in given:
        given["admins"] = [subject(who) for who in given["admins"]]
    target = Target("review", str(uuid7()))
    perform(by or admin(), "review.open", target, params=given)
    return Review.objects.get(pk=target.name)


def refusal(*args: Any, **more: Any) -> str:
    with pytest.raises(Refused) as refused:
        perform(*args, **more)
    return refused.value.code


def decide(actor: Actor, item: ReviewItem, choice: str, reason: str = "") -> remediation.Decided:
    return remediation.decide(actor, item, choice, reason)


def only(review: Review) -> ReviewItem:
    return review.items.select_related("review").get()


def close(review: Review) -> dict[str, Any]:
    """The result: its signed head, with the accounts that its lines tell."""
    perform(admin(), "review.close", Target("review", str(review.id)))
    review.refresh_from_db()
    head, *lines = map(json.loads, file_of(review))
    assert isinstance(head, dict)
    return head | {"accounts": lines}


def file_of(review: Review) -> list[bytes]:
    """The lines of the result as they are handed out."""
    return "".join(signed_result_file.text(review)).encode().splitlines(keepends=True)


def path(item: ReviewItem, more: str = "") -> str:
    return f"{LIST}{item.review_id}/{item.id}/{more}"

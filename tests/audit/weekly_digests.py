"""Saved views with a weekly digest, and the week of 23 to 29 November 2026 that it covers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings as django_settings
from django.db import OperationalError, connection

from approvals import clock
from approvals.models import Person
from approvals.notifications import saved_view_weekly_digest
from audit.ledger.query import EventQuery
from audit.models import NotifyBy, SavedView
from audit.recording.actors import Actor
from audit.saved_views import changes
from audit.saved_views.changes import Wanted
from audit.search import filter_parsing
from audit.sequencing import sequencer
from tests.audit.factories import ADA, MIA, DraftFactory
from tests.support.recording import record_many
from tests.support.sweeping import sweep

MONDAY = datetime(2026, 11, 30, 7, tzinfo=UTC)
"""From this moment on the digest of 23 to 29 November is due."""
BEFORE = MONDAY - timedelta(days=4)
"""When the people of these tests choose it."""
IN_THE_WEEK = datetime(2026, 11, 25, 12, tzinfo=UTC)
BLOCKS = "action:skill.blocked before:2026-11-28"

type Clock = Callable[[datetime], None]


def owner_before_the_week(set_clock: Clock) -> Actor:
    set_clock(BEFORE)
    return known(replace(ADA, iss=django_settings.ENV.issuer))


def known(who: Actor) -> Actor:
    Person.objects.create(
        iss=who.iss, sub=who.sub, name=who.name, email=who.email, roles=sorted(who.roles),
        updated=clock.now(),
    )  # fmt: skip
    return who


def weekly(
    by: Actor, name: str = "Refusals", text: str = "action:token.refused", **more: Any
) -> SavedView:
    query = filter_parsing.from_bar(text)
    return changes.keep(by, Wanted(name, query, notify_by=NotifyBy.WEEKLY, **more))


def change(by: Actor, view: SavedView, way: NotifyBy) -> None:
    changes.change(by, view.id, Wanted(view.name, EventQuery.from_bar(view.filter), notify_by=way))


def events(*times: datetime, action: str = "token.refused", **more: Any) -> None:
    drafts = [DraftFactory.build(action=action, actor=MIA, time=time, **more) for time in times]
    list(record_many(drafts))
    sequencer.run_once()


def send_due() -> int:
    return sweep(saved_view_weekly_digest.LETTERS)


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def weekly_less(by: Actor, text: str) -> SavedView:
    return changes.keep(by, Wanted("Refusals", EventQuery.from_bar(text)))


def is_count(sql: str) -> bool:
    return sql.lower().startswith("select count(*)") and "audit_eventrow" in sql


def is_of_blocks(params: Any) -> bool:
    """Whether they are of a count of the view `BLOCKS`, which alone has this date."""
    return any(str(one).startswith("2026-11-28") for one in params)


@contextmanager
def at_each_count(act: Callable[[Any], None]) -> Iterator[None]:
    """Call `act` with the parameters of each statement that counts rows of the trail."""

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if is_count(sql):
            act(params)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield


def fail(params: Any) -> None:
    raise OperationalError("canceling statement due to statement timeout")


def fail_blocks(params: Any) -> None:
    if is_of_blocks(params):
        fail(params)

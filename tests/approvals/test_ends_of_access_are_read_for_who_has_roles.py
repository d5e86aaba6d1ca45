"""Who is asked reads the newest end of each person with a role, however many the log has."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import clock, people_and_roles
from approvals.models import AccessEnd, Person, person_access_end
from approvals.person_access_ends.set_access_end import VERB
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.models import EventRow
from audit.models.search_row_and_rollup import ACCESS_END
from audit.recording.actors import Target
from tests.approvals.people_of import acting

pytestmark = pytest.mark.django_db


def end(whose: str, ahead: int) -> None:
    last = (clock.now().date() + timedelta(days=ahead)).isoformat()
    amir, one = acting("admin", "admin"), acting(whose, "auditor")
    perform(amir, VERB, Target("person", one.sub), params={"last_day": last}, reason="asked for")


def written(subs: list[str], times: int) -> None:
    """That many ends of each subject in the log, and the row that the newest of them left."""
    for sub in subs:
        rows = [
            EventRow(
                event=uuid7(), time=clock.now(), recorded_at=clock.now(), action=ACCESS_END,
                family="person", outcome="success", severity=3, source="portal", human="H1",
                target_kind=person_access_end.KIND, target_name=sub, operation=str(uuid7()),
                sentence="", terms="",
            )
            for _ in range(times)
        ]  # fmt: skip
        EventRow.objects.bulk_create(rows)
        ends = clock.now() - timedelta(days=1)
        row = AccessEnd(
            iss=settings.ENV.issuer, sub=sub, ends_at=ends, operation=rows[-1].operation
        )
        row.seal = row.sealed()
        row.save()


def rows_read(queries: CaptureQueriesContext) -> int:
    """How many rows the tables of ends gave, by the same queries again."""
    found = [one["sql"] for one in queries if "access" in one["sql"].lower()]
    total = 0
    with connection.cursor() as cursor:
        for sql in found:
            cursor.execute(f"SELECT COUNT(*) FROM ({sql}) AS read_again")
            total += cursor.fetchone()[0]
    return total


def asked() -> tuple[list[Person], CaptureQueriesContext]:
    with CaptureQueriesContext(connection) as queries:
        found = list(people_and_roles.with_roles())
    return found, queries


def test_ends_of_who_has_no_role_any_more_are_not_read() -> None:
    end("auditor", 5)
    people, before = asked()
    written([f"auth0|left-{number}" for number in range(400)], 5)
    again, queries = asked()
    assert again == people and len(queries) == len(before)
    assert rows_read(queries) == rows_read(before) == 2, "the row, and the newest in the log"


def test_of_many_ends_of_one_person_the_newest_is_read() -> None:
    amir, ada = acting("admin", "admin"), acting("auditor", "auditor")
    written([ada.sub], 2000)
    found, queries = asked()
    assert [one.sub for one in found] == [amir.sub]
    assert rows_read(queries) == 2, "the row, and the newest in the log"

"""Most people have no role: whoever asks for those with one reads those alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext

from approvals import clock, people_and_roles
from approvals.models import Person
from approvals.policy import policy_change
from approvals.views.policy import policy_draft_form
from audit.recording.actors import Actor
from connections.access_reviews import reviewer_permissions

pytestmark = pytest.mark.django_db
NOBODY = Actor(iss="", sub="", via="task")


def known(sub: str, *roles: str) -> Person:
    iss = settings.ENV.issuer
    return Person(iss=iss, sub=sub, roles=list(roles), email=f"{sub}@acme", updated=clock.now())


@pytest.fixture
def town() -> None:
    """A thousand members, and a few with roles, some of which only sound like another."""
    Person.objects.bulk_create(known(f"member-{n}") for n in range(1_000))
    Person.objects.bulk_create(
        [
            known("zoe", "auditor", "admin"),
            known("amir", "admin"),
            known("ada", "auditor"),
            known("olu", "operator"),
            known("eve", "administrator", "Admin", 'x"admin', "admin "),
            known("", "admin"),
        ]
    )


def plan(asked: QuerySet[Person]) -> str:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # of so few any way costs the same
        sql, params = asked.query.sql_with_params()
        words = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{words} {sql}", params)
        return " ".join(str(row) for row in cursor.fetchall())


def made(queries: CaptureQueriesContext) -> tuple[int, int]:
    """How many queries give people, and how many give ends of access of people with a role."""
    found = [query["sql"] for query in queries if "approvals_person" in query["sql"]]
    people = sum(sql.startswith('SELECT "approvals_person"."id"') for sql in found)
    return people, len(found) - people


def test_the_admins_are_all_who_have_that_very_role(town: None) -> None:
    assert [person.sub for person in reviewer_permissions.admins()] == ["amir", "zoe"]
    assert {person.sub for person in people_and_roles.with_role("admin")} == {"amir", "zoe", ""}
    assert {person.sub for person in people_and_roles.with_role("operator")} == {"olu"}
    assert not people_and_roles.with_role("%")
    assert people_and_roles.with_roles().count() == 6


@pytest.mark.parametrize(
    "asked", [people_and_roles.with_roles, lambda: people_and_roles.with_role("admin")]
)
def test_an_index_knows_who_has_a_role(town: None, asked: Any) -> None:
    assert "person_with_roles" in plan(asked())


@pytest.mark.parametrize(
    "asks",
    [
        reviewer_permissions.admins,
        policy_draft_form.people,
        policy_change.admins,
        lambda: people_and_roles.roster(roles=("operator",), approver="another", requester=NOBODY),
    ],
)
def test_nobody_without_a_role_is_read_to_find_those_with_one(town: None, asks: Any) -> None:
    read: list[Person] = []

    def loaded(instance: Person, **_: Any) -> None:
        read.append(instance)

    post_init.connect(loaded, sender=Person)
    try:
        with CaptureQueriesContext(connection) as queries:
            assert asks()
    finally:
        post_init.disconnect(loaded, sender=Person)
    assert 0 < len(read) <= 6 and made(queries) == (1, 2)

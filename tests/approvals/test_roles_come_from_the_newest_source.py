"""Roles of people: the newest word of the issuer counts, and no older token restores a role."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from approvals import auth0_clients, people_and_roles, registry
from approvals.errors import Refused
from approvals.models import Person
from approvals.pipeline.service import perform
from audit.recording.actors import Actor
from connections.sync import people_roles_and_enrolments
from tests.accounts.trail import events
from tests.approvals.asking import HALL
from tests.approvals.lamps import Lamps

ISS, SUB = "https://acme.example/", "auth0|anya"
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def directory_reads(*roles: str, at: datetime) -> None:
    people_and_roles.note_person(iss=ISS, sub=SUB, name="Anya", roles=roles, read_at=at)


class Directory:
    """Auth0's directory, in which Anya, or who else is named, has no role any more."""

    budget = SimpleNamespace(remaining=None, limit=None, reset_at=None)

    def __init__(self, sub: str = SUB) -> None:
        self._users = [SimpleNamespace(user_id=sub, name="Anya", email="", created_at=NOON)]

    def has_members(self, _roles: object) -> bool:
        return True

    def users_created(self, _since: object, _page: int) -> tuple[list[Any], int]:
        return self._users, 1

    def roles(self, _sub: str) -> list[Any]:
        return []

    authentication_methods = roles


def signs_in(*roles: str, issued_at: datetime) -> None:
    people_and_roles.note_sign_in(
        iss=ISS, sub=SUB, name="Anya", email="", roles=roles, issued_at=issued_at
    )


def roles() -> list[str]:
    found: list[str] = Person.objects.get(iss=ISS, sub=SUB).roles
    return found


@pytest.mark.parametrize("later", [timedelta(hours=-10), timedelta(0), timedelta(seconds=60)])
def test_a_sign_in_from_before_the_directorys_read_restores_no_role(later: timedelta) -> None:
    directory_reads(at=NOON)
    signs_in("admin", "operator", issued_at=NOON + later)
    assert roles() == []


def test_a_sign_in_after_the_directorys_read_gives_the_role() -> None:
    directory_reads(at=NOON)
    signs_in("admin", issued_at=minutes(2))
    assert roles() == ["admin"]


@pytest.mark.parametrize("issued", [-600, 0, 600])
def test_a_sign_in_with_fewer_roles_lowers_them_whatever_its_age(issued: float) -> None:
    directory_reads("admin", "auditor", at=NOON)
    signs_in("auditor", issued_at=minutes(issued))
    assert roles() == ["auditor"]


def test_an_older_sign_in_restores_nothing_that_a_newer_one_lacks() -> None:
    signs_in("admin", issued_at=NOON)
    signs_in(issued_at=minutes(30))
    signs_in("admin", issued_at=NOON)
    assert roles() == []


def test_a_slow_read_of_the_directory_does_not_undo_a_newer_sign_in() -> None:
    signs_in("admin", issued_at=minutes(-60))
    signs_in(issued_at=minutes(1))
    directory_reads("admin", at=NOON)  # it began before that sign-in
    assert roles() == []
    directory_reads("admin", at=minutes(2))
    assert roles() == ["admin"]


def test_a_directory_that_manages_no_roles_leaves_them() -> None:
    signs_in("operator", issued_at=NOON)
    people_and_roles.note_person(iss=ISS, sub=SUB, name="Anya", roles=None, read_at=minutes(5))
    assert roles() == ["operator"]
    signs_in("admin", issued_at=minutes(1))
    assert roles() == ["admin"]


def test_a_sign_in_leaves_what_only_the_directory_knows() -> None:
    people_and_roles.note_person(iss=ISS, sub=SUB, roles=["admin"], phone=False, read_at=NOON)
    Person.objects.update(on_call=3)
    signs_in("admin", issued_at=minutes(5))
    person = Person.objects.get()
    assert (person.phone, person.on_call, person.name) == (False, 3, "Anya")


@pytest.mark.parametrize(
    ("issued", "held"),
    [(-60, set()), (0.5, set()), (2, {"operator"})],
)
def test_a_token_gives_no_role_that_was_lost_after_it_was_issued(
    issued: float, held: set[str]
) -> None:
    directory_reads(at=NOON)
    person = people_and_roles.find(ISS, SUB)
    claimed = replace(ANYA, roles_issued_at=minutes(issued))
    assert people_and_roles.roles_in_force(claimed, person) == held
    assert roles() == [], "and it writes none"


ANYA = Actor(iss=ISS, sub=SUB, roles=frozenset({"operator"}))


def test_a_session_that_still_has_the_role_decides_nothing_at_once(
    lamps: Lamps, monkeypatch: pytest.MonkeyPatch
) -> None:
    people_and_roles.note_person(iss=ISS, sub=SUB, name="Anya", roles=["operator"])
    monkeypatch.setattr(auth0_clients, "auth0", lambda: SimpleNamespace(issuer=ISS))
    monkeypatch.setattr(auth0_clients, "management", Directory)
    people_roles_and_enrolments.sync_people()
    with pytest.raises(Refused) as refused:
        perform(ANYA, "lamp.hold", HALL)
    assert refused.value.code == "not_permitted"
    assert lamps.lit == {} and events("lamp.held") == []


def test_a_role_lost_between_the_check_and_the_commit_commits_nothing(
    lamps: Lamps, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory_reads("operator", at=NOON)

    def loses_it(*_: Any) -> None:
        directory_reads(at=minutes(1))

    slow = replace(registry.get("lamp.hold"), prepare=loses_it)
    monkeypatch.setitem(registry._VERBS, "lamp.hold", slow)
    with pytest.raises(Refused) as refused:
        perform(ANYA, "lamp.hold", HALL)
    assert refused.value.code == "not_permitted"
    assert lamps.lit == {} and events("lamp.held") == []


def test_a_token_newer_than_the_directorys_read_decides_by_its_own_role(lamps: Lamps) -> None:
    directory_reads(at=NOON)
    done = perform(replace(ANYA, roles_issued_at=minutes(5)), "lamp.hold", HALL)
    assert done.event_id is not None and lamps.lit == {"hall": False}
    assert roles() == [], "a token writes no role"


def test_the_event_names_the_roles_in_force_at_the_commit(lamps: Lamps) -> None:
    directory_reads("operator", at=NOON)
    perform(replace(ANYA, roles=frozenset({"operator", "admin"})), "lamp.hold", HALL)
    [held] = events("lamp.held")
    assert held["actor"]["roles"] == ["operator"]

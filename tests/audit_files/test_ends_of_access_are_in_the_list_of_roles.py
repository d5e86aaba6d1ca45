"""Ends of access that were set in the period are in `roles.json`, and checked as roles are."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from approvals.person_access_ends.set_access_end import VERB
from approvals.pipeline.service import perform
from audit import clock
from audit.audit_files import audit_scope, zip_file
from audit.ledger.audit_file_format import signed_manifest as manifests
from audit.ledger.format.canonical import canonical
from audit.models import EventRow, Openings
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.approvals.people_of import acting
from tests.ata.ata_process import Ata
from tests.audit.factories import ADA, OLU
from tests.audit_files.audit_world import (
    Members,
    World,
    packed,
    record_at,
    signed_again,
    unpacked,
    whole_hours,
)

pytestmark = pytest.mark.django_db

NO_ENDS = "before roles.json listed them, and 2 of its entries are about one."


def day(ahead: int) -> str:
    return (clock.now().date() + timedelta(days=ahead)).isoformat()


def end(by: Actor, whose: Actor, last_day: str) -> None:
    perform(by, VERB, Target("person", whose.sub), params={"last_day": last_day}, reason="FY26")
    sequencer.run_once()


@pytest.fixture
def ended(world: World) -> World:
    """A world in which the end of Ada's access was set, and then an earlier one."""
    amir, ada = acting("admin", "admin"), acting("auditor", "auditor")
    end(amir, ada, day(9))
    end(amir, ada, day(2))
    return world


def roles_of(members: Members) -> dict[str, Any]:
    found = json.loads(members[manifests.ROLES])
    assert isinstance(found, dict)
    return found


def with_roles(members: Members, document: dict[str, Any]) -> Members:
    """The members with this list, signed as the owner of the log's key would."""
    return signed_again(members | {manifests.ROLES: canonical(document) + b"\n"})


def of_before(members: Members) -> dict[str, Any]:
    """The list as it was written before it had ends."""
    return {"schema": "ata.roles.v1", "roles": roles_of(members)["roles"]}


def test_each_end_that_was_set_or_changed_is_listed_with_its_entry(ended: World, ata: Ata) -> None:
    members = unpacked(ended.file())
    rows = list(EventRow.objects.filter(action="person.access_end_set").order_by("seq"))
    listed = roles_of(members)["ends"]
    assert [one["index"] for one in listed] == [row.seq for row in rows]
    assert [one["last_day"] for one in listed] == [day(9), day(2)]
    assert {(one["sub"], one["name"]) for one in listed} == {
        (acting("auditor", "auditor").sub, acting("auditor", "auditor").name)
    }
    result = ata.here("verify", ended.save(packed(members)), *ended.keys())
    assert "✓ The list of roles follows from the entries" in result.output, result.output
    assert "✗" not in result.output and NO_ENDS not in result.output


@pytest.mark.parametrize("framework", ["gdpr", "hipaa", "iso-27001"])
def test_an_end_is_listed_whatever_the_framework_asks_for(ended: World, framework: str) -> None:
    into = io.BytesIO()
    scope = audit_scope.scope(framework, ended.period, complete=False)
    zip_file.write(ADA, scope, clock.now(), into)
    assert len(roles_of(unpacked(into.getvalue()))["ends"]) == 2


def test_an_end_in_the_range_that_is_of_another_time_is_not_listed(ended: World) -> None:
    long_ago = clock.now() - timedelta(days=40)
    record(OLU, "audit.viewed", time=long_ago)
    sequencer.run_once()
    period = whole_hours(long_ago - timedelta(days=1), long_ago + timedelta(days=1))
    members = unpacked(ended.file(period=period))
    assert members[manifests.RANGE].count(b"person.access_end_set") == 2
    assert roles_of(members)["ends"] == []
    assert b"Ada Auditor" not in b"".join(members.values())


def another_day(document: dict[str, Any]) -> None:
    document["ends"][1]["last_day"] = day(300)


def another_person(document: dict[str, Any]) -> None:
    document["ends"][1]["sub"] = "auth0|somebody-else"


def one_end_left_out(document: dict[str, Any]) -> None:
    del document["ends"][1]


def an_end_made_up(document: dict[str, Any]) -> None:
    document["ends"].append(document["ends"][1] | {"last_day": ""})


def of_before_with_ends(document: dict[str, Any]) -> None:
    document["schema"] = "ata.roles.v1"


@pytest.mark.parametrize(
    "doctor",
    [another_day, another_person, one_end_left_out, an_end_made_up, of_before_with_ends],
)
def test_an_end_that_the_owner_of_the_key_changed_is_found(
    ended: World, ata: Ata, doctor: Callable[[dict[str, Any]], None]
) -> None:
    members = unpacked(ended.file())
    document = roles_of(members)
    doctor(document)
    result = ata.here("verify", ended.save(packed(with_roles(members, document))), *ended.keys())
    assert result.exit_code == 1
    assert "✗ The list of roles follows from the entries" in result.output, result.output


def test_a_file_of_before_is_verified_and_the_report_says_what_it_lacks(
    ended: World, ata: Ata
) -> None:
    members = unpacked(ended.file())
    older = of_before(members)
    result = ata.here("verify", ended.save(packed(with_roles(members, older))), *ended.keys())
    assert "✓ The list of roles follows from the entries" in result.output, result.output
    assert "✗" not in result.output and NO_ENDS in result.output
    older["roles"][0]["events"] += 1
    doctored = with_roles(members, older)
    result = ata.here("verify", ended.save(packed(doctored)), *ended.keys())
    assert "✗ The list of roles follows from the entries" in result.output, result.output


def test_who_was_erased_is_not_named_and_the_end_stays_listed(ended: World, ata: Ata) -> None:
    changed = EventRow.objects.filter(action="person.access_end_set").values("event")
    for opening in Openings.objects.filter(event__in=changed):
        opening.values = {
            path: held
            for path, held in opening.values.items()
            if path not in ("target.name", "private.whose")
        }
        opening.save(update_fields=["values"])
    body = ended.file()
    listed = roles_of(unpacked(body))["ends"]
    assert [(one["sub"], one["name"]) for one in listed] == [("", "")] * 2
    assert [one["last_day"] for one in listed] == [day(9), day(2)]
    result = ata.here("verify", ended.save(body), *ended.keys())
    assert "✓ The list of roles follows from the entries" in result.output, result.output


def test_an_entry_without_a_day_is_no_end_and_stops_nothing(world: World, ata: Ata) -> None:
    for data in ({}, {"last_day": None}, {"last_day": {"at": 1}}):
        record(OLU, "person.access_end_set", target=Target("person", ADA.sub), data=data)
    record(OLU, "person.access_end_set", data={"last_day": day(3)})
    record_at(world.period.end)
    body = world.file()
    assert roles_of(unpacked(body))["ends"] == []
    result = ata.here("verify", world.save(body), *world.keys())
    assert result.exit_code == 0, result.output

"""One approved code enrols several outposts, each next to a gateway whose name matches."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.models import F
from django.test import RequestFactory

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval, Status
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.models import Event, EventRow
from audit.recording.actors import SYSTEM, Actor, Target
from audit.recording.record import record
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer
from audit.verification.checks import checks_from_other_apps
from enforcement.api import outpost_enrolment
from enforcement.decisions import fleet_codes
from enforcement.models import EnrolmentCode, Outpost
from enforcement.outposts import (
    command_recipients,
    enrolment,
    sealed_rows,
    trust_pinned_at_enrolment,
)
from tests.attacks.tamper.owner import past_the_triggers
from tests.enforcement.answering import approve, deny
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import known, sentences
from tests.enforcement.outpost_device import ENROL, Device, code, code_of, enrolled

pytestmark = pytest.mark.django_db
BUILD = Target("outpost", "build-*")
REFUSED = "403 enrolment_refused"


@pytest.fixture(autouse=True)
def var_dir(tmp_path: Path, settings: LazySettings) -> None:
    settings.VAR_DIR = tmp_path


@pytest.fixture
def amir(db: None) -> Actor:
    """An admin, with a colleague who can approve."""
    known("admin2", "admin", name="Anna Admin")
    return known("admin", "admin", name="Amir Admin").as_actor(via="web")


def bounds(uses: int = 20, **until: float) -> dict[str, Any]:
    return {"uses": uses, "until": clock.stamp(clock.now() + timedelta(**until or {"days": 7}))}


def ask(admin: Actor, params: dict[str, Any] | None = None, target: Target = BUILD) -> Approval:
    asked = perform(admin, "outpost.enrol", target, params=params or bounds()).approval
    assert asked is not None
    return asked


def fleet_code(admin: Actor, params: dict[str, Any] | None = None, target: Target = BUILD) -> str:
    return enrolment.issue(admin, approve(ask(admin, params, target)).id).code


def tries(given: str, instance: str, device: Device | None = None) -> str:
    """`enrolled`, or the refusal."""
    device = device or Device()
    device.instance = instance
    answer = device.post(ENROL, device.enrolment(given))
    return "enrolled" if answer.status_code == 201 else code(answer)


def end(admin: Actor, pattern: str = "build-*") -> None:
    assert perform(admin, "outpost.suspend", Target("outpost", pattern)).approval is None


def revoke(admin: Actor, instance: str) -> None:
    asked = perform(admin, "outpost.revoke", Target("outpost", instance)).approval
    assert asked is not None
    approve(asked)


def problems() -> list[str]:
    sequencer.run_once()
    return [one.message for one in command_recipients.problems()]


def test_another_admin_approves_pattern_uses_and_expiry_in_one_sentence(amir: Actor) -> None:
    until = clock.now() + timedelta(days=7)
    asked = ask(amir, {"uses": 20, "until": clock.stamp(until)})
    assert asked.current is not None and asked.current.person.sub != amir.sub
    assert asked.severity == "CRITICAL"
    assert asked.sentence == (
        "Let up to 20 outposts enrol on hosts named build-*, "
        f"until {until.day} {until:%b %Y %H:%M:%S} UTC"
    )
    assert "up to 20 devices" in asked.risk and "also names of registered" in asked.if_approved
    with pytest.raises(Refused, match="no code to show"):
        enrolment.issue(amir, asked.id)
    approve(asked)
    issued = enrolment.issue(amir, asked.id)
    assert (issued.instance, issued.uses) == ("build-*", 20)
    assert clock.stamp(issued.expires_at) == clock.stamp(until)
    with pytest.raises(Refused, match="no code to show"):
        enrolment.issue(amir, asked.id)
    said = sentences("outpost.enrolled")[0]
    assert "decided to let up to 20 outposts enrol on hosts named build-*, until 2" in said


def test_a_denied_fleet_gets_no_code(amir: Actor) -> None:
    asked = ask(amir)
    deny(asked)
    with pytest.raises(Refused, match="no code to show"):
        enrolment.issue(amir, asked.id)


@pytest.mark.parametrize(
    "name",
    [
        *("*", "b*", "bu*", "build*-", "*build", "bui*ld-*", "build-**", "-build*", "build-?*"),
        *("bu\u0456ld-*", "build-\u200b*", "build-*\n", " build-*", "build/*", "build-\uff0a"),
        "b" * 60 + "*",
    ],
)
def test_a_pattern_has_three_plain_characters_and_a_star_at_its_end(amir: Actor, name: str) -> None:
    with pytest.raises(Refused):
        ask(amir, target=Target("outpost", name))
    with pytest.raises(Refused):
        perform(amir, "outpost.suspend", Target("outpost", name))


@pytest.mark.parametrize(
    "params",
    [
        {"uses": 0},
        {"uses": 501},
        {"uses": True},
        {"uses": "20"},
        {"uses": None},
        {"until": None},
        {"until": "2026-13-01T00:00:00Z"},
        {"until": "tomorrow"},
        {"until": "2020-01-01T00:00:00Z"},
        {"hosts": "db-*"},
    ],
)
def test_a_fleet_code_has_bounds(amir: Actor, params: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        ask(amir, bounds() | params)


def test_a_fleet_code_lasts_thirty_days_at_most(amir: Actor) -> None:
    with pytest.raises(Refused, match="30 days"):
        ask(amir, bounds(days=30, minutes=2))
    ask(amir, bounds(500, days=30))


def test_one_gateway_takes_no_bounds_and_a_pattern_is_no_gateway(amir: Actor) -> None:
    with pytest.raises(Refused, match="leave out"):
        ask(amir, target=Target("outpost", "build-1"))
    with pytest.raises(Refused, match="how many"):
        perform(amir, "outpost.enrol", BUILD)
    with pytest.raises(Refused):
        ask(amir, target=Target("outpost", "build-*", "build-*"))
    for verb in ("resume", "revoke"):
        with pytest.raises(Refused):
            perform(amir, f"outpost.{verb}", BUILD)


def test_each_use_enrols_one_device_and_the_log_stays_right(amir: Actor) -> None:
    given = fleet_code(amir, bounds(3))
    devices = [Device() for _ in range(3)]
    for number, device in enumerate(devices):
        assert tries(given, f"build-{number}", device) == "enrolled"
    assert tries(given, "build-9") == REFUSED  # all are spent
    assert Outpost.objects.values("operation").distinct().count() == 1
    assert problems() == []
    assert set(command_recipients.by_instance()) == {"build-0", "build-1", "build-2"}
    assert all(sealed_rows.is_as_recorded(one) for one in Outpost.objects.all())
    assert all(one.send().status_code == 200 for one in devices)
    revoke(amir, "build-1")
    assert problems() == []
    assert set(command_recipients.by_instance()) == {"build-0", "build-2"}
    Outpost.objects.filter(instance="build-2").update(public_key=Device().public_key)
    Outpost.objects.filter(instance="build-0").delete()
    assert len(problems()) == 2
    assert EventRow.objects.filter(action="outpost.key_enrolled").count() == 3


def test_the_name_has_to_match_and_is_used_once(amir: Actor) -> None:
    given = fleet_code(amir)
    for name in (
        "Build-1",
        "db-1",
        "build",
        "build-",
        "build-*",
        "build-1\n",
        "build-\u0661",
        "build-a b",
    ):
        assert tries(given, name) == REFUSED
    device = Device()
    assert tries(given, "build-1", device) == "enrolled"
    assert tries(given, "build-1") == REFUSED  # it has an outpost
    assert tries(given, "build-2", device) == REFUSED  # the same key
    revoke(amir, "build-1")
    assert tries(given, "build-1") == REFUSED  # this code enrolled it before
    assert tries(given, "build-1", device) == REFUSED
    other = fleet_code(amir, bounds(5))
    assert tries(other, "build-1") == "enrolled"
    assert problems() == []


def test_a_name_that_two_fleets_match_has_one_outpost(amir: Actor) -> None:
    wide, narrow = fleet_code(amir), fleet_code(amir, target=Target("outpost", "build-arm-*"))
    assert tries(narrow, "build-arm-1") == "enrolled"
    assert tries(wide, "build-arm-1") == REFUSED
    end(amir, "build-arm-*")
    assert tries(narrow, "build-arm-2") == REFUSED
    assert tries(wide, "build-arm-2") == "enrolled"


def test_codes_of_one_gateway_and_of_a_fleet_do_not_end_each_other_by_name(amir: Actor) -> None:
    fleet, single = fleet_code(amir), code_of(amir, "build-1")
    assert tries(single, "build-1") == "enrolled"
    assert tries(fleet, "build-1") == REFUSED
    unused = code_of(amir, "build-2")
    assert tries(fleet, "build-2") == "enrolled"
    revoke(amir, "build-2")
    assert tries(unused, "build-2") == REFUSED  # from before an outpost enrolled there
    revoke(amir, "build-1")
    assert tries(single, "build-1") == REFUSED
    assert tries(fleet, "build-3") == "enrolled"
    with pytest.raises(Refused):
        ask(amir, None, Target("outpost", "build-3"))


def test_an_outpost_whose_row_is_gone_is_not_replaced_by_a_fleet_code(amir: Actor) -> None:
    Device(instance="build-1").enrol(amir)
    given = fleet_code(amir)
    Outpost.objects.all().delete()
    assert tries(given, "build-1") == REFUSED
    revoke(amir, "build-1")
    # Who approved the code did not approve another outpost in the place of a revoked one.
    assert tries(given, "build-1") == REFUSED
    assert tries(fleet_code(amir, bounds(5)), "build-1") == "enrolled"


def test_a_name_that_was_revoked_since_needs_a_later_code(amir: Actor) -> None:
    given = fleet_code(amir)
    Device(instance="build-7").enrol(amir)
    revoke(amir, "build-7")
    assert tries(given, "build-7") == REFUSED
    assert tries(fleet_code(amir, bounds(5)), "build-7") == "enrolled"


def test_an_outpost_that_somebody_wrote_as_revoked_is_not_replaced(amir: Actor) -> None:
    Device(instance="build-1").enrol(amir)
    given = fleet_code(amir)
    edge = Target("outpost", "build-1", "build-1")
    record(SYSTEM, "outpost.revoked", target=edge, operation=str(uuid7()))
    Outpost.objects.update(revoked_at=clock.now())
    assert tries(given, "build-1") == REFUSED
    assert tries(given, "build-2") == "enrolled"


def rewind(**columns: Any) -> None:
    """The rows as they were, or as somebody wants them."""
    EnrolmentCode.objects.filter(instance="build-*").delete()
    EnrolmentCode(**columns).save(force_insert=True)


def test_rows_that_were_put_back_give_no_further_use(amir: Actor) -> None:
    given = fleet_code(amir, bounds(1))
    before = EnrolmentCode.objects.values().get()
    assert tries(given, "build-1") == "enrolled"
    Outpost.objects.all().delete()
    rewind(**before)
    for name in ("build-1", "build-2"):
        assert tries(given, name) == REFUSED


def test_a_deleted_search_row_gives_no_further_use(amir: Actor) -> None:
    given = fleet_code(amir, bounds(1))
    assert tries(given, "build-1") == "enrolled"
    EventRow.objects.filter(action="outpost.key_enrolled").delete()
    assert tries(given, "build-2") == REFUSED
    Outpost.objects.all().delete()
    for name in ("build-1", "build-2"):
        assert tries(given, name) == REFUSED


def test_a_row_counts_as_a_use_where_the_log_has_none(amir: Actor) -> None:
    given = fleet_code(amir, bounds(1))
    assert tries(given, "build-1") == "enrolled"
    Outpost.objects.update(instance="db-1")
    EventRow.objects.filter(action="outpost.key_enrolled").update(seq=99999)
    right = EnrolmentCode.objects.get()
    assert enrolment.used_names(right, []) == {"db-1"}


def test_a_use_counts_by_its_row_where_its_event_was_deleted(amir: Actor) -> None:
    given = fleet_code(amir, bounds(1))
    assert tries(given, "build-1") == "enrolled"
    row = EventRow.objects.get(action="outpost.key_enrolled")
    with past_the_triggers():
        row.delete()
        Event.objects.filter(id=row.event).delete()
    assert tries(given, "build-2") == REFUSED


def test_a_deleted_search_row_hides_no_end(amir: Actor) -> None:
    given = fleet_code(amir)
    row = EnrolmentCode.objects.values().get()
    end(amir)
    EventRow.objects.filter(action="outpost.suspended").delete()
    rewind(**row)
    assert tries(given, "build-2") == REFUSED


@pytest.mark.parametrize("wrong", ["uses", "until", "end", "name"])
def test_verification_names_a_use_that_was_not_approved(
    amir: Actor, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    given, at = fleet_code(amir, bounds(1, days=1)), clock.now()
    assert tries(given, "build-1") == "enrolled"
    assert problems() == []
    operation = EnrolmentCode.objects.get().operation
    if wrong == "end":
        end(amir)
    monkeypatch.setattr(enrolment, "used_names", lambda _right, _entries: set())
    expected = {"uses": "uses were spent", "end": "uses were spent", "until": "", "name": ""}
    name = "db-1" if wrong == "name" else "build-2"
    if wrong in {"until", "name"}:
        decided = uses_of(operation, 5)
        monkeypatch.setattr(checks_from_other_apps, "events_of", lambda _name: iter([decided]))
        if wrong == "until":
            decided["data"]["until"] = clock.stamp(at - timedelta(days=1))
        expected |= {"until": "had expired", "name": "hosts named build-*"}
    enrolled(Device(instance=name), operation=operation)
    found = [one for one in problems() if "by a fleet code" in one]
    assert found and all(expected[wrong] in one for one in found)


def uses_of(operation: str, uses: int) -> dict[str, Any]:
    """The decision of a fleet code, with so many uses."""
    event = EventRow.of_operation(operation).get(action="outpost.enrolled").event
    decided = load(event)
    return decided | {"data": decided["data"] | {"uses": uses}}


def test_verification_names_a_use_after_the_end(amir: Actor) -> None:
    fleet_code(amir)
    operation = EnrolmentCode.objects.get().operation
    end(amir)
    enrolled(Device(instance="build-2"), operation=operation)
    assert ["had ended" in one for one in problems()] == [True]


def test_a_waiting_request_ends_with_the_code(amir: Actor) -> None:
    asked, other = ask(amir), ask(amir, None, Target("outpost", "db-*"))
    end(amir)
    for one in (asked, other):
        one.refresh_from_db()
    assert asked.status != Status.PENDING and other.status == Status.PENDING
    later = approve(ask(amir, bounds(5)))  # asked for since
    assert enrolment.issue(amir, later.id).code


def test_a_code_enrols_nothing_once_its_requester_is_no_admin(amir: Actor) -> None:
    given = fleet_code(amir)
    web = browser("admin2", "admin", name="Anna Admin")
    assert "Amir Admin" in web.get("/enforcement/fleet/").content.decode()
    known("admin", "viewer", name="Amir Admin")
    assert tries(given, "build-1") == REFUSED
    listed = web.get("/enforcement/fleet/").content.decode()
    assert "not an admin now" in listed and "End it…" in listed
    end(known("admin2", "admin", name="Anna Admin").as_actor(via="web"))
    assert fleet_codes.list_open() == []


def test_sentences_count_one_outpost_and_show_seconds(amir: Actor) -> None:
    asked = ask(amir, {"uses": 1, "until": clock.stamp(clock.now() + timedelta(days=2))})
    assert asked.sentence.startswith("Let 1 outpost enrol on hosts named build-*, until ")
    assert asked.risk.endswith(
        "1 device can join and carry out decisions, each under a name that it states itself"
    )
    assert re.search(r":\d\d:\d\d UTC", asked.sentence + asked.if_approved)
    approve(asked)
    assert "decided to let 1 outpost enrol" in sentences("outpost.enrolled")[0]


def test_the_api_says_how_many_uses_a_code_has(amir: Actor, rf: RequestFactory) -> None:
    one = perform(amir, "outpost.enrol", Target("outpost", "edge-1")).approval
    assert one is not None
    request = rf.post("/v1/outposts/codes")
    request.META["ATA_CALLER"] = SimpleNamespace(actor=amir)
    for asked, uses in ((ask(amir, bounds(12)), 12), (one, 1)):
        approve(asked)
        body = outpost_enrolment.CodeIn(approval=str(asked.id))
        answer = json.loads(outpost_enrolment.code(request, body).content)
        assert outpost_enrolment.CodeOut(**answer).uses == uses


def test_a_long_name_is_refused_and_not_cut(amir: Actor) -> None:
    web = browser("admin", "admin", name="Amir Admin")
    said = {"name": "b" * 60 + "*", "uses": "3", "days": "7"}
    for name in (said["name"], "b" * 61):
        page = web.post("/enforcement/outposts/new/", said | {"name": name})
        assert page.status_code == 200 and name in page.content.decode()
    assert not Approval.objects.exists()


@pytest.mark.parametrize(
    "columns",
    [
        {"uses": 21},
        {"until": clock.now() + timedelta(days=90)},
        {"instance": "bui*"},
        {"instance": "build-1"},
        {"seal": ""},
        {"uses": F("uses") + 1},
        {"operation": "0" * 36},
        {"decided_at": clock.now() + timedelta(days=1)},
    ],
)
def test_a_row_that_somebody_changed_enrols_nothing(amir: Actor, columns: dict[str, Any]) -> None:
    given = fleet_code(amir)
    EnrolmentCode.objects.update(**columns)
    assert tries(given, "build-1") == REFUSED
    assert fleet_codes.list_open() == []
    single = code_of(amir, "edge-1")
    EnrolmentCode.objects.filter(instance="edge-1").update(uses=2)
    assert tries(single, "edge-1") == REFUSED


def test_seals_from_before_there_were_fleet_codes_stay_valid(amir: Actor) -> None:
    code_of(amir, "instance")
    row = EnrolmentCode.objects.get()
    old = ("approval", "operation", "instance", "decided_at", "digest", "expires_at", "used_at")
    assert list(sealed_rows._said(row)) == list(old)


def test_an_expired_code_enrols_nothing_and_is_listed_no_more(
    amir: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, at = fleet_code(amir, bounds(days=1)), clock.now()
    assert [one.used for one in fleet_codes.list_open()] == [0]
    monkeypatch.setattr(clock, "now", lambda: at + timedelta(days=1, seconds=1))
    assert fleet_codes.list_open() == []
    with pytest.raises(Refused):
        enrols_now(given)


def enrols_now(given: str) -> None:
    device = Device(instance="build-1")
    facts = device.enrolment(given) | {"outpost": device.id}
    facts.pop("code")
    pins = trust_pinned_at_enrolment.current()
    enrolment.enrol(given, enrolment.Device(**facts), Actor(iss="", sub="", via="api"), pins)


@pytest.mark.parametrize("when", ["approved", "shown", "used"])
def test_an_ended_code_enrols_nothing_also_where_its_row_is_put_back(
    amir: Actor, when: str
) -> None:
    asked = approve(ask(amir))
    given = enrolment.issue(amir, asked.id).code if when != "approved" else ""
    if when == "used":
        assert tries(given, "build-1") == "enrolled"
    row = EnrolmentCode.objects.values().get()
    end(amir)
    assert not EnrolmentCode.objects.exists() and fleet_codes.list_open() == []
    assert sentences("outpost.suspended") == [
        "Amir Admin ended the fleet code for hosts named build-*"
    ]
    rewind(**row)
    assert fleet_codes.list_open() == [] and problems() == []
    if given:
        assert tries(given, "build-2") == REFUSED
    else:
        with pytest.raises(Refused, match="no code to show"):
            enrolment.issue(amir, asked.id)
    assert set(command_recipients.by_instance()) == ({"build-1"} if when == "used" else set())
    EnrolmentCode.objects.all().delete()
    assert tries(fleet_code(amir, bounds(7)), "build-2") == "enrolled"  # approved since


def test_a_code_whose_row_is_hidden_can_be_ended(amir: Actor) -> None:
    given = fleet_code(amir)
    row = EnrolmentCode.objects.values().get()
    EnrolmentCode.objects.all().delete()
    end(amir)
    rewind(**row)
    assert tries(given, "build-1") == REFUSED


def test_the_code_is_stored_nowhere(amir: Actor) -> None:
    given = fleet_code(amir)
    assert tries(given, "build-1") == "enrolled"
    stored = repr(list(EnrolmentCode.objects.values()))
    stored += "".join(bytes(event.entry).decode() for event in Event.objects.all())
    stored += repr([load(event.id) for event in Event.objects.all()])
    for text in (given, given.replace("-", "")):
        assert text not in stored


def test_the_pages_ask_show_list_and_end_a_fleet_code(amir: Actor) -> None:
    web = browser("admin", "admin", name="Amir Admin")
    new, fleet = "/enforcement/outposts/new/", "/enforcement/fleet/"
    wrong = web.post(new, {"name": "build-*", "uses": "many", "days": "7"})
    assert wrong.status_code == 200 and 'value="many"' in wrong.content.decode()
    assert web.post(new, {"name": "build-*", "uses": "3", "days": "31"}).status_code == 200
    assert web.post(new, {"name": "build-*"}).status_code == 200
    assert web.post(new, {"name": "build-*", "uses": "3", "days": "7"}).status_code == 302
    asked = Approval.objects.get(verb="outpost.enrol")
    page = f"/enforcement/outposts/{asked.pk}/code/"
    assert "End it…" not in web.get(fleet).content.decode()
    approve(asked)
    assert "Get the code for hosts named build-*" in web.get(page).content.decode()
    assert "not shown yet" in web.get(fleet).content.decode()
    shown = web.post(page).content.decode()
    assert "Run one command on each host named build-*" in shown
    assert "--instance" in shown and "--instance build" not in shown
    assert "enrols 3 devices" in shown and "ata outpost enrol - --portal" in shown
    given = re.findall(r"\b(?:[A-Z2-7]{4}-){6}[A-Z2-7]{2}\b", shown)[0]
    ends = f"/enforcement/outposts/{asked.pk}/end/"
    assert "No outpost has enrolled by this one." in web.get(ends).content.decode()
    assert tries(given, "build-1") == "enrolled"
    listed = web.get(fleet).content.decode()
    assert "1 of 3" in listed and "build-*" in listed and "End it…" in listed
    assert "1 outpost enrolled by this one and stays" in web.get(ends).content.decode()
    assert ends in listed
    asks = web.get(ends).content.decode()
    assert "End the fleet code for hosts named build-*?" in asks and "1 outpost enrolled" in asks
    assert tries(given, "build-2") == "enrolled"
    assert web.post(ends, {"reason": "all are in"}).headers["Location"] == fleet
    assert tries(given, "build-3") == REFUSED
    for method in (web.get, web.post):
        assert method(ends).status_code == 404


def test_only_admins_ask_for_see_and_end_fleet_codes(amir: Actor) -> None:
    given = fleet_code(amir)
    row = EnrolmentCode.objects.get()
    olu = known("operator", "operator", "auditor").as_actor(via="web")
    for verb, params in (("enrol", bounds()), ("suspend", {})):
        with pytest.raises(Refused):
            perform(olu, f"outpost.{verb}", BUILD, params=params)
    web = browser("operator", "operator")
    ends = f"/enforcement/outposts/{row.approval}/end/"
    assert web.get(ends).status_code == 403 and web.post(ends).status_code == 403
    assert "build-*" not in web.get("/enforcement/fleet/").content.decode()
    assert tries(given, "build-1") == "enrolled"

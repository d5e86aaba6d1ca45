"""Away until a day: others are asked first, and the away approver may still answer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client

from approvals import clock, people_and_roles
from approvals.absence import set_absence
from approvals.errors import Refused
from approvals.models import Outcome, Person
from audit.models import EventRow
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones, acting, known
from tests.approvals.policies import in_force, keyed, rule
from tests.approvals.working import Work
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS

AWAY = "/account/away/"


def today() -> date:
    return clock.now().astimezone(UTC).date()


def later(days: int = 3) -> date:
    return today() + timedelta(days=days)


def order(requester: Actor) -> list[str]:
    found = people_and_roles.roster(roles=["operator"], approver="another", requester=requester)
    return [one.sub for one in found]


@pytest.fixture
def others(olu: Actor, oona: Actor) -> Actor:
    """Amir is an operator too, on call after Oona."""
    known("operator2", "operator", on_call=1)
    return acting("admin", "operator")


def test_who_is_away_comes_after_everybody_else(olu: Actor, oona: Actor, others: Actor) -> None:
    assert order(olu) == [SUBS["operator2"], SUBS["admin"]]
    Person.objects.filter(sub=SUBS["admin"]).update(phone=False)
    assert set_absence.set_away(oona, later())
    assert order(olu) == [SUBS["admin"], SUBS["operator2"]], "never nobody"
    assert set_absence.clear(oona)
    assert order(olu) == [SUBS["operator2"], SUBS["admin"]]


def test_a_changed_row_moves_an_approver_in_the_order_and_takes_no_one_out(
    olu: Actor, oona: Actor, others: Actor
) -> None:
    set_absence.set_away(oona, later())
    Person.objects.filter(sub=SUBS["operator2"]).update(away_until=None)
    Person.objects.filter(sub=SUBS["admin"]).update(away_until=later())
    assert order(olu) == [SUBS["operator2"], SUBS["admin"]]
    [event] = events("person.away_set")
    assert event["data"]["until"] == later().isoformat()


def test_the_last_day_ends_in_utc(
    olu: Actor, oona: Actor, others: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_absence.set_away(oona, today())
    ends = datetime.combine(later(1), datetime.min.time(), UTC)
    monkeypatch.setattr(clock, "now", lambda: ends - timedelta(seconds=1))
    assert order(olu)[0] == SUBS["admin"] and set_absence.until(oona) is not None
    monkeypatch.setattr(clock, "now", lambda: ends)
    assert order(olu)[0] == SUBS["operator2"] and set_absence.until(oona) is None


def test_a_request_goes_to_the_next_approver(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, others: Actor, work: Work
) -> None:
    in_force(rule("all", approver="another"))
    set_absence.set_away(oona, later())
    approval = ask(olu)
    assert approval.current is not None and approval.current.person.sub == SUBS["admin"]


def test_an_away_approver_who_is_the_last_is_asked_and_may_approve(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    in_force(rule("all", approver="another"))
    set_absence.set_away(oona, later())
    approval = ask(olu)
    work()
    page = signed_in("operator", "operator").get(f"/approvals/{approval.id}/").content.decode()
    assert "Oona Operator set that they are away until the end of" in page
    assert "and can still answer. No one else is left to ask: without an answer" in page
    phones.answer("operator2", code_of(approval), "approve")
    work()
    assert fresh(approval).outcome == Outcome.APPROVED


def test_a_request_that_was_sent_before_says_who_is_next(
    lamps: Lamps, olu: Actor, oona: Actor, others: Actor
) -> None:
    in_force(rule("all", approver="another"))
    approval = ask(olu)
    assert approval.current is not None and approval.current.person.sub == SUBS["operator2"]
    set_absence.set_away(oona, later())
    page = signed_in("operator", "operator").get(f"/approvals/{approval.id}/").content.decode()
    assert "and can still answer. Without an answer in time Amir Admin is asked." in page


def test_each_change_is_an_event_and_nothing_else_is(oona: Actor) -> None:
    assert set_absence.set_away(oona, later())
    assert not set_absence.set_away(oona, later())
    assert set_absence.set_away(oona, later(5))
    assert set_absence.clear(oona)
    assert not set_absence.clear(oona)
    assert [one["data"]["until"] for one in events("person.away_set")] == [
        later().isoformat(),
        later(5).isoformat(),
    ]
    assert len(events("person.away_cleared")) == 1
    said = EventRow.objects.filter(action="person.away_set").order_by("event").first()
    assert said is not None
    assert said.sentence.startswith("Oona Operator set their absence until the end of ")


@pytest.mark.parametrize("days", [-1, 367, 40_000])
def test_a_day_that_cannot_be_is_refused(oona: Actor, days: int) -> None:
    with pytest.raises(Refused) as refused:
        set_absence.set_away(oona, later(days))
    assert refused.value.code == "invalid_request"
    assert not events("person.away_set")


def test_who_is_never_asked_in_turn_cannot_be_away() -> None:
    with pytest.raises(Refused) as refused:
        set_absence.set_away(acting("auditor", "auditor"), later())
    assert refused.value.code == "not_permitted"


# On the page.


@pytest.fixture
def browser(db: None) -> Client:
    return signed_in("operator", "operator")


def test_it_is_set_and_ended_on_the_own_page_and_an_admin_sees_it(browser: Client) -> None:
    page = browser.post(AWAY, {"until": later().isoformat()}, follow=True).content.decode()
    assert "as the last day of your absence." in page and "I am back" in page
    person = Person.objects.get(sub=SUBS["operator"])
    seen = signed_in("admin", "admin").get(f"/people/{person.pk}/").content.decode()
    assert "others are asked first; they may still answer." in seen
    page = browser.post(AWAY, {"back": "1"}, follow=True).content.decode()
    assert "You ended your absence, set through" in page and "I am back" not in page


@pytest.mark.parametrize("typed", ["tomorrow", "", "2001-01-01", "9999-12-31"])
def test_what_was_typed_stays_where_it_is_refused(browser: Client, typed: str) -> None:
    answer = browser.post(AWAY, {"until": typed})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert f'value="{typed}"' in page and 'role="alert"' in page
    assert not events("person.away_set")


def test_who_may_not_set_it() -> None:
    body = {"until": later().isoformat()}
    assert Client().post(AWAY, body).status_code == 302
    for who, roles in (("auditor", ("auditor",)), ("member1", ())):
        client = signed_in(who, *roles)
        assert client.post(AWAY, body).status_code == 403
        assert "Last day (UTC)" not in client.get("/account/").content.decode()
    assert signed_in("operator", "operator", csrf=True).post(AWAY, body).status_code == 403
    assert signed_in("operator", "operator").get(AWAY).status_code == 405
    assert not Person.objects.exclude(away_until=None).exists()


def test_who_can_answer_and_is_away_is_asked_before_those_who_cannot(
    olu: Actor, oona: Actor, others: Actor
) -> None:
    keyed(oona)  # the only one with a passkey
    set_absence.set_away(oona, later())
    found = people_and_roles.roster(
        roles=["operator"], approver="another", requester=olu, channel="passkey"
    )
    assert found[0].sub == SUBS["operator2"]


def test_who_is_not_listed_is_refused_an_end_of_absence(browser: Client) -> None:
    Person.objects.all().delete()
    assert browser.post(AWAY, {"back": "1"}).status_code == 422

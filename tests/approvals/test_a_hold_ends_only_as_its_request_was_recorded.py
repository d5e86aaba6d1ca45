"""A hold ends by a denial, silence or a withdrawal as the recorded request and its policy say, and
not as a row does that someone altered since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Model

from approvals import audit_events, cancel_resend_confirm_denial, clock
from approvals.models import Answer, Approval, PolicyVersion, Status
from approvals.policy import policy_in_force
from audit.models import Event
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import HALL, ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones
from tests.approvals.policies import in_force, rule
from tests.approvals.working import Work
from tests.attacks.tamper.owner import overwrite

KEEPS = {"on_denial": "keep_hold", "on_expiry": "keep_hold"}
ENDS = {"on_denial": "release", "on_expiry": "release"}
ACTIONS = {
    "denied": "approval.denied",
    "expired": "approval.expired",
    "cancelled": "approval.cancelled",
}
type End = Callable[[Approval], None]


@pytest.fixture(params=list(ACTIONS))
def how(request: pytest.FixtureRequest) -> str:
    """How a request ends."""
    return str(request.param)


@pytest.fixture
def end(how: str, phones: Phones, olu: Actor, work: Work, travel: Callable[[], None]) -> End:
    """Have a request end so."""

    def do(request: Approval) -> None:
        if how == "denied":
            phones.answer("operator2", code_of(request), "deny")
        elif how == "expired":
            travel()
        else:
            cancel_resend_confirm_denial.cancel(olu, str(request.pk))
        work()
        assert fresh(request).outcome == how

    return do


@pytest.fixture(params=["with its rule", "of an older version"])
def entries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How a request is recorded: an older version recorded nothing of how its hold ends."""
    if request.param == "of an older version":
        write = audit_events._write

        def without(action: str, *args: Any, **more: Any) -> UUID:
            if action == "approval.requested":
                more["data"] = {}
            return write(action, *args, **more)

        monkeypatch.setattr(audit_events, "_write", without)


def asked(olu: Actor, work: Work, **more: Any) -> Approval:
    """A request that holds the lamp, under a policy with this rule."""
    in_force(rule("all", **more))
    request = ask(olu)
    work()
    assert fresh(request).held
    return fresh(request)


def alter(row: Model, **columns: Any) -> None:
    """Write columns of a row, as who writes the database does."""
    type(row)._default_manager.filter(pk=row.pk).update(**columns)


def kept(how: str) -> str | None:
    """What the entry says of why a hold did not end."""
    found = events(ACTIONS[how])[-1]["data"].get("hold_kept")
    return None if found is None else str(found)


def test_a_hold_ends_where_the_rule_says_so(
    lamps: Lamps, olu: Actor, oona: Actor, work: Work, end: End, how: str
) -> None:
    request = asked(olu, work, **ENDS)
    end(request)
    assert (lamps.held, kept(how)) == ([], None)


@pytest.mark.usefixtures("entries")
def test_it_ends_by_the_policy_of_the_request_where_another_is_in_force_since(
    lamps: Lamps, olu: Actor, oona: Actor, work: Work, end: End, how: str
) -> None:
    request = asked(olu, work, **ENDS)
    in_force(rule("all", **KEEPS))
    end(request)
    assert (lamps.held, kept(how)) == ([], None)


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("how", ["denied", "expired"], indirect=True)
def test_a_rule_that_was_altered_in_the_row_ends_no_hold(
    lamps: Lamps, olu: Actor, oona: Actor, work: Work, end: End, how: str
) -> None:
    request = asked(olu, work, **KEEPS)
    alter(request, rule={**request.rule, **ENDS})
    end(request)
    assert (lamps.held, kept(how)) == ([HALL.name], "rule_changed")


@pytest.mark.parametrize("how", ["denied", "expired"], indirect=True)
@pytest.mark.parametrize(
    ("entries", "held"),
    [("with its rule", []), ("of an older version", [HALL.name])],
    indirect=["entries"],
)
def test_only_a_recorded_rule_ends_a_hold_where_the_policy_of_the_request_is_gone(
    entries: None, held: list[str],
    lamps: Lamps, olu: Actor, oona: Actor, work: Work, end: End, how: str,
) -> None:  # fmt: skip
    request = asked(olu, work, **ENDS)
    PolicyVersion.objects.all().delete()
    policy_in_force.forget()
    end(request)
    assert (lamps.held, kept(how)) == (held, "rule_changed" if held else None)


def test_a_hold_stays_where_the_row_was_altered(
    lamps: Lamps, olu: Actor, oona: Actor, work: Work, end: End, how: str
) -> None:
    request = asked(olu, work, **ENDS)
    alter(request, reason="They asked me to.")
    end(request)
    assert (lamps.held, kept(how)) == ([HALL.name], "intent_differs")


def test_a_hold_stays_where_the_entry_of_its_request_was_altered(
    lamps: Lamps, olu: Actor, oona: Actor, work: Work, end: End, how: str
) -> None:
    request = asked(olu, work, **ENDS)
    overwrite(Event, events("approval.requested")[0]["id"], "entry", b"{}")
    end(request)
    assert lamps.held == [HALL.name]


def test_a_request_that_was_given_another_requester_ends_no_hold_when_that_one_withdraws_it(
    lamps: Lamps, olu: Actor, oona: Actor, work: Work
) -> None:
    request = asked(olu, work, **ENDS)
    alter(request, requester_iss=oona.iss, requester_sub=oona.sub)
    cancel_resend_confirm_denial.cancel(oona, str(request.pk))
    assert (lamps.held, kept("cancelled")) == ([HALL.name], "intent_differs")


def test_a_request_that_was_denied_and_reopened_ends_no_hold_when_it_is_withdrawn(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    request = asked(olu, work, **KEEPS)
    phones.answer("operator2", code_of(request), "deny")
    work()
    assert lamps.held == [HALL.name]
    alter(request, status=Status.PENDING, outcome="", answer=Answer.NONE, due=clock.now())
    cancel_resend_confirm_denial.cancel(olu, str(request.pk))
    assert (lamps.held, kept("cancelled")) == ([HALL.name], "intent_differs")

"""A later end of somebody's access counts once it is approved, and by nobody whose access it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval, person_access_end
from approvals.person_access_ends.set_access_end import VERB
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from tests.accounts.trail import events
from tests.approvals.asking import code_of, fresh
from tests.approvals.people_of import Phones, acting, known
from tests.approvals.policies import in_force, rule
from tests.approvals.test_who_approves import codes
from tests.approvals.working import Work


def day(ahead: int) -> str:
    return (clock.now().date() + timedelta(days=ahead)).isoformat()


def last_day(who: Actor) -> str:
    end = person_access_end.end_of(who.iss, who.sub)
    return str(end.last_day) if end else "none"


def set_end(by: Actor, whose: Actor, last: str, severity: str | None = None) -> Approval | None:
    target = Target("person", whose.sub)
    done = perform(
        by, VERB, target, params={"last_day": last}, reason="asked for", severity=severity
    )
    return done.approval


@pytest.mark.parametrize(
    ("word", "last", "then"),
    [("approve", "9", "9"), ("approve", "never", "none"), ("deny", "9", "2")],
)
def test_a_later_end_waits_for_an_approval_and_a_denial_leaves_the_earlier_one(
    phones: Phones, work: Work, word: str, last: str, then: str
) -> None:
    amir, ada = acting("admin", "admin"), acting("auditor", "auditor")
    wanted, expected = (day(int(x)) if x.isdecimal() else x for x in (last, then))
    assert set_end(amir, ada, day(2)) is None
    waiting = set_end(amir, ada, wanted)
    assert waiting is not None and last_day(ada) == day(2)
    work()
    phones.answer("admin", code_of(waiting), word)
    work(2)
    assert fresh(waiting).outcome == ("approved" if word == "approve" else "denied")
    assert last_day(ada) == expected
    assert len(events("person.access_end_set")) == (2 if word == "approve" else 1)


def test_whose_access_it_is_cannot_approve_that_it_goes_on(phones: Phones, work: Work) -> None:
    amir, mia = acting("admin", "admin"), acting("member1", "auditor")
    set_end(amir, mia, day(2))
    mia = acting("member1", "admin")
    waiting = set_end(amir, mia, "never", "CRITICAL")
    assert waiting is not None and waiting.current is not None
    assert waiting.current.person == known("member1", "admin"), "nobody else has the role"
    work()
    phones.answer("member1", code_of(waiting), "approve")
    work(2)
    assert (fresh(waiting).outcome, fresh(waiting).outcome_code) == ("failed", "not_permitted")
    assert last_day(mia) == day(2)


def test_an_earlier_end_ends_a_request_for_a_later_one(phones: Phones, work: Work) -> None:
    amir, ada = acting("admin", "admin"), acting("auditor", "auditor")
    set_end(amir, ada, day(5))
    waiting = set_end(amir, ada, day(9))
    assert waiting is not None
    set_end(acting("member1", "admin"), ada, day(1))
    assert (fresh(waiting).outcome, last_day(ada)) == ("failed", day(1))


def test_their_own_approval_is_none_of_two(phones: Phones, work: Work) -> None:
    amir, oona = acting("admin", "admin"), acting("operator2", "admin")
    mia = acting("member1", "auditor")
    in_force(
        rule("all", approver="group", count=2, group="admins"), groups={"admins": {"role": "admin"}}
    )
    set_end(amir, mia, day(2))
    mia = acting("member1", "admin")
    waiting = set_end(amir, mia, "never")
    assert waiting is not None
    work()
    for who in (mia, oona):
        found = codes(fresh(waiting)).get(who.sub)
        if found is not None:
            phones.answer("member1" if who is mia else "operator2", found, "approve")
            work(2)
    assert (fresh(waiting).outcome, last_day(mia)) != ("approved", "none")


@pytest.mark.parametrize("roles", [(), ("operator",), ("admin",), ("auditor", "operator")])
def test_nobody_who_decides_or_approves_gets_an_end(roles: tuple[str, ...]) -> None:
    amir, other = acting("admin", "admin"), acting("operator2", *roles)
    with pytest.raises(Refused) as refused:
        set_end(amir, other, day(2))
    assert refused.value.code == "not_permitted" and last_day(other) == "none"

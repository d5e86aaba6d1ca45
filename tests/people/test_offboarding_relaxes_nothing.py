"""Offboarding at any moment between other people's acts: what they restricted stays restricted."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress

import pytest

from approvals import clock
from approvals.errors import Refused
from approvals.models import Approval, Person, Status
from approvals.pipeline import leavers_requests
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from connections.lifecycle import restriction_stack
from connections.models import ConnectedAccount, Freeze, State
from portal.people import offboarding_steps
from portal.people.offboarding_steps import Order
from tests.people.inhabitants import account, actor, person
from tests.support.pages import signed_in

pytestmark = pytest.mark.usefixtures("house")
_LOOSE = {State.CONNECTED, State.NEEDS_RECONNECT}
type Restrictions = dict[str, set[tuple[str, str, str]]]


def restrictions() -> Restrictions:
    """Every restriction in force: on accounts, by freezes and by what requests hold."""
    found: Restrictions = {}
    for row in ConnectedAccount.objects.all():
        placed = [one for one in restriction_stack.layers(row) if one.state not in _LOOSE]
        found[str(row.pk)] = {(str(one.state), one.by, one.id) for one in placed}
    found["frozen"] = {(one.kind, one.name, one.by) for one in Freeze.objects.all()}
    held = Approval.objects.filter(held=True)
    found["held"] = {(str(one.pk), one.verb, one.requester_sub) for one in held}
    return found


def acts(choose: random.Random) -> dict[str, Callable[[], object]]:
    """What others do meanwhile, and the owner."""
    mia = Target("person", person("member1").sub)

    def some() -> Target:
        ids = list(ConnectedAccount.objects.order_by("pk").values_list("pk", flat=True))
        return Target("connection", str(choose.choice(ids)))

    def who() -> str:
        return choose.choice(["admin2", "member1"])

    return {
        "freeze": lambda: perform(actor(who()), "person.freeze", mia, reason="odd"),
        "unfreeze": lambda: perform(actor("admin2"), "person.unfreeze", mia),
        "suspend": lambda: perform(actor(who()), "connection.suspend", some(), reason="odd"),
        "resume": lambda: perform(actor(who()), "connection.resume", some(), reason="fine"),
        "revoke": lambda: perform(actor(who()), "connection.revoke", some(), reason="odd"),
        "connect": lambda: account("member1", f"octo-{choose.getrandbits(40)}"),
    }


@pytest.mark.parametrize("seed", range(6))
def test_no_restriction_of_anybody_is_relaxed_and_a_second_press_finds_nothing_new(
    seed: int,
) -> None:
    choose = random.Random(seed)
    signed_in("member1")
    signed_in("admin2", "admin")
    signed_in("admin", "admin")
    account("member1", "octo-first")
    others = acts(choose)
    for _ in range(4):
        for _ in range(choose.randint(1, 4)):
            with suppress(Refused):
                others[choose.choice(sorted(others))]()
        before = restrictions()
        order = Order(actor("admin"), person("member1"), "left", person("admin2"))
        results = offboarding_steps.take_all(order)
        after = restrictions()
        for where, placed in before.items():
            assert placed <= after[where], (seed, where)
        assert not [one for one in results if one.state == "failed"], results
        usable = ConnectedAccount.objects.filter(state__in=_LOOSE)
        assert not usable.exists(), "an account of somebody who left works"
        assert Freeze.objects.filter(kind="person", name=person("member1").sub).exists()
        assert offboarding_steps.left(order) == []
        assert offboarding_steps.take_all(order) == []
        assert restrictions() == after
    waiting = Approval.objects.filter(status=Status.PENDING, requester_sub=person("member1").sub)
    assert not waiting.filter(held=False).exists()


@pytest.mark.parametrize("seed", range(4))
def test_requests_that_hold_and_requests_of_others_outlive_an_offboarding(seed: int) -> None:
    choose = random.Random(seed)
    signed_in("member1")
    signed_in("admin2", "admin")
    signed_in("admin", "admin")
    tess = Person.objects.create(
        iss=person("admin").iss, sub="auth0|tess", name="Tess", roles=["admin"], updated=clock.now()
    )
    rows = [account("member1", f"octo-{number}") for number in range(4)]
    mia = Target("person", person("member1").sub)
    perform(actor("admin"), "person.freeze", mia, reason="odd")
    for _ in range(8):
        target = Target("connection", str(choose.choice(rows).pk))
        who = actor(choose.choice(["admin", "admin2"]))
        with suppress(Refused):
            match choose.choice(["revoke", "suspend", "resume", "unfreeze"]):
                case "unfreeze":
                    perform(who, "person.unfreeze", mia)
                case act:
                    perform(who, f"connection.{act}", target, reason="odd")
    leaver = person("admin2")
    before, pending = restrictions(), Approval.objects.filter(status=Status.PENDING)
    others = set(pending.exclude(requester_sub=leaver.sub).values_list("pk", flat=True))
    offboarding_steps.take_all(Order(actor("admin"), leaver, "left", tess))
    after = restrictions()
    assert all(placed <= after[where] for where, placed in before.items())
    assert others <= set(pending.values_list("pk", flat=True))
    assert not pending.filter(requester_sub=leaver.sub, held=False).exists()
    for approval in offboarding_steps.requests_to(leaver):
        assert leavers_requests.why_not_reassigned(approval, leaver, tess)

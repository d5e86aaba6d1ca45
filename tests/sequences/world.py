"""A person's accounts in the product and in the model, taken through the same random decisions."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from approvals.errors import Refused
from approvals.models import Approval, Person, Status
from approvals.pipeline import deny_expire_cancel, final_approval, locks
from approvals.pipeline.service import Performed, perform
from audit.clock import uuid7
from audit.recording.actors import Actor, Target
from auth0_client.my_account import ConnectedAccount as Told
from connections.broker import accounts_and_uses
from connections.broker.errors import TokenRefusal
from connections.consent import new_account
from connections.idle_access import access_gate
from connections.lifecycle import restriction_stack
from connections.models import ConnectedAccount
from connections.sync import update_accounts
from tests.sequences.applications import Applications
from tests.sequences.consents import Consents
from tests.sequences.consents import Request as RevokesConsent
from tests.sequences.freezing import Freezing
from tests.sequences.limiting import Limiting
from tests.sequences.model import Account, Model
from tests.sequences.stopping import OPERATORS, Stopping
from tests.sequences.time import START, Time

ADMINS = ("first", "second")


def people() -> None:
    """Two admins and two operators, once for all sequences."""
    admins, operators = ((one, "admin") for one in ADMINS), ((one, "operator") for one in OPERATORS)
    for name, role in (*admins, *operators):
        _know(name, role)


def _know(name: str, *roles: str) -> None:
    Person.objects.update_or_create(
        iss=settings.ENV.issuer,
        sub=name,
        defaults={"name": name, "email": f"{name}@x", "roles": list(roles), "updated": START},
    )


SUBJECTS = ("accounts", "freezes", "limits", "components", "consents")
"""Each sequence decides about one of them three times as often: rare orders come up so."""


class World:
    """One sequence. `owner` is a member of its own, or an admin with an account."""

    def __init__(self, seed: str) -> None:
        self.choose, self.time = random.Random(seed), Time()
        self.owner = ADMINS[1] if self.choose.random() < 0.25 else f"member-{seed}"
        self.service = f"service-{seed}"
        if self.owner not in ADMINS:
            _know(self.owner)
        self.model = Model(self.owner, set(ADMINS), 0.0)
        self.ids: dict[str, UUID] = {}
        self.stale: list[tuple[ConnectedAccount, float, bool]] = []
        self.freezing = Freezing(self, set(ADMINS))
        self.applications = Applications(self, set(ADMINS))
        self.limiting, self.stopping = Limiting(self, set(ADMINS)), Stopping(self)
        self.models = (
            self.model,
            self.freezing.model,
            self.applications.model,
            self.limiting.model,
            self.stopping.model,
        )
        self.subject = self.choose.choice(SUBJECTS)
        self.steps = self.committed = 0
        self.told: list[str] = []

    def actor(self, who: str, via: str = "web") -> Actor:
        roles = "admin" if who in ADMINS else "operator" if who in OPERATORS else ""
        roles_ = frozenset({roles} if roles else ())
        return Actor(iss=settings.ENV.issuer, sub=who, roles=roles_, via=via, name=who)

    def somebody(self, *, owner: int = 1) -> str:
        """Who decides; `owner` is how often the owner does where each admin does twice."""
        return self.choose.choice([*[self.owner] * owner, *ADMINS * 2, "operator"])

    def run(self, steps: int) -> None:
        """Take the steps; a difference between product and model is an AssertionError."""
        self._connect()
        self._idle("use")
        for _ in range(steps):
            self.passes(1 + self.choose.randrange(3))
            self.steps += 1
            work = self.choose.choices(*zip(*self._likely(), strict=True))[0]
            self.committed += bool(work())
            self.model.frozen = self.freezing.model.holds_accounts()
            self._same()

    def passes(self, seconds: float) -> None:
        """Later, for the product and the models."""
        self.time.at += seconds
        for model in self.models:
            model.now = self.time.at

    @property
    def covered(self) -> set[tuple[str, str, str]]:
        """Which pairs came up."""
        return set().union(*(model.covered for model in self.models))

    def _likely(self) -> list[tuple[Callable[[], bool], int]]:
        waits = any(model.requests for model in self.models)
        accounts = self.model.accounts.values()
        sleeps = any(one.asleep(self.time.at) for one in accounts)
        gone = any(one.state == "gone" for one in accounts)
        commands = self.stopping.model.taken.not_carried_out()

        def near(subject: str) -> int:
            return 3 if subject == self.subject else 1

        return [
            (self._decides, 20 * near("accounts")),
            (self.answers, 12 * waits),
            (self.freezing.decides, 8 * near("freezes")),
            (self.limiting.decides, 3 * near("limits")),
            (self.stopping.decides, 12 * near("components")),
            (self.stopping.at_the_terminal, 4 * near("components") if commands else 0),
            (self.applications.decides, 5 * near("consents")),
            (self.applications.compares, 3 * near("consents")),
            (self._connects_again, 2),
            (self._appears, 1),
            (self._reads, 6 * near("accounts") if gone else 2),
            (self._compares, 4 * near("accounts") if self.stale else 0),
            (self._broker, 9 if sleeps else 3),
            (self._sleeps, 0 if waits else 3),
            (self._sets, 2),
            (self._waits, 1),
        ]  # fmt: skip

    # People

    def _decides(self) -> bool:
        account = self._any()
        gone = [one for one in self.model.accounts.values() if one.state == "gone"]
        if gone and self.choose.random() < 0.3:
            account = self.choose.choice(gone)
        who = self.somebody(owner=4)
        sensible = ["suspend", "suspend", "revoke"] if account.state == "connected" else ["resume"]
        if account.state == "gone" and self.choose.random() < 0.5:
            who, sensible = self.choose.choice(ADMINS), ["suspend", "suspend", "revoke"]
        verb = self.choose.choice(["suspend", "resume", "revoke", *sensible * 2])
        if account.asleep(self.time.at) and self.choose.random() < 0.3:
            who, verb = self.owner, "wake"
        return self._does(who, verb, account)

    def _does(self, who: str, verb: str, account: Account) -> bool:
        expected = getattr(self.model, verb)(who, account)
        key, found = self._performs(who, verb, account)
        self.told.append(f"{who} {verb} {account.name}: {found}")
        assert found == expected, f"{found}, and the model says {expected}"
        if found == "asked":
            self.model.asked(key, verb, who, account)
        return found == "done"

    def _performs(self, who: str, verb: str, account: Account) -> tuple[str, str]:
        target = Target("connection", str(self.ids[account.name]))
        try:
            done = perform(self.actor(who), f"connection.{verb}", target, reason=f"by {who}")
        except Refused as refused:
            self.told.append(refused.code)
            return "", "refused"
        return self._key(done), "asked" if done.approval else "done"

    def _key(self, done: Performed) -> str:
        return str(done.approval.pk) if done.approval else ""

    def answers(self, about: Consents | None = None) -> bool:
        """Somebody answers a request, of all that wait or of those about consents."""
        model = about or self.choose.choice([one for one in self.models if one.requests])
        key = self.choose.choice(sorted(model.requests))
        asked, yes = model.requests[key], self.choose.random() < 0.6
        with transaction.atomic():
            approval = locks.locked(key)
            ask = approval.asks.order_by("-number").first()
            assert ask is not None
            person = self.actor(ask.person.sub)
            alone = person.sub == asked.by
            assert not (alone and model.needs_another(key)), f"{person.sub} is asked about it alone"
            if yes:
                final_approval.approve(approval, ask, person, signed=True, evidence=())
            else:
                deny_expire_cancel.deny(
                    approval, ask, person, inferred=False, source="x", now=self.time.now()
                )
        if not yes:
            model.deny(key)
            self.told.append(f"{asked.verb} denied")
            return True
        expected = model.approve(key)
        found = Approval.objects.get(pk=key)
        self.told.append(f"{asked.verb} approved: {found.outcome} {found.outcome_code}")
        assert (found.outcome == "approved") == expected, f"the model says {expected}"
        if expected and isinstance(asked, RevokesConsent):
            self.applications.begun(asked.consent, asked.by)
        return expected

    def _broker(self) -> bool:
        """A gateway asks for a token in the owner's name."""
        asleep = [one for one in self.model.accounts.values() if one.asleep(self.time.at)]
        account = self.choose.choice(asleep) if asleep else self._any()
        row = self._row(account)
        usable = row.state == "connected"
        assert usable == (account.state == "connected")
        if self.freezing.stops() or not usable:
            return False
        sleeps, by_owner = account.asleep(self.time.at), self.model.wake_by_owner
        expected = self.model.wake("broker", account) if sleeps else "done"
        try:
            setting = access_gate.check_hours(self.service)
            sleeping = access_gate.asleep(self.service, setting, [row])
            access_gate.wake(self.actor(self.owner), sleeping, "an agent")
        except TokenRefusal as refusal:
            self.told.append(f"broker: {refusal.code}")
            lately = refusal.code == "connection_suspended" and by_owner
            assert expected == "asked" or lately, f"{refusal.code}, the model says {expected}"
            if refusal.approval:
                self.model.asked(str(refusal.approval), "wake", self.owner, account)
            return False
        self.told.append("broker: token")
        assert expected == "done", "a token of what sleeps until its owner approves"
        accounts_and_uses.count(self._row(account), "a", "", self.time.now(), None)
        account.used = self.time.at
        return True

    # Auth0

    def _connect(self, name: str = "cac-0") -> None:
        pk = str(uuid7())
        told = Told(name, self.service, "offline", ("read",), self.time.now(), None, None)
        actor = self.actor(self.owner)
        new_account.seal(actor, pk, told, "")
        perform(actor, "connection.connect", Target("connection", pk), params={"flow": pk})
        self.model.connected(name, owner=True)
        self._learn()

    def _connects_again(self) -> bool:
        name = self.choose.choice([*self.ids, self._new()])
        if len(self.ids) >= 4 and name not in self.ids:
            return False
        self.told.append(f"owner connects {name}")
        self._connect(name)
        return True

    def _appears(self) -> bool:
        if len(self.ids) >= 4:
            return False
        name = self._new()
        self.told.append(f"{name} appears")
        update_accounts.appeared(settings.ENV.issuer, self.owner, self._fact(name), "management")
        self.model.connected(name, owner=False)
        self._learn()
        return True

    def _reads(self) -> bool:
        """A comparison reads a row; it is done with it only later."""
        account, listed = self._any(), self.choose.random() < 0.6
        gone = [one for one in self.model.accounts.values() if one.state == "gone"]
        if gone and self.choose.random() < 0.7:
            account, listed = self.choose.choice(gone), True
        self.stale.append((self._row(account), self.time.at + 0.5, listed))
        return False

    def _compares(self) -> bool:
        row, as_of, listed = self.stale.pop(0)
        account = self.model.accounts[row.auth0_id]
        seen = (row.seen_at - START).total_seconds()
        self.told.append(f"comparison of {row.auth0_id}, {'listed' if listed else 'not listed'}")
        if listed:
            moment = START + timedelta(seconds=as_of)
            update_accounts.still_there(row, self._fact(row.auth0_id, "more"), moment)
            self.model.listed(account, as_of)
        else:
            update_accounts.vanished(row, "not listed")
            self.model.vanished(account, seen)
        return True

    def _fact(self, name: str, *scopes: str) -> update_accounts.Fact:
        return update_accounts.Fact(name, self.service, ("read", *scopes), None, None)

    # Time and settings

    def _sleeps(self) -> bool:
        """Nobody uses anything for eight days, and the owner is asked no more."""
        self.passes(8 * 86_400)
        return False

    def _waits(self) -> bool:
        self.passes(12)
        return False

    def _sets(self) -> bool:
        """From now on an owner has to wake idle access."""
        if self.model.wake_by_owner:
            return False
        self._idle("owner")
        self.model.wake_by_owner = True
        return True

    def _idle(self, wake: str) -> None:
        params: dict[str, Any] = {"idle_h": 168, "wake": wake}
        target = Target("service", self.service)
        perform(self.actor("first"), "connection.restrict", target, params=params)

    # Both

    def _any(self) -> Account:
        return self.model.accounts[self.choose.choice(sorted(self.ids))]

    def _new(self) -> str:
        return f"cac-{len(self.ids)}"

    def _row(self, account: Account) -> ConnectedAccount:
        return ConnectedAccount.objects.get(pk=self.ids[account.name])

    def _learn(self) -> None:
        rows = ConnectedAccount.objects.filter(sub=self.owner, connection=self.service)
        self.ids = dict(rows.values_list("auth0_id", "pk"))

    def _same(self) -> None:
        """Product and model say the same of every account and every request."""
        rows = ConnectedAccount.objects.filter(sub=self.owner, connection=self.service)
        for row in rows:
            name, account = row.auth0_id, self.model.accounts[row.auth0_id]
            assert row.state == account.state, f"{name} is {row.state}, not {account.state}"
            assert not account.hand or row.state_by == account.hand, f"{name} by {row.state_by}"
            assert row.barred == account.barred, f"{name} barred: {row.barred}"
            others = {(one.by, one.held_by) for one in restriction_stack.of_others(row)}
            expected = {(one.hand, one.hold) for one in account.others()}
            assert others == expected, f"{name} restricted by {others}, not {expected}"
        waiting = {key for model in self.models for key in model.requests}
        open_ = Approval.objects.filter(status=Status.PENDING).values_list("pk", flat=True)
        assert {str(pk) for pk in open_} == waiting, "other requests wait"
        self.freezing.check_same()
        self.applications.check_same()
        self.limiting.check_same()
        self.stopping.check_same()

"""Random attempts at the pipeline, each from a number: who, what, under which policy, answered how,
tampered with how. An oracle of its own says whether what became effective had been approved.

The oracle knows what the phones were really told and what was bent; it asks nothing of the portal.
"""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.test import Client

from approvals import cancel_resend_confirm_denial, clock, people_and_roles
from approvals.due_work import ASKING
from approvals.errors import Refused
from approvals.models import Approval, Ask, AskState, Effect, Person, PolicyVersion
from approvals.pipeline.service import perform
from approvals.policy.document import BadDocument, read
from approvals.step_up import take_ciba_or_passkey_answer
from audit.models import EventRow
from audit.recording.actors import SYSTEM, Actor, Target
from tests.approvals import policies
from tests.approvals.lamps import Lamps
from tests.attacks.sign_in.forging import FORGERIES, Bend, Forge, claims
from tests.attacks.sign_in.provider import ROLES
from tests.attacks.step_up.provider import PhoneProvider, Push
from tests.support.sign_in import API, SUBS
from tests.support.sweeping import sweep

SEVERITIES = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
VERBS = {
    "lamp.block": ("FINAL", "lamp.blocked"),
    "lamp.allow": ("LOOSEN", "lamp.allowed"),
    "lamp.remove": ("FINAL", "lamp.removed"),
    "lamp.hold": ("TIGHTEN", "lamp.held"),
    "lamp.note": ("RECORD", "lamp.noted"),
}
CAST = ("operator", "operator2", "auditor", "admin", "member1")
ROLE_SETS = ((), ("auditor",), ("operator",), ("operator",), ("operator", "admin"), ("admin",))
HOPELESS = (
    *FORGERIES,
    claims("x", "aud", {"aud": API}),
    claims("x", "azp", {"azp": "ata-cli"}),
    claims("x", "sub", {"sub": "auth0|stranger"}),
    claims("x", "iss", {"iss": "https://evil.example/"}),
    claims("x", "exp", {"exp": 1}),
)
"""Bends of a token that leave no approval in it."""


class Clockwork:
    """The pipeline's clock, which can be set ahead."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        """The time that the pipeline reads."""
        return datetime.now(UTC) + self.ahead


@dataclass
class Told:
    """What came of all attempts. `effective` counts grave final or loosening acts that took effect;
    `without_approval` those that no honest answer of the right person had approved."""

    attempts: int = 0
    asked: int = 0
    effective: int = 0
    without_approval: int = 0
    without_event: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    tampered: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For people and programs."""
        return {
            "attempts": self.attempts,
            "asked": self.asked,
            "grave_acts_effective": self.effective,
            "effective_without_approval": self.without_approval,
            "effective_without_event": self.without_event,
            "outcomes": dict(self.outcomes.most_common()),
            "tampered": dict(self.tampered.most_common()),
            "findings": self.findings[:20],
        }


@dataclass
class World:
    """The parts that attempts are made on."""

    provider: PhoneProvider
    lamps: Lamps
    time: Clockwork
    told: Told = field(default_factory=Told)
    named: set[str] = field(default_factory=set)
    """What `verify_ledger` has to say of rows that an attempt wrote itself."""

    def attempt(self, number: int) -> None:
        """One attempt, the same for the same number."""
        Attempt(self, number).run()
        self.told.attempts += 1

    def work(self) -> None:
        """Do everything about requests that waits."""
        for rows in (Ask, Approval):
            rows._default_manager.filter(due__isnull=False).update(due=clock.now(), lease=None)
        sweep(ASKING)


class Attempt:
    """One act and what is done to it; `spoiled` says why it must not take effect any more."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.rng = random.Random(number)
        self.spoiled: list[str] = []
        self.approved_by: set[str] = set()
        self.when_effective: tuple[list[str], set[str]] | None = None
        self.opaque = False
        self.row_closed = False
        self.target = Target("lamp", f"lamp-{number}")

    def run(self) -> None:
        """Ask, answer, tamper; then hold what is effective to what was approved."""
        self._prepare()
        approval = self._perform()
        if approval is not None:
            self.world.told.asked += 1
            self._live_through(approval)
            self._name_what_was_written(approval)
        self._judge(approval)
        self._tidy(approval)

    def _prepare(self) -> None:
        rng, world = self.rng, self.world
        world.provider.reset()
        world.time.ahead = timedelta(0)
        world.lamps.severity = self.found = rng.choice(SEVERITIES)
        world.lamps.held.clear()
        self.roles = {who: rng.choice(ROLE_SETS) for who in CAST}
        if rng.random() < 0.7:  # else most attempts would find nobody to ask
            self.roles |= {"operator": ("operator",), "operator2": ("operator",)}
        for who, roles in self.roles.items():
            people_and_roles.note_person(
                iss=settings.ENV.issuer, sub=SUBS[who], name=who, roles=roles
            )
        if rng.random() < 0.15:
            put_in_force(rng)

    def _perform(self) -> Approval | None:
        rng = self.rng
        self.verb = rng.choice([*VERBS, "lamp.allow", "lamp.block"])
        self.claimed = rng.choice([None, *SEVERITIES])
        automatic = rng.random() < 0.1
        who = "operator" if rng.random() < 0.6 else rng.choice(CAST)
        self.requester = SYSTEM if automatic else self._actor(who)
        params: dict[str, Any] = {"watt": rng.randrange(100)} if rng.random() < 0.3 else {}
        if rng.random() < 0.05:
            params = {"severity": "LOW", "approver": "self"}
        try:
            if self.requester.via == "api":
                return self._by_api(params)
            done = perform(
                self.requester,
                self.verb,
                self.target,
                params=params,
                severity=self.claimed,
                folded=f"lamp:{self.number}" if automatic else "",
            )
        except Refused as refused:
            self.world.told.outcomes[f"refused: {refused.code}"] += 1
            return None
        return done.approval

    def _actor(self, who: str) -> Actor:
        roles = frozenset(self.roles[who])
        if self.rng.random() < 0.1:  # a session that still believes in a role
            roles = roles | {"operator"}
        person = Person.objects.get(sub=SUBS[who])
        return replace(person.as_actor(via=self.rng.choice(["web", "cli", "api"])), roles=roles)

    def _by_api(self, params: dict[str, Any]) -> Approval | None:
        body = {
            "verb": self.verb,
            "target": {"kind": "lamp", "name": self.target.name},
            "params": params,
            **({"severity": self.claimed} if self.claimed else {}),
        }
        answer = Client().post(
            "/v1/decisions",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {bearer(self.world.provider, self.requester)}"},
        )
        if answer.status_code == 202:
            return Approval.objects.get(pk=answer.json()["approval_id"])
        if answer.status_code != 201:
            self.world.told.outcomes[f"refused: {answer.json().get('code')}"] += 1
        return None

    def _live_through(self, approval: Approval) -> None:
        rng = self.rng
        self.world.work()
        steps: list[Callable[[Approval], None]] = [self._honest_answer]
        some = rng.sample(TAMPERING, k=rng.choice([0, 1, 1, 1, 2, 3]))
        steps += [getattr(self, name) for name in some]
        rng.shuffle(steps)
        for step in steps:
            step(approval)
            self._watch(approval)
            if rng.random() < 0.6:
                self.world.work()
                self._watch(approval)
        if rng.random() < 0.3:
            self._honest_answer(approval)
        for _ in range(2):
            self.world.work()
        approval.refresh_from_db()
        self.world.told.outcomes[f"{approval.outcome or 'pending'} {approval.outcome_code}"] += 1

    def _watch(self, approval: Approval) -> None:
        """An act that is effective by now was so before the next step spoils it."""
        if self._effective() and self.when_effective is None:
            self.when_effective = (list(self.spoiled), set(self.approved_by))

    def _honest_answer(self, approval: Approval) -> None:
        """People who were really asked answer on their phones, mostly with yes."""
        for push in self._pushes(approval):
            if not push.answer:
                word = "approve" if self.rng.random() < 0.8 else "deny"
                self.world.provider.answer(push.code, word)
                if word == "approve" and self._honest(push, approval):
                    self.approved_by.add(push.sub)

    def _honest(self, push: Push, approval: Approval) -> bool:
        provider = self.world.provider
        bent = provider.bend_id or (provider.bend_token and not self.opaque)
        shown = push.details[0]["properties"]["intent_hash"]["value"]
        return not bent and not provider.echo and shown == approval.intent_hash

    def _pushes(self, approval: Approval) -> list[Push]:
        codes = set(approval.asks.values_list("code", flat=True))
        return [p for p in self.world.provider.pushes.values() if p.code in codes]

    def _effective(self) -> bool:
        return self.target.name in self.world.lamps.lit

    def _judge(self, approval: Approval | None) -> None:
        stance, event = VERBS[self.verb]
        if not self._effective() or stance in {"TIGHTEN", "RECORD"}:
            return
        gravest = max(self.found, self.claimed or self.found, key=SEVERITIES.index)
        grave = SEVERITIES.index(gravest) >= SEVERITIES.index("HIGH")
        automatic = not self.requester.sub
        others = self.verb == "lamp.remove" and not automatic
        if not EventRow.objects.filter(action=event, target_name=self.target.name).exists():
            self._found("without event")
            self.world.told.without_event += 1
        if not (grave or automatic or others):
            return
        self.world.told.effective += 1
        spoiled, approved_by = self.when_effective or (self.spoiled, self.approved_by)
        others_needed = gravest == "CRITICAL" or automatic
        single = approval is not None and approval.single_person
        who = approved_by - ({self.requester.sub} if others_needed and not single else set())
        if not who or spoiled or approval is None:
            self.world.told.without_approval += 1
            self._found(f"{gravest} effective; approved by {sorted(who)}; spoiled by {spoiled}")

    def _name_what_was_written(self, approval: Approval) -> None:
        """A row that somebody closed as approved, and no event says that it was."""
        event = VERBS[self.verb][1]
        if self.row_closed and not EventRow.objects.filter(action=event, approval=approval.pk):
            self.world.named.add(f"no entry closed the request {approval.pk} as approved")

    def _found(self, words: str) -> None:
        self.world.told.findings.append(f"attempt {self.number}: {self.verb} {words}")

    def _tidy(self, approval: Approval | None) -> None:
        """The next attempt finds nothing of this one that waits."""
        for rows in (Ask, Approval, Effect):
            rows._default_manager.filter(due__isnull=False).update(due=None)
        self.world.lamps.lit.pop(self.target.name, None)

    # What is done to a request that waits. Each says whether it may still take effect after.

    def note(self, name: str, spoils: bool = True) -> None:
        """Remember what was done."""
        self.world.told.tampered[name] += 1
        if spoils:
            self.spoiled.append(name)

    def forge_tokens(self, approval: Approval) -> None:
        """The provider's next answers are forged; an answer that waits to be read as well."""
        attack = self.rng.choice(HOPELESS)
        bend: Bend = attack.bend
        which = self.rng.choice(["bend_token", "bend_id"])
        setattr(self.world.provider, which, bend)
        self.opaque = which == "bend_token" and is_opaque(bend)
        if self.opaque:  # no signed token at all: the details beside it count, labelled unsigned
            self.note("opaque token", spoils=False)
        else:
            self.note("forged token")

    def alter_details(self, approval: Approval) -> None:
        """What was approved is said to be something else."""

        def altered(details: list[dict[str, Any]]) -> list[dict[str, Any]]:
            other = copy.deepcopy(details)
            properties = other[0]["properties"]
            properties[self.rng.choice(sorted(properties))]["value"] += "x"
            return other

        if self.rng.random() < 0.5:
            self.world.provider.echo = altered
        else:
            self.opaque = False
            self.world.provider.bend_token = lambda forge: forge.claims.update(
                authorization_details=altered(forge.claims["authorization_details"])
            )
        self.note("altered details")

    def change_policy(self, approval: Approval) -> None:
        """Another document is in force."""
        if put_in_force(self.rng):
            self.note("policy changed")

    def change_state(self, approval: Approval) -> None:
        """What the actor was shown is no longer so."""
        if self._effective():
            return
        self.world.lamps.severity = self.rng.choice([s for s in SEVERITIES if s != self.found])
        self.note("state changed")

    def take_role(self, approval: Approval) -> None:
        """The requester is no operator any more."""
        if self.requester.sub:
            people_and_roles.note_person(
                iss=self.requester.iss, sub=self.requester.sub, roles=["auditor"]
            )
            self.note("requester lost role")

    def bend_row(self, approval: Approval) -> None:
        """Somebody writes the request's row."""
        column, value = self.rng.choice(
            [
                ("severity", "INFO"),
                ("verb", "lamp.note"),
                ("target_name", "kitchen"),
                ("params", {"watt": 999}),
                ("requester_sub", "auth0|x"),
                ("intent_hash", f"{self.number:064x}"),
                ("policy_digest", "0" * 64),
            ]
        )
        if getattr(approval, column) != value:
            Approval.objects.filter(pk=approval.pk).update(**{column: value})
            self.note(f"row bent: {column}")

    def close_row(self, approval: Approval) -> None:
        """Somebody writes that it was approved: that alone makes nothing effective."""
        if self.rng.random() < 0.5:
            Approval.objects.filter(pk=approval.pk).update(answer="approved")
            self.note("row says approved", spoils=False)
        else:
            Approval.objects.filter(pk=approval.pk).update(status="closed", outcome="approved")
            self.row_closed = True
            self.note("row says closed")

    def answer_on_ask(self, approval: Approval) -> None:
        """Somebody writes that the phone was answered."""
        said = {"ciba": {"decision": "approve", "at": "", "signed": True, "evidence": []}}
        approval.asks.filter(state=AskState.WAITING).update(answers=said)
        self.note("ask says approved")

    def cancel(self, approval: Approval) -> None:
        """Somebody cancels; only the requester can."""
        actor = self.rng.choice([self.requester, self._anybody()])
        try:
            cancel_resend_confirm_denial.cancel(actor, str(approval.pk))
        except (Refused, Approval.DoesNotExist):
            self.note("cancel refused", spoils=False)
        else:
            self.note("cancelled")

    def send_again(self, approval: Approval) -> None:
        """A new push under a new code; an older answer that was not read yet counts no more."""
        try:
            cancel_resend_confirm_denial.send_again(self.requester, str(approval.pk))
        except (Refused, Approval.DoesNotExist):
            return
        self.note("sent again", spoils=False)
        self.approved_by.clear()  # what was answered or bent before is about a push that is over
        self.spoiled = [why for why in self.spoiled if why != "ask says approved"]

    def answer_by_another_channel(self, approval: Approval) -> None:
        """Anybody claims an answer by passkey for a request that is answered by phone."""
        with transaction.atomic():
            locked = Approval.objects.select_for_update().get(pk=approval.pk)
            ask = locked.current
            if ask is not None and ask.channel == "ciba":
                take_ciba_or_passkey_answer.give(
                    locked,
                    ask,
                    self.rng.choice([self._anybody(), self.requester, ask.person.as_actor("web")]),
                    channel="passkey",
                    decision="approve",
                    signed=True,
                    evidence=(),
                )
                self.note("answered by another channel", spoils=False)

    def jump_ahead(self, approval: Approval) -> None:
        """Far too late for any answer."""
        self.world.time.ahead = timedelta(days=30)
        self.note("far too late")

    def answer_twice(self, approval: Approval) -> None:
        """The provider gives its one answer again and again."""
        self.world.provider.gives = 5
        self.note("answers given twice", spoils=False)

    def log_lies(self, approval: Approval) -> None:
        """The tenant log says that it was approved."""
        for push in self._pushes(approval):
            self.world.provider.log_entry(
                "gd_auth_succeed", push.sub, {"binding_message": push.code}
            )
        self.note("log says approved", spoils=False)

    def _anybody(self) -> Actor:
        person = Person.objects.get(sub=SUBS[self.rng.choice(CAST)])
        return person.as_actor(via="web")


TAMPERING = (
    "forge_tokens",
    "alter_details",
    "change_policy",
    "change_state",
    "take_role",
    "bend_row",
    "close_row",
    "answer_on_ask",
    "cancel",
    "send_again",
    "answer_by_another_channel",
    "jump_ahead",
    "answer_twice",
    "log_lies",
)
"""Methods of `Attempt` that do something to a request that waits."""


def is_opaque(bend: Bend) -> bool:
    """Whether what a bend makes of a token is no signed token to anybody: not three parts."""
    forge = Forge({"sub": "x"})
    bend(forge)
    return str(forge.token()).count(".") != 2


def bearer(provider: PhoneProvider, actor: Actor) -> str:
    """An access token of the person for our API, as the command line gets one."""
    now = int(datetime.now(UTC).timestamp())
    good = {
        "iss": provider.issuer,
        "sub": actor.sub,
        "aud": API,
        "azp": settings.ENV.AUTH0_CLI_CLIENT_ID,
        "iat": now,
        "exp": now + 600,
        "scope": "openid",
        "auth_time": now,
        "amr": ["mfa"],
        ROLES: sorted(actor.roles),
    }
    return str(Forge(good, key=provider.key).token())


def call(method: str, path: str, token: str, body: Any = None, **headers: str) -> Any:
    """One call of the API."""
    sent = {"Authorization": f"Bearer {token}", **headers} if token else headers
    how = {"content_type": "application/json"} if method in {"post", "put", "patch"} else {}
    return getattr(Client(), method)(path, body, headers=sent, **how)


def put_in_force(rng: random.Random) -> bool:
    """A random document becomes the policy, by a hand on the table: half of them would be refused
    at the door for going below the floor. False where it is no document at all."""
    newest = PolicyVersion.objects.order_by("-id").first()
    number = (newest.document["number"] if newest else 0) + 1
    rules = [_rule(rng, place) for place in range(rng.randrange(1, 5))]
    try:
        made = read(
            {
                "schema": "ata.policy.v2",
                "number": number,
                "rules": rules,
                "groups": {"ops": {"role": "operator"}},
                "never_scanned_loosening": rng.choice(["HIGH", "CRITICAL"]),
            }
        ).as_json()
    except BadDocument:
        return False
    policies.put(made)
    return True


def _rule(rng: random.Random, place: int) -> dict[str, Any]:
    approver = rng.choice(["none", "none", "self", "another", "group"])
    return {
        "id": f"r{place}",
        "verbs": rng.choice([["*"], ["lamp.*"], ["lamp.block"], ["*.allow"], ["lamp.hold"]]),
        "severities": rng.choice([[], ["HIGH"], ["CRITICAL"], ["HIGH", "CRITICAL"], ["LOW"]]),
        "roles": rng.choice([[], [], ["operator"], ["admin"]]),
        "automatic": rng.choice([None, None, True, False]),
        "others": rng.choice([None, None, True, False]),
        "approver": approver,
        "group": "ops" if approver == "group" else "",
        "count": rng.choice([1, 2]) if approver == "group" else 1,
        "within_s": rng.choice([None, 60, 300]),
        "escalate": rng.random() < 0.5,
        "while_pending": rng.choice(["hold", "open"]),
        "on_denial": rng.choice(["release", "keep_hold"]),
        "on_expiry": rng.choice(["release", "keep_hold"]),
    }

"""Decisions about components at gateways with outposts, and a person who signs with a passkey.

They run in the driver's process with the portal's code: what is killed is the way to the gateway.
"""

from __future__ import annotations

import base64
import json
import random
import secrets
import threading
import time
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.db import OperationalError, close_old_connections

from approvals import clock, people_and_roles
from approvals.errors import Refused
from approvals.models import Approval, Ask, Effect, Passkey, Person
from approvals.passkeys import assertions, relying_party
from approvals.pipeline.service import perform
from approvals.registry import EffectRun
from audit.ledger.format.canonical import canonical
from audit.models import Entry
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from enforcement.gateways import attempt_tags
from enforcement.models import Outpost
from enforcement.outposts import command_format, enrolment, issued_commands
from tests.enforcement.answering import approve
from tests.support.authenticator import Authenticator
from torture.journal import Journal
from torture.outposts.gateway_host import Host

_STEP_S = 90.0
_one_at_a_time = threading.Lock()
_body = command_format.body


def actor(sub: str) -> Actor:
    """Somebody who signed in before, with the roles of then."""
    person = Person.objects.get(sub=sub)
    found = people_and_roles.find(person.iss, person.sub)
    assert found is not None
    return found.as_actor(via="web")


def enrol_passkey(sub: str) -> Authenticator:
    """A passkey that counts for what others ask, and whose enrolment is in the log."""
    made = Authenticator(relying_party.rp_id(), relying_party.origin())
    long_ago = clock.now() - timedelta(days=1)
    key = Passkey.objects.create(
        handle=secrets.token_hex(11),
        credential_id=made.id,
        public_key=made.spki,
        algorithm=-7,
        person=Person.objects.get(sub=sub),
        rp_id=made.rp_id,
        origins=[made.origin],
        name="Key",
        attestation="none",
        enrolled=long_ago,
        enrolled_by="",
        approver_since=long_ago,
    )
    event = record(
        key.person.as_actor(via="web"),
        "passkey.enrolled",
        target=Target("passkey", key.handle),
        data={
            "credential_id": key.credential_id,
            "public_key": base64.b64encode(made.spki).decode(),
            "rp_id": key.rp_id,
            "origins": key.origins,
            "counts_for": "others",
        },
        private={"owner": {"iss": key.person.iss, "sub": key.person.sub}},
    )
    until = time.monotonic() + 60
    while not Entry.objects.filter(event_id=event.pk).exists():
        if time.monotonic() > until:
            raise TimeoutError("the enrolment of a passkey got no place in the log")
        time.sleep(0.2)
    return made


def code_for(host: Host, admin_sub: str) -> str:
    """The code of an enrolment that another admin approved."""
    admin = actor(admin_sub)
    asked = perform(admin, "outpost.enrol", Target("outpost", host.name)).approval
    assert asked is not None
    return enrolment.issue(admin, approve(asked).id).code


class Decisions:
    """Holds and releases at one gateway, one component after the other."""

    def __init__(
        self, host: Host, journal: Journal, seed: str, subs: dict[str, str], key: Authenticator
    ) -> None:
        self._host, self._journal = host, journal
        self._choose, self._n = random.Random(seed), 0
        self._operator, self._key = subs["operator"], key

    def take(self, stop: threading.Event) -> None:
        """Until `stop`; a component is held, then most often released, and never named again."""
        while not stop.is_set():
            self._n += 1
            name = f"t-{self._host.name}-{self._n}"
            try:
                self._about(self._choose, name, stop)
            except OperationalError:  # the file was locked for too long
                self._journal.ack("locked")
            except Refused as why:  # on a busy machine a request expires before it is signed
                self._journal.ack(f"refused: {why}")
            except Exception as error:
                self._journal.violated(f"{name}: {type(error).__name__}: {error}")
                stop.wait(1)
            finally:
                close_old_connections()

    def _about(self, choose: random.Random, name: str, stop: threading.Event) -> None:
        kind = choose.choice(("skill", "skill", "skill", "mcp", "tool"))
        strength = (
            choose.choice(("disable", "quarantine", "quarantine")) if kind == "skill" else "block"
        )
        target = Target(kind, name, self._host.name)
        if kind == "skill":
            self._host.put_skill(name)
            stop.wait(choose.uniform(0.5, 1.5))  # it is scanned first
        said = {"verb": f"{kind}.hold", "strength": strength, "instance": target.instance}
        self._journal.decisions[name] = said
        self._hold(target, strength)
        if not self._ended(name, "gateway.hold", stop) or choose.random() < 0.2:
            return
        self._journal.decisions[name] = {**said, "verb": f"{kind}.release"}
        self._release(target)
        self._ended(name, "gateway.release", stop)

    def _hold(self, target: Target, strength: str) -> None:
        """The portal's own holds disable only, so those by quarantine are issued here."""

        def issue(_: object) -> None:
            effect = Effect.objects.get(kind="gateway.hold", target_name=target.name)
            run = EffectRun(str(effect.pk), 1, effect.operation, "", effect.instance)
            actions = [f"{target.kind}-{verb}" for verb in ("disable", "quarantine")]
            tags = {one: attempt_tags.mint(run, one, target.kind, target.name) for one in actions}
            outpost = Outpost.objects.get(instance=effect.instance)
            with _one_at_a_time, patch.object(command_format, "body", _by_quarantine(_body)):
                issued_commands.issue(effect, outpost.id, tags)

        verb, other = f"{target.kind}.hold", strength == "quarantine"
        more: dict[str, Any] = {"before_commit": issue} if other else {}
        perform(actor(self._operator), verb, target, reason="held", **more)

    def _release(self, target: Target) -> None:
        """The rule asks the operator, whose hold it is, who signs with a passkey."""
        requester = actor(self._operator)
        asked = perform(requester, f"{target.kind}.release", target, reason="checked").approval
        assert isinstance(asked, Approval)
        Ask.objects.filter(approval=asked).update(channel="either")
        asked.refresh_from_db()
        credential = self._key.sign(assertions.challenge(asked, "approve"))
        assertions.give(requester, str(asked.pk), "approve", credential)

    def _ended(self, name: str, kind: str, stop: threading.Event) -> bool:
        """Whether the remote step ended as done while somebody waits for it."""
        until = time.monotonic() + _STEP_S
        while time.monotonic() < until and not stop.wait(0.3):
            step = Effect.objects.filter(kind=kind, target_name=name).first()
            if step is not None and step.state in ("done", "failed"):
                self._journal.ack(f"{kind} {step.state}")
                return step.state == "done"
        return False


def _by_quarantine(body: Any) -> Any:
    def other(*args: Any) -> str:
        return canonical(json.loads(body(*args)) | {"strength": "quarantine"}).decode()

    return other

"""Web, command line, API and a finding by itself: one policy table, the same outcomes everywhere.

Each case asks through every door and looks at what came of it: at the door, in the room, on the
trail. It runs against the local tenant and against a provider that shares no code with it; with
`STEP_UP_ELSEWHERE` naming a file (see `elsewhere.py`) against any other, whose phones people hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.db import connections
from django.test import Client
from typer.testing import CliRunner

from approvals import clock, people_and_roles
from approvals.models import Approval, AskState
from ata.cli import app
from audit.recording.actors import Actor
from enforcement.findings import automatic_requests
from enforcement.models import Asset, Scan
from enforcement.models.scan_and_finding import AskNeed
from tests.accounts.trail import events
from tests.approvals.asking import fresh
from tests.approvals.elsewhere import PLACES, Place, place
from tests.approvals.people_of import acting
from tests.attacks.step_up.provider import PhoneProvider
from tests.audit.browsing import browser_of
from tests.support.live import LiveServer

type Work = Callable[..., None]

WHO = {"member": "member1", "auditor": "auditor", "operator": "operator", "admin": "admin"}
VERBS = ("hold", "block", "unblock", "allow")
SEVERITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
OUTCOMES = ("approved", "denied", "expired", "failed", "cancelled")
DOORS = ("web", "cli", "api")
EXIT = {"approved": 0, "failed": 1, "denied": 3, "expired": 4, "cancelled": 5}
ON_THE_PAGE = {
    "approved": "approved exactly this request. It was applied in this portal",
    "denied": "denied it. Nothing was committed",
    "expired": "No one answered in time",
    "failed": "Approved, but what was approved is no longer true",
    "cancelled": "withdrawn before anyone answered",
}
BEFORE = {"unblock": "block"}
"""How a thing stood before it was decided about; nothing else was decided about."""
STANDS = {"hold": "hold", "block": "block", "unblock": "none", "allow": "allow"}


def expected(verb: str, severity: str, role: str) -> str:
    """The policy as people read it: refused, committed, or who has to approve."""
    if role != "operator":
        return "refused"
    if verb == "hold" or severity in {"LOW", "MEDIUM"}:
        return "committed"
    return {"HIGH": "self", "CRITICAL": "another"}[severity]


def cases() -> Iterator[Any]:
    """Every verb, severity and role, with every outcome that it can have; at a second issuer those
    that ask somebody, for one final and one loosening verb."""
    for place_, verb, severity, role in product(PLACES, VERBS, SEVERITIES, WHO):
        first = expected(verb, severity, role)
        asks = first in {"self", "another"}
        if place_ == "a stranger" and (not asks or verb == "unblock"):
            continue
        for outcome in OUTCOMES if asks else (first,):
            name = f"{verb}-{severity}-{role}-{outcome}-{place_}"
            yield pytest.param(place_, verb, severity, role, outcome, id=name)


@dataclass(frozen=True)
class Asked:
    """What a door said to one request."""

    door: str
    name: str
    said: str  # refused, committed or waiting
    approval: Approval | None = None


@dataclass
class House:
    """The portal's doors, open to one person."""

    where: Place
    url: str
    who: str
    actor: Actor
    browser: Client

    def ask(self, door: str, verb: str, name: str) -> Asked:
        """Ask for an act through a door."""
        said, known = getattr(self, f"_by_{door}")(verb, name), Approval.objects.all()
        found = known.filter(target_name=name).first()
        assert (found is not None) == (said == "waiting")
        return Asked(door, name, said, found)

    def _by_web(self, verb: str, name: str) -> str:
        page = self.browser.post(f"/enforcement/skill/{name}/", {"act": verb, "reason": "a test"})
        if page.status_code == 302:
            return "waiting" if "/approvals/" in page["Location"] else "committed"
        assert page.status_code == 403, page.content.decode()[:400]
        return "refused"

    def _by_api(self, verb: str, name: str) -> str:
        answer = self._call("post", "/v1/decisions", self._body(verb, name))
        return {201: "committed", 202: "waiting", 403: "refused"}[answer.status_code]

    def _by_cli(self, verb: str, name: str) -> str:
        done = self._ata("--json", "skill", verb, name, "--reason", "a test", "--no-wait")
        if done.exit_code:
            assert done.exit_code == 1 and "not_permitted" in done.output, done.output
            return "refused"
        return "waiting" if '"status": "pending"' in done.output else "committed"

    @staticmethod
    def _body(verb: str, name: str) -> dict[str, Any]:
        target = {"kind": "skill", "name": name}
        return {"verb": f"skill.{verb}", "target": target, "reason": "a test"}

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        token = self.where.token(self.who, "api")
        how = {"content_type": "application/json"} if method == "post" else {}
        return getattr(Client(), method)(
            path, body, headers={"Authorization": f"Bearer {token}"}, **how
        )

    def _ata(self, *words: str) -> Any:
        return CliRunner().invoke(app, [*words], env=self.where.session(self.who, self.url))

    def cancel(self, asked: Asked) -> None:
        """Withdraw through the same door."""
        assert asked.approval is not None
        pk = asked.approval.pk
        if asked.door == "web":
            self.browser.post(f"/approvals/{pk}/cancel/")
        elif asked.door == "api":
            assert self._call("post", f"/v1/approvals/{pk}/cancel").status_code == 200
        else:
            assert self._ata("approvals", "cancel", str(pk)).exit_code in {0, EXIT["cancelled"]}

    def told(self, asked: Asked) -> str:
        """The outcome as the same door tells it."""
        assert asked.approval is not None
        pk = asked.approval.pk
        if asked.door == "cli":
            code = self._ata("approvals", "wait", str(pk)).exit_code
            return next(name for name, exit_ in EXIT.items() if exit_ == code)
        if asked.door == "api":
            return str(self._call("get", f"/v1/approvals/{pk}").json()["outcome"])
        page = self.browser.get(f"/approvals/{pk}/").content.decode()
        return next(word for word, said in ON_THE_PAGE.items() if said in page)


@pytest.fixture(scope="session")
def listening() -> Iterator[PhoneProvider]:
    """A provider that shares no code with the local tenant."""
    provider = PhoneProvider()
    provider.start()
    yield provider
    provider.stop()


@pytest.fixture
def strange_provider(listening: PhoneProvider) -> PhoneProvider:
    """The same, with every phone empty."""
    listening.reset()
    return listening


@pytest.fixture
def where(request: pytest.FixtureRequest, settings: Any) -> Iterator[Place]:
    """The issuer that people are asked through."""
    yield from place(request, settings)


@pytest.fixture
def served(where: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The portal over HTTP, on this test's own database, for the command line."""
    shared = connections["default"]
    shared.inc_thread_sharing()
    monkeypatch.setattr(shared, "close", lambda: None)  # its thread closes what it was lent
    server = LiveServer("localhost", StaticFilesHandler, connections_override={"default": shared})
    server.daemon = True
    server.start()
    server.is_ready.wait()
    assert server.error is None
    yield f"http://localhost:{server.port}"
    server.terminate()
    shared.dec_thread_sharing()


def scanned(name: str, severity: str, need: AskNeed = AskNeed.NONE) -> None:
    """The newest scan of a skill."""
    now = clock.now()
    Scan.objects.create(instance="edge-1", scan_id=f"scan-{name}", scanner="s", kind="skill",
                        name=name, severity=severity, at=now, seen=now, ask=need)  # fmt: skip


def by_itself(verb: str, severity: str, role: str) -> Asked | None:
    """A CRITICAL finding asks to block; nothing else asks by itself."""
    if (verb, severity, role) != ("block", "CRITICAL", "operator"):
        return None
    scanned("automatic", severity, AskNeed.DUE)
    assert automatic_requests.ask_due() == 1
    return Asked("automatic", "automatic", "waiting", Approval.objects.get(target_name="automatic"))


@pytest.mark.parametrize(
    ("where", "verb", "severity", "role", "outcome"), list(cases()), indirect=["where"]
)
def test_every_door_comes_to_the_same_outcome(
    where: Place,
    served: str,
    work: Work,
    travel: Callable[[], None],
    verb: str,
    severity: str,
    role: str,
    outcome: str,
) -> None:
    oona = acting("operator2", "operator")
    roles = [] if role == "member" else [role]
    actor = acting(WHO[role], *roles)
    house = House(where, served, WHO[role], actor, browser_of(actor))
    for door in DOORS:
        scanned(f"by-{door}", severity)
        if verb in BEFORE:
            Asset.objects.create(kind="skill", name=f"by-{door}", decision=BEFORE[verb])
    asked = [house.ask(door, verb, f"by-{door}") for door in DOORS]
    first = expected(verb, severity, role)
    wanted = first if first in {"refused", "committed"} else "waiting"
    assert {one.door: one.said for one in asked} == dict.fromkeys(DOORS, wanted)
    if wanted != "waiting":
        assert {standing(one) for one in asked} == {
            STANDS[verb] if wanted == "committed" else BEFORE.get(verb, "")
        }
        assert not Approval.objects.exists()
        return
    automatic = by_itself(verb, severity, role)
    asked += [automatic] if automatic else []
    approver = actor if first == "self" else oona
    for one in asked:
        held_meanwhile(one, verb)
        assert one.approval is not None and one.approval.current is not None
        someone = {"operator", "operator2"} if one is automatic else {where.who(approver)}
        assert where.who_of(one.approval.current.person.sub) in someone
    work()
    comes_to(outcome, house, asked, work, travel)
    seen = {one.door: what_came_of(one) for one in asked}
    alike = {door: what for door, what in seen.items() if door != "automatic"}
    assert len(set(alike.values())) == 1, alike
    assert all(what[0] == (outcome if door != "automatic" or outcome != "cancelled" else "denied")
               for door, what in seen.items()), seen  # fmt: skip
    assert {standing(one) for one in asked} == {after(verb, outcome)}
    for one in asked:
        if one is not automatic:
            assert house.told(one) == outcome
    if automatic:
        logged = len(events("skill.override_logged"))
        assert logged == (1 if outcome in {"denied", "cancelled"} else 0)


def standing(asked: Asked) -> str:
    """How the thing stands; empty when nothing was ever decided about it."""
    row = Asset.objects.filter(kind="skill", name=asked.name).first()
    return row.standing if row else ""


def held_meanwhile(asked: Asked, verb: str) -> None:
    """Only what blocks holds while it waits."""
    assert standing(asked) == ("hold" if verb == "block" else BEFORE.get(verb, ""))


def after(verb: str, outcome: str) -> str:
    """How it stands in the end: the act, or what was there before, or the hold that stays."""
    if outcome == "approved":
        return STANDS[verb]
    if verb != "block":
        return BEFORE.get(verb, "")
    return "hold" if outcome in {"expired", "failed"} else "none"


def comes_to(
    outcome: str, house: House, asked: list[Asked], work: Work, travel: Callable[[], None]
) -> None:
    """Do what leads to that outcome, to every request alike; what a finding asked nobody can
    cancel, so there the person denies."""
    word = {"approved": "approve", "failed": "approve", "denied": "deny"}.get(outcome, "")
    if outcome == "failed":  # whoever asked, or whoever answers a finding, lost the role meanwhile
        for who in {house.who} | {where_asked(one, house) for one in asked}:
            person = acting(who)
            people_and_roles.note_person(iss=person.iss, sub=person.sub, roles=[])
    for one in asked:
        assert one.approval is not None and one.approval.current is not None
        if outcome == "cancelled" and one.door != "automatic":
            house.cancel(one)
        elif word or outcome == "cancelled":
            house.where.answer(where_asked(one, house), one.approval.current.code, word or "deny")
    work(2)
    if outcome == "expired":
        for _ in range(2):  # the next on call is asked, and does not answer either
            travel()
            work(2)


def where_asked(asked: Asked, house: House) -> str:
    """Who holds the phone that rings."""
    assert asked.approval is not None and asked.approval.current is not None
    return house.where.who_of(asked.approval.current.person.sub)


def what_came_of(asked: Asked) -> tuple[Any, ...]:
    """Everything that must be the same whichever door it was."""
    assert asked.approval is not None
    done = fresh(asked.approval)
    trail = [
        (event["action"], event["outcome"], event["severity"])
        for event in events()
        if event["target"] and event["target"]["name"] == asked.name
    ]
    asks = tuple(done.asks.order_by("number").values_list("state", flat=True))
    assert AskState.STARTING not in asks
    return (
        done.outcome,
        done.answer,
        done.inferred,
        done.held,
        done.outcome_code,
        done.severity,
        done.rule["approver"],
        asks,
        tuple(trail),
    )


def test_the_table_has_every_case() -> None:
    """48 that are refused, 10 at once, and 6 with five outcomes each."""
    found = {case.values[1:] for case in cases()}
    assert len(found) == 48 + 10 + 6 * len(OUTCOMES)
    assert {case.values[0] for case in cases()} == set(PLACES)
    assert django_settings.STEP_UP_EXPIRY_S < 3600

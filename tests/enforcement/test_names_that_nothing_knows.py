"""A name that nothing knows is confirmed before anything is decided about it (OPB-B5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from api.problems import refusal
from approvals.api import post_decision_and_requests
from approvals.errors import Refused
from approvals.models import Approval
from audit.models import EventRow
from audit.recording.actors import Actor
from enforcement import known_component_names
from enforcement.models import Asset
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town, known
from tests.enforcement.outpost_device import Device
from tests.enforcement.test_an_outpost_gets_signed_commands import row

pytestmark = pytest.mark.django_db
Look = Callable[[], int]


def decide(actor: Actor, verb: str, name: str, **params: Any) -> Any:
    """As `POST /v1/decisions` does after its token was checked."""
    body = post_decision_and_requests.DecisionIn(
        verb=verb,
        target=post_decision_and_requests.TargetIn(
            kind=verb.partition(".")[0], name=name, instance=""
        ),
        reason="typo",
        severity=None,
        finding_id=None,
        params=params,
    )
    return post_decision_and_requests._perform(actor, body, lambda _done: None)


def refused(actor: Actor, verb: str, name: str, **params: Any) -> Refused:
    with pytest.raises(Refused) as said:
        decide(actor, verb, name, **params)
    return said.value


def scan(edge: Edge, look: Look, *names: str) -> None:
    for name in names:
        edge.scan(name, severity="LOW")
    look()


@pytest.mark.parametrize("act", ["block", "allow", "unblock", "hold", "release"])
def test_a_typo_is_refused_and_names_the_nearest(
    edge: Edge, look: Look, olu: Actor, act: str
) -> None:
    scan(edge, look, "pdf-exfil", "notes")
    problem = refusal(refused(olu, f"skill.{act}", "pdf_exfill"))
    assert (problem.status, problem.code) == (409, "unknown_target")
    assert problem.members == {"pointer": "/target/name", "nearest": ["pdf-exfil"]}
    assert "skill pdf_exfill" in problem.detail and "Did you mean pdf-exfil?" in problem.detail
    assert not Approval.objects.exists() and not Asset.objects.exists()


@pytest.mark.parametrize("name", ["no such thing here", "a/b;c"])
def test_a_name_like_no_other_is_refused_without_a_suggestion(
    edge: Edge, look: Look, olu: Actor, name: str
) -> None:
    scan(edge, look, "pdf-exfil")
    assert refusal(refused(olu, "skill.block", name)).members["nearest"] == []


def test_a_name_that_is_confirmed_as_new_is_decided(town: Town, olu: Actor) -> None:
    assert decide(olu, "skill.block", "brand-new", new=True).event_id
    assert Asset.objects.get(name="brand-new").decision == "block"
    assert decide(olu, "skill.unblock", "brand-new").approval  # what stands is known


def test_only_a_boolean_confirms(town: Town, olu: Actor) -> None:
    problem = refusal(refused(olu, "skill.block", "brand-new", new="yes"))
    assert (problem.status, problem.code) == (422, "bad_params")


def test_scans_gateways_and_manifests_know_names(
    edge: Edge, look: Look, olu: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge.scan("scanned", severity="LOW")
    edge.block("skill", "listed", "by the watcher")
    look()
    monkeypatch.setattr(
        known_component_names, "declared_names", [lambda kind: [f"{kind}-declared"]]
    )
    for name in ("scanned", "listed", "skill-declared"):
        assert known_component_names.is_known("skill", name)
    assert not known_component_names.is_known("mcp", "scanned")
    assert not known_component_names.is_known("mcp", "listed")


def test_what_an_outpost_reported_is_known(town: Town, olu: Actor) -> None:
    """Somebody disabled it or moved it to quarantine at the gateway itself, and it has no scan."""
    known("admin2", "admin", name="Anna Admin")
    device = Device(instance="edge-1").enrol(known("admin", "admin").as_actor(via="web"))
    device.send(
        entries=[row("disabled", runtime="disable"), row("s", "mcp")],
        quarantine=["skills/codex/moved", "plugins/old"],
    )
    for kind, name in (("skill", "disabled"), ("mcp", "s"), ("skill", "moved"), ("plugin", "old")):
        assert known_component_names.is_known(kind, name), name
        assert not known_component_names.is_known("tool", name)
    assert known_component_names.nearest("skill", "dis-abled") == ("disabled",)


def test_a_member_is_refused_without_learning_a_name(edge: Edge, look: Look, olu: Actor) -> None:
    scan(edge, look, "pdf-exfil")
    mia = known("member1", name="Mia Member").as_actor(via="api")
    said = refused(mia, "skill.block", "pdf_exfill")
    assert said.code == "not_permitted" and "pdf-exfil" not in said.detail


def test_the_form_asks_for_a_confirmation_and_takes_it(edge: Edge, look: Look) -> None:
    scan(edge, look, "pdf-exfil")
    browser("operator2", "operator", name="Oona Operator")
    olu: Client = browser("operator", "operator", name="Olu Operator")
    here = "/enforcement/skill/pdf_exfill/"
    shown = olu.get(here).content.decode()
    assert 'name="new"' in shown and "/enforcement/skill/pdf-exfil/" in shown
    no = olu.post(here, {"act": "block", "reason": "x"})
    assert no.status_code == 422 and 'name="new"' in no.content.decode()
    assert not Asset.objects.exists()
    assert olu.post(here, {"act": "block", "reason": "x", "new": "on"}).status_code == 302
    assert EventRow.objects.filter(action="skill.blocked", target_name="pdf_exfill").exists()
    assert 'name="new"' not in olu.get("/enforcement/skill/pdf-exfil/").content.decode()

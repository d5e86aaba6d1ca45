"""Without a demo, an admin's Home begins with six steps that the portal checks itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from approvals import clock
from approvals.models import Approval, Ask, Outcome
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from audit.recording.record import record
from enforcement.gateways import instances
from enforcement.models import Watch
from portal.home import first_steps
from portal.home.panel_types import FirstStep
from tests.approvals.lamps import furnish
from tests.approvals.people_of import acting, known
from tests.enforcement import gateways as of_gateways
from tests.enforcement.outpost_device import Device
from tests.support.pages import signed_in

pytestmark = pytest.mark.usefixtures("house")


def steps() -> list[FirstStep]:
    return first_steps.first_steps(acting("admin", "admin")).steps


def done() -> list[int]:
    return [number for number, step in enumerate(steps(), start=1) if step.done]


def test_home_of_an_admin_begins_with_the_steps_and_what_to_copy() -> None:
    page = signed_in("admin", "admin").get("/").content.decode()
    assert "First steps: 1 of 6 are done" in page
    listed = page.partition('id="first-steps"')[2].partition("</section>")[0]
    assert len(re.findall(r"<strong>\d\. ", listed)) == 6
    assert "ata mcp run" in listed and "[[instance]]" in listed
    assert page.index('id="first-steps"') < page.index("Recent decisions")


@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_others_are_not_asked_to_set_it_up(role: str) -> None:
    assert "First steps" not in signed_in(role, role).get("/").content.decode()


def test_each_step_is_done_once_the_portal_saw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(monkeypatch)
    assert done() == [2], "the tenant here is the local one"
    Watch.objects.create(name="edge-1", due=clock.now(), reachable=True)
    assert done() == [2, 4]
    olu = acting("operator", "operator")
    known("operator2", "operator")
    record(olu, "token.exchanged", source="broker", agent="codex")
    assert done() == [2, 4, 5]
    approval = perform(olu, "lamp.block", Target("lamp", "hall"), severity="CRITICAL").approval
    assert approval is not None
    Ask.objects.update(answers={"ciba": {"decision": "approve"}})
    assert done() == [2, 3, 4, 5]
    event = record(olu, "lamp.blocked", target=Target("lamp", "hall"))
    Approval.objects.update(outcome=Outcome.APPROVED, event_id=event.id)
    assert done() == [2, 3, 4, 5, 6]
    assert str(event.id) in steps()[5].url


def test_a_gateway_that_answers_its_outpost_is_registered() -> None:
    of_gateways.known("admin2", "admin")
    device = Device(instance="edge-9").enrol(
        of_gateways.known("admin", "admin").as_actor(via="web")
    )
    device.send(health={"up": False})
    assert 4 not in done()
    device.send(health={"up": True})
    assert 4 in done() and steps()[3].seen == "edge-9 answered."


def test_where_the_demo_runs_there_are_no_steps(tmp_path: Path, settings: Any) -> None:
    settings.VAR_DIR = tmp_path
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "instances.toml").write_text(
        '[[instance]]\nname = "laptop"\ndemo = true\nbase_url = "http://127.0.0.1:9"\n'
    )
    instances._cache.clear()
    try:
        assert steps() == []
    finally:
        instances._cache.clear()

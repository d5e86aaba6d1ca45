"""A gateway that answers 401 is not offline: it refuses the token, and pages say what helps."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from approvals import clock
from approvals.models import Effect
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from enforcement.gateways import instances, last_contact
from enforcement.gateways.unreachable_gateway_reasons import troubles
from enforcement.models import Watch
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import TOKEN, Edge, Town
from ui import outage_banners

pytestmark = pytest.mark.django_db
SKILL = Target("skill", "pdf-exfil")
Look = Callable[[], int]
HELPS = "refuses our token (HTTP 401); gateway_token_file needs its current one."


@pytest.fixture
def refused(town: Town, look: Look) -> Client:
    """Both gateways answer our token with 401."""
    (town.folder / "token").write_text("t0ken-of-yesterday")
    look()
    return browser("operator", "operator")


def states() -> set[str]:
    watches = {one.name: one for one in Watch.objects.exclude(name="")}
    return {one.state for one in last_contact.everywhere(instances.fleet(), watches).values()}


def test_the_page_says_that_the_token_is_refused_and_what_helps(refused: Client) -> None:
    assert states() == {"token_refused"}
    shown = refused.get("/enforcement/fleet/").content.decode()
    [title] = re.findall(r"<h1[^>]*>(.*?)</h1>", shown)
    assert re.sub("<[^>]+>", "", title) == "Both gateways refuse the portal’s token"
    assert shown.count(">token refused<") == 2 and f"edge-1 {HELPS}" in shown
    assert "offline" not in shown and "does not answer" not in shown


def test_readyz_and_home_name_the_token(refused: Client) -> None:
    assert troubles()["edge-1"] == f"edge-1 {HELPS}"
    home = refused.get("/").content.decode()
    assert "token refused" in home and ">offline<" not in home
    assert "gateways not answering" not in home


def test_the_banner_asks_for_the_token_and_claims_no_silence(refused: Client) -> None:
    Watch.objects.filter(name="edge-1").update(last_seen=None)
    assert outage_banners._refusing() == ("edge-1", "edge-2")
    assert outage_banners._gateways(clock.now()) == ()
    found = outage_banners.Health(refusing=("edge-1",))
    [said] = outage_banners.banners(found, person=True, staff=True)
    assert said["text"] == (
        "edge-1 refuses the portal’s token: put its current token into the file that "
        "gateway_token_file names. Decisions are recorded here and wait until then."
    )
    assert not outage_banners.banners(found, person=True, staff=False)


def test_a_decision_that_waits_says_why(
    refused: Client, olu: Actor, do_due: Callable[[], None]
) -> None:
    perform(olu, "skill.hold", SKILL, reason="x", severity="CRITICAL")
    do_due()
    step = Effect.objects.filter(kind="gateway.hold", instance="edge-1").get()
    assert step.detail == f"edge-1 {HELPS}"
    shown = refused.get("/enforcement/skill/pdf-exfil/").content.decode()
    assert f"Not enforced yet: edge-1 {HELPS}" in shown


def test_coverage_shows_the_state(refused: Client) -> None:
    shown = browser("auditor", "auditor").get("/audit/coverage/").content.decode()
    assert "token refused" in shown


def test_it_ends_with_the_right_token_and_with_silence(
    refused: Client, town: Town, edge: Edge, look: Look
) -> None:
    (town.folder / "token").write_text(TOKEN)
    look()
    assert states() == {"online"}
    edge.stop()
    look()
    assert states() == {"online", "offline"}
    assert not Watch.objects.filter(token_refused=True).exists()

"""`bypass.claim`: one person says that they did an act that no decision covers, and why."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from accounts.models import SignedInSession
from approvals import clock
from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.models import Event
from audit.recording.actors import Actor, Target
from enforcement.models import AdministrativeAct, Outpost
from enforcement.views.bypasses import Change
from tests.audit import imports
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge, Town, known
from tests.enforcement.test_rows_are_matched_by_tags import call, take

pytestmark = pytest.mark.django_db

BUTTON = ">I made this change</button>"
Look = Callable[[], int]


@pytest.fixture
def bypass(edge: Edge, look: Look) -> Target:
    """Somebody lifts a block with the shared token; the portal finds out."""
    body = {"target_type": "skill", "target_name": "pdf-exfil", "reason": ""}
    call(edge, "DELETE", "/enforce/block", body)
    take(edge)
    return Target("bypass", imports.event(action="bypass.found")["id"], "edge-1")


def page_of(bypass: Target) -> str:
    return f"/enforcement/bypasses/{bypass.name}/"


def claims() -> list[dict[str, Any]]:
    return imports.events(action="bypass.claimed")


def test_a_claim_names_the_person_the_reason_and_the_entry_of_the_act(
    bypass: Target, olu: Actor
) -> None:
    done = perform(olu, "bypass.claim", bypass, reason="the portal was down")
    assert done.approval is None
    (event,) = claims()
    assert event["actor"]["sub"] == olu.sub and event["reason"] == "the portal was down"
    row = Event.objects.get(pk=UUID(event["data"]["row_event"]))
    assert event["data"]["row_leaf_hash"] == bytes(row.leaf_hash).hex()
    assert event["target"]["name"] == bypass.name
    assert event["severity"] == "HIGH"


def test_an_act_is_claimed_by_one_person_only(bypass: Target, olu: Actor, oona: Actor) -> None:
    perform(olu, "bypass.claim", bypass, reason="it was me")
    for person in (oona, olu):
        with pytest.raises(Refused) as refused:
            perform(person, "bypass.claim", bypass, reason="no, me")
        assert refused.value.code == "already_claimed"
    assert len(claims()) == 1


def test_a_claim_without_a_reason_or_by_somebody_else_is_refused(
    bypass: Target, olu: Actor
) -> None:
    with pytest.raises(Refused) as refused:
        perform(olu, "bypass.claim", bypass, reason="  ")
    assert refused.value.code == "reason_required"
    for roles in ([], ["auditor"]):
        mia = known("member1", *roles).as_actor(via="web")
        with pytest.raises(Refused) as refused:
            perform(mia, "bypass.claim", bypass, reason="me")
        assert refused.value.code == "not_permitted"
    assert claims() == []


@pytest.mark.parametrize("name", ["nonsense", "0197a3c0-1111-7222-8333-444455556666", ""])
def test_what_is_no_such_act_is_not_claimed(bypass: Target, olu: Actor, name: str) -> None:
    for target in (Target("bypass", name), Target("bypass", bypass.name, "edge-2")):
        with pytest.raises(Refused) as refused:
            perform(olu, "bypass.claim", target, reason="me")
        assert refused.value.code in {"unknown_bypass", "bad_target"}


@pytest.mark.parametrize("form", ["urn:uuid:{%s}", "{%s}", "%s"])
def test_an_act_is_named_only_as_the_trail_has_it(bypass: Target, olu: Actor, form: str) -> None:
    target = Target("bypass", form % bypass.name.upper(), "edge-1")
    with pytest.raises(Refused) as refused:
        perform(olu, "bypass.claim", target, reason="me")
    assert refused.value.code == "unknown_bypass"


def test_the_page_offers_the_claim_and_shows_who_claimed(bypass: Target, town: Town) -> None:
    olu = browser("operator", "operator", name="Olu Operator")
    amir = browser("admin", "admin", name="Amir Admin")
    for client in (olu, amir):
        home = client.get("/").content.decode()
        assert "Changes at gateways without a decision" in home and page_of(bypass) in home
    assert BUTTON in olu.get(page_of(bypass)).content.decode()
    assert page_of(bypass) in olu.get("/enforcement/bypasses/").content.decode()
    answer = olu.post(page_of(bypass), {"reason": "the portal was down"})
    assert answer.status_code == 302
    shown = amir.get(page_of(bypass)).content.decode()
    assert "Olu Operator said that they did api-enforce-unblock of skill pdf-exfil" in shown
    assert BUTTON not in shown
    assert amir.post(page_of(bypass), {"reason": "no, me"}).status_code == 409
    assert page_of(bypass) not in amir.get("/enforcement/bypasses/").content.decode()
    assert page_of(bypass) in amir.get("/enforcement/bypasses/?list=all").content.decode()
    assert "without a decision" not in amir.get("/").content.decode()


def test_the_pages_refuse_who_may_not_and_what_is_not(bypass: Target, town: Town) -> None:
    page = page_of(bypass)
    assert Client().post(page, {"reason": "me"}).status_code in {302, 401}
    assert browser("member1").get(page).status_code == 403
    auditor = browser("auditor", "auditor")
    assert auditor.get(page).status_code == 200
    assert BUTTON not in auditor.get(page).content.decode()
    assert auditor.post(page, {"reason": "me"}).status_code == 403
    operator = browser("operator", "operator", csrf=True)
    assert operator.post(page, {"reason": "me"}).status_code == 403, "no CSRF token"
    operator = browser("operator2", "operator")
    assert operator.put(page).status_code == 405
    assert operator.post("/enforcement/bypasses/").status_code == 405
    assert operator.post(page, {"reason": ""}).status_code == 409
    assert operator.post(f"/enforcement/bypasses/{uuid4()}/", {"reason": "x"}).status_code == 404
    SignedInSession.objects.filter(public_id="s-operator2").delete()
    assert operator.post(page, {"reason": "me"}).status_code == 401, "a session that ended"
    assert AdministrativeAct.objects.filter(claim="").count() == 1 and claims() == []


def answer_of(client: Client, page: str = "/enforcement/bypasses/") -> tuple[str, str]:
    """Title and text of a page."""
    text = client.get(page).content.decode()
    found = re.search(r"(?s)<h1[^>]*>(.*?)</h1>", text)
    assert found is not None
    return re.sub(r"<[^>]+>", "", found[1]), re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_the_list_asks_who_made_each_change(bypass: Target, town: Town) -> None:
    olu, ada = browser("operator", "operator", name="Olu"), browser("auditor", "auditor")
    title, text = answer_of(olu)
    assert title == "1 change at a gateway has no decision: who made it?"
    assert "Skill pdf-exfil was unblocked relaxes edge-1" in text
    assert "I made this change…" in text and "I made this change…" not in answer_of(ada)[1]
    assert "Ask the operators and admins" in answer_of(ada)[1]
    title, _ = answer_of(olu, page_of(bypass))
    assert title == "Skill pdf-exfil was unblocked at edge-1 without a decision: who did it?"
    olu.post(page_of(bypass), {"reason": "the portal was down"})
    title, text = answer_of(olu)
    assert title == "No unexplained change at a gateway is known"
    assert "I made this change…" not in text
    title, text = answer_of(olu, "/enforcement/bypasses/?list=all")
    assert title == "1 change at a gateway has no decision" and "I made this change…" not in text
    assert "relaxes edge-1 Olu" in text, "who said that they made it"
    title, _ = answer_of(olu, page_of(bypass))
    did = "Skill pdf-exfil was unblocked at edge-1 without a decision"
    assert title == f"{did}, and Olu recorded why"


@pytest.mark.parametrize(
    ("act", "kind", "name", "relaxes", "words", "direction"),
    [
        ("disable", "plugin", "turbo", False, "Plugin turbo was disabled", "restricts"),
        ("set", "mcp", "proxy", True, "MCP server proxy was set up", "relaxes"),
        ("guardrail", "", "", True, "The guardrail was changed", "may relax"),
        ("allow", "", "", True, "A component was allowed", "relaxes"),
    ],
)
def test_a_change_is_named_by_what_it_does(
    act: str, kind: str, name: str, relaxes: bool, words: str, direction: str
) -> None:
    change = Change(AdministrativeAct(act=act, kind=kind, name=name, relaxes=relaxes))
    assert (change.words, change.direction) == (words, direction)


def test_changes_that_relax_come_first(bypass: Target, town: Town) -> None:
    newer = AdministrativeAct.objects.get()
    newer.pk, newer.bypass, newer.name = uuid4(), uuid4(), "newer"
    newer.at, newer.relaxes, newer.act = clock.now(), False, "block"
    newer.save(force_insert=True)
    title, text = answer_of(browser("operator", "operator"))
    assert title == "2 changes at gateways have no decision: who made them?"
    assert text.index("Skill pdf-exfil was") < text.index("Skill newer was blocked restricts")


def test_an_empty_list_names_gateways_whose_rows_nothing_sends(town: Town) -> None:
    olu = browser("operator", "operator")
    title, text = answer_of(olu, "/enforcement/bypasses/?list=all")
    assert title == "No change without a decision is known"
    assert "Not seen until an import: changes at edge-1 , edge-2 ." in text
    Outpost.objects.create(
        id="0" * 32, public_key="k", instance="edge-1", operation="o", enrolled_at=clock.now()
    )
    assert "Not seen until an import: changes at edge-2 ." in answer_of(olu)[1]
    Outpost.objects.update(suspended_at=clock.now())
    assert "changes at edge-1 , edge-2 ." in answer_of(olu)[1]

"""What a person approved on the phone convinces somebody who brings the issuer's keys alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
from django.urls import reverse

from approvals.models import Approval
from audit import clock, packs
from audit.evidence import storage
from audit.ledger import note
from audit.ledger.packs import pack_check
from audit.ledger.trust_policy import NONE, Policy
from audit.proofs import proofs_and_tiles
from audit.recording.actors import Actor
from audit.recording.stored_event_loader import load
from audit.sequencing import sequencer
from tests.approvals.asking import ask, code_of, fresh
from tests.approvals.lamps import Lamps
from tests.approvals.people_of import Phones
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA

type Work = Callable[..., None]
LONG_AFTER = timedelta(days=2)


def selection_of(approval: Approval) -> packs.Selection:
    """The act that an approval led to."""
    assert approval.event_id is not None
    return packs.of_event(load(approval.event_id))


def test_the_pack_of_an_approved_act_convinces_with_the_issuers_own_keys(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu, reason="burns")
    work()
    phones.answer("operator2", code_of(approval), "approve")
    work()
    sequencer.run_once()
    selection = selection_of(fresh(approval))
    today = packs.build(selection, clock.now(), lambda item: True)
    later = packs.build(selection, clock.now() + LONG_AFTER, lambda item: True)
    log = Policy((note.parse_vkey(proofs_and_tiles.vkey()),), {}, {}, NONE)
    discovery: Any = httpx.get(f"{phones.tenant.issuer}.well-known/openid-configuration").json()
    jwks: Any = httpx.get(discovery["jwks_uri"]).json()

    report = pack_check.check(later.body, pack_check.Roots(log, {"": jwks}))
    assert report.intact, report.to_dict()
    levels = {dict(event.said)["What"].split(" ")[0]: event.human.code for event in report.events}
    assert levels["approval.approved"] == levels["lamp.blocked"] == "H2"
    (decision,) = [one for one in report.events if "lamp.blocked" in dict(one.said)["What"]]
    approved = dict(decision.said)["Approved"]
    assert (
        approved.startswith(f"According to the record, {oona.name or oona.email}")
        and "exactly this request" in approved
    )

    alone = pack_check.check(later.body, pack_check.Roots(log))
    assert {event.human.code for event in alone.events} == {"H0"}
    fresh_one = pack_check.check(today.body, pack_check.Roots(log, {"": jwks}))
    assert fresh_one.intact and today.bodies == ()
    assert fresh_one.verdict.words.startswith("Log entries verified. Person NOT proven: who")
    assert any("the token is released after" in limit for limit in fresh_one.not_proven)


def test_the_page_of_an_approved_request_offers_its_pack_and_says_what_it_lacks(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    page = reverse("approval", args=[approval.pk])
    assert "Evidence pack" not in text_of(browser_of(ADA).get(page))
    work()
    phones.answer("operator2", code_of(approval), "approve")
    work()
    sequencer.run_once()
    said = text_of(browser_of(ADA).get(page))
    assert reverse("audit-event-pack", args=[fresh(approval).event_id]) in said
    assert "withheld until" in said and "cannot prove to others who approved" in said
    event = text_of(browser_of(ADA).get(f"/audit/events/{fresh(approval).event_id}/"))
    missing, details = event.index("pack made now is incomplete"), event.index("<h2>Details")
    assert missing < details and "Incomplete evidence pack" in event
    assert "btn-primary" not in event.partition("<main")[2]


def test_the_issuers_discovery_is_kept_beside_its_keys(
    lamps: Lamps, phones: Phones, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    phones.answer("operator2", code_of(approval), "approve")
    work()
    sequencer.run_once()
    selection = selection_of(fresh(approval))
    built = packs.build(selection, clock.now(), lambda item: True)
    issuer = storage.issuer_keys(phones.tenant.issuer)
    assert issuer["keys"]
    assert b".issuer_keys" in built.body and b".issuer_discovery" in built.body

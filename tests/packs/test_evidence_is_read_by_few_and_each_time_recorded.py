"""Pages and API that let evidence out: who, when, with which trace."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import SignedInSession
from audit import clock
from audit.evidence import body_and_pack_access, storage
from audit.evidence.storage import NotReleasable
from audit.ledger.query import EventQuery
from audit.models import EventRow, EvidenceItem
from audit.recording.actors import Actor
from audit.search import event_search
from audit.sequencing import sequencer
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, ISSUER, MIA, OLU
from tests.packs.act import BEN, Act, keep, token
from tests.support.erasing import erase_person

pytestmark = pytest.mark.django_db


def reader(person: Actor, *, fresh: bool = True) -> Client:
    """A browser of somebody whose sign-in is new and had a second factor, or is old."""
    client = browser_of(person)
    age = timedelta() if fresh else timedelta(hours=3)
    SignedInSession.objects.update(
        auth_time=clock.now() - age, auth_time_said=True, amr=["pwd", "mfa"]
    )
    return client


def trail(action: str) -> list[dict[str, Any]]:
    return event_search.publics(event_search.page(EventQuery.from_bar(f"action:{action}")).rows)


def item(kind: str) -> EvidenceItem:
    return EvidenceItem.objects.get(kind=kind)


def page_of(body: EvidenceItem) -> str:
    return reverse("audit-evidence", args=[body.digest])


def test_an_auditor_reads_a_token_in_words_and_the_trail_names_it_but_not_its_content(
    act: Act,
) -> None:
    held = item("approval_token")
    answer = reader(ADA).get(page_of(held))
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "private, no-store"
    page = text_of(answer)
    assert "auth0|ben" in page and "skill pdf-exfil" in page
    assert "This approval token names " in page and "Encrypted with this person’s key" in page
    (read,) = trail("evidence.read")
    assert read["actor"]["sub"] == ADA.sub
    assert read["data"] == {"kind": "approval_token", "digest": held.digest, "ip": "127.0.0.1"}
    raw = storage.get(held.digest).decode()
    assert raw.split(".")[1] not in str(read)


def test_a_person_reads_their_own_and_nobody_elses(act: Act) -> None:
    assert reader(BEN).get(page_of(item("assertion"))).status_code == 200
    assert reader(OLU).get(page_of(item("assertion"))).status_code == 403
    assert reader(MIA).get(page_of(item("issuer_keys"))).status_code == 403
    assert len(trail("evidence.read")) == 1


def test_what_is_about_nobody_needs_no_fresh_sign_in(act: Act) -> None:
    answer = reader(OLU, fresh=False).get(page_of(item("issuer_keys")))
    assert answer.status_code == 200
    assert "Kept unchanged: issuer&#x27;s keys" in text_of(answer)


def test_an_old_sign_in_is_sent_to_sign_in_and_reads_nothing(act: Act) -> None:
    answer = reader(ADA, fresh=False).get(page_of(item("id_token")))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/oidc/authenticate/?fresh=")
    assert trail("evidence.read") == []


def test_a_token_that_still_opens_something_is_shown_to_nobody(act: Act) -> None:
    fresh = keep("id_token", token(seconds_left=600), OLU)
    held = EvidenceItem.objects.get(digest=fresh.digest)
    page = text_of(reader(ADA).get(page_of(held)))
    assert "It is still valid, so it can’t be shown yet." in page
    assert "Open this page again once it has expired." in page
    assert "auth0|olu" not in page
    with pytest.raises(NotReleasable):
        body_and_pack_access.read(OLU, held, clock.now())
    assert trail("evidence.read") == []


def test_what_was_erased_is_said_to_be(
    act: Act, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    held = item("assertion")
    with django_capture_on_commit_callbacks(execute=True):
        erase_person(BEN.key)
    shown = text_of(reader(ADA).get(page_of(held)))
    assert "The person this evidence was about is erased" in shown
    assert trail("evidence.read") == []


def test_the_pack_of_an_event_is_a_file_that_convinces_and_is_recorded(act: Act) -> None:
    answer = reader(ADA).get(reverse("audit-event-pack", args=[act.blocked]))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/zip"
    report = act.check(answer.content)
    assert report.intact and report.events[-1].human.code == "H3"
    (exported,) = trail("audit.exported")
    assert exported["data"]["format"] == "pack" and exported["data"]["count"] == 3
    (read,) = trail("evidence.read")
    assert read["data"]["pack"] == exported["data"]["sha256"]
    assert {one["kind"] for one in read["data"]["bodies"]} == {
        "approval_token",
        "assertion",
        "id_token",
    }


def test_a_pack_with_tokens_needs_a_fresh_sign_in_and_one_without_does_not(act: Act) -> None:
    tired = reader(ADA, fresh=False)
    answer = tired.get(reverse("audit-event-pack", args=[act.blocked]))
    assert answer.status_code == 302 and "fresh=" in answer["Location"]
    assert trail("audit.exported") == []
    answer = tired.get(reverse("audit-pack"), {"action": "operator.*"})
    assert answer.status_code == 200
    assert len(trail("audit.exported")) == 1


def test_an_operator_gets_a_pack_with_their_own_bodies_only(act: Act) -> None:
    answer = reader(OLU).get(reverse("audit-event-pack", args=[act.blocked]))
    report = act.check(answer.content)
    assert report.intact and report.events[-1].human.code == "H1"
    assert any("whoever made the pack may not read it" in one for one in report.not_proven)


def test_who_has_no_role_gets_the_pack_of_their_own_events_and_no_selection(act: Act) -> None:
    plain = Actor(ISSUER, OLU.sub, OLU.name, OLU.email)
    client = reader(plain)
    answer = client.get(reverse("audit-event-pack", args=[act.blocked]))
    report = act.check(answer.content)
    assert [event.id for event in report.events] == [str(act.requested), str(act.blocked)]
    assert client.get(reverse("audit-pack")).status_code == 403
    other = reader(MIA).get(reverse("audit-event-pack", args=[act.blocked]))
    assert other.status_code == 403


def test_a_selection_that_is_too_large_says_so(act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.packs.event_selection.MAX_EVENTS", 2)
    answer = reader(ADA).get(reverse("audit-pack"), follow=True)
    assert "No pack was made" in text_of(answer)
    assert trail("audit.exported") == []


def test_the_event_page_offers_the_pack_and_names_its_evidence(act: Act) -> None:
    sequencer.run_once()
    page = text_of(reader(ADA).get(reverse("audit-event", args=[act.blocked])))
    assert reverse("audit-event-pack", args=[act.blocked]) in page
    assert page_of(item("assertion")) in page
    page = text_of(reader(ADA).get(reverse("export-new"), {"action": "operator.*"}))
    assert "Evidence pack of 2 events" in page


def test_a_stored_level_that_its_evidence_does_not_prove_is_an_alarm_on_the_page(
    act: Act,
) -> None:
    auditor, page = reader(ADA), reverse("audit-event", args=[act.requested])
    assert "The stored level is not" not in text_of(auditor.get(page))
    EventRow.objects.filter(event=act.requested).update(human="H3")
    said = text_of(auditor.get(page))
    assert "The stored level is not what its evidence proves." in said
    assert "signed twice for this act (H3); verified just now it is signed in (H1)" in said


def test_the_verifier_alone_is_anybodys(client: Client) -> None:
    answer = client.get(reverse("pack-verifier"))
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == 'attachment; filename="verify.html"'
    assert b"Content-Security-Policy" in answer.content

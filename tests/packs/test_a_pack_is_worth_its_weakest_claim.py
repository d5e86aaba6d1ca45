"""A pack without the evidence that it is for is never called verified."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest
from django.urls import reverse

from audit import clock, packs
from audit.ingest import reported_events
from audit.ledger.format.canonical import canonical
from audit.ledger.packs import archive as pack_files
from audit.ledger.packs import pack_check
from audit.ledger.trust_policy import NONE, Policy
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.ata.ata_process import Ata
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, OLU
from tests.packs.act import BEN, LATER, Act, approval_token, decide, token
from tests.packs.bending import Members, resigned
from tests.packs.test_a_pack_convinces_without_us import brought
from tests.packs.unproven import UNPROVEN, decided_with_a_row_of_a_gateway, pack_of
from tests.support.erasing import erase_person

pytestmark = pytest.mark.django_db
LIVE = 600


def decided_with_live_tokens() -> UUID:
    """A block whose approval token and sign-in token still open something."""
    live = [
        ("id_token", token(seconds_left=LIVE), OLU),
        ("approval_token", approval_token(seconds_left=LIVE), BEN),
    ]
    id = decide(live, approval="01900000-0000-7000-8000-00000000000b")
    sequencer.run_once()
    return id


def test_a_pack_whose_tokens_are_withheld_says_that_the_person_is_not_proven(act: Act) -> None:
    built = act.pack(about=decided_with_live_tokens())
    report = act.check(built.body)
    assert report.intact and not report.verdict.ok
    assert (
        report.verdict.words == "Log entry verified. Person NOT proven: who approved and who acted."
    )
    assert {" ".join(one.split(" ")[1:3]) for one in report.verdict.reasons} == {
        "id token",
        "approval token",
    }
    assert all("the token is released after" in one for one in report.verdict.reasons)
    states = {check.name: check.state for check in report.events[0].checks}
    assert states["The issuer signed the approval of this very act"] == "withheld"
    later = act.pack(about=decided_with_live_tokens(), now=clock.now() + LATER)
    assert act.check(later.body).verdict.state == "verified"


def test_a_description_that_says_more_than_the_entries_is_never_shown_as_checked(
    act: Act, ata: Ata, tmp_path: Path
) -> None:
    """The holder of the log's key signs another one; the entries stay as they are."""

    def change(held: Members) -> Members:
        manifest = json.loads(held[pack_files.MANIFEST]) | {"words": "Amir approved everything."}
        return held | {pack_files.MANIFEST: canonical(manifest)}

    path = tmp_path / "pack.zip"
    path.write_bytes(resigned(act.pack().body, change))
    done = ata("verify", str(path), *brought(tmp_path))
    assert done.returncode == 0, "each entry is as it was"
    claimed = "Its own description, which no check compares with the entries: Amir approved"
    assert claimed in done.stdout and done.stdout.count("Amir approved everything") == 1
    limits = done.stdout.partition("Not proven:")[2]
    assert "That the description in its manifest says what the entries say" in limits


def test_the_command_line_ends_with_one_and_does_not_say_verified(
    act: Act, ata: Ata, tmp_path: Path
) -> None:
    path = tmp_path / "pack.zip"
    path.write_bytes(act.pack(about=decided_with_live_tokens()).body)
    done = ata("verify", str(path), *brought(tmp_path))
    assert done.returncode == 1, done.stdout
    assert "Log entry verified. Person NOT proven: who approved and who acted." in done.stdout
    assert "✓ Verified" not in done.stdout
    said = ata("verify", str(path), *brought(tmp_path), "--json")
    assert said.returncode == 1
    report = json.loads(said.stdout)
    assert report["ok"] is False and report["intact"] is True
    assert report["verdict"]["state"] == "unproven"


def test_without_the_issuers_keys_no_person_is_proven(act: Act, ata: Ata, tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    path.write_bytes(act.pack().body)
    done = ata("verify", str(path), *brought(tmp_path)[:2])
    assert done.returncode == 1
    assert "Log entries verified. Person NOT proven: who approved and who acted." in done.stdout


def test_an_approval_that_names_no_evidence_is_not_proven(act: Act) -> None:
    act.blocked = decide([], approval="01900000-0000-7000-8000-00000000000c")
    sequencer.run_once()
    report = act.check(act.pack().body)
    assert report.intact and report.verdict.state == "unproven"
    assert any("no signature shows that Ben Backup" in one for one in report.verdict.reasons)


def test_a_person_whom_only_the_record_names_is_not_proven(act: Act) -> None:
    event = record(OLU, "operator.signed_in").id
    sequencer.run_once()
    report = act.check(act.pack(about=event).body)
    assert report.verdict.state == "unproven"
    assert any("nothing but the record shows" in one for one in report.verdict.reasons)


def test_what_the_portal_itself_recorded_names_no_person_and_is_verified(act: Act) -> None:
    event = record(SYSTEM, "ledger.alarm", reason="a test").id
    sequencer.run_once()
    assert act.check(act.pack(about=event).body).verdict.state == "verified"


def test_who_may_not_read_the_evidence_gets_a_pack_that_proves_no_person(act: Act) -> None:
    built = packs.build(packs.Selection((act.blocked,)), clock.now(), lambda item: False)
    verdict = act.check(built.body).verdict
    assert verdict.state == "unproven"
    assert any("whoever made the pack may not read it" in one for one in verdict.reasons)


def test_an_erased_person_is_not_proven(
    act: Act, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        erase_person(BEN.key)
    assert act.check(act.pack().body).verdict.state == "unproven"


def test_with_no_trusted_key_nobody_says_that_everything_is_as_the_manifest(act: Act) -> None:
    report = pack_check.check(act.pack().body, pack_check.Roots(Policy((), {}, {}, NONE)))
    states = {check.name: check for check in report.checks}
    members = states[pack_files.MEMBERS_CHECK]
    assert members.state == "unchecked" and "no one you trust signed" in members.detail
    assert report.verdict.words == "NOT verified: no log key that you trust signed it."


def test_the_whole_act_with_all_its_evidence_is_verified(act: Act) -> None:
    assert act.check(act.pack().body).verdict.state == "verified"


def test_the_event_page_says_before_the_download_what_the_pack_cannot_prove(act: Act) -> None:
    page = text_of(browser_of(ADA).get(reverse("audit-event", args=[decided_with_live_tokens()])))
    assert "2 tokens are withheld until" in page
    assert "the pack alone cannot prove to others who approved or who acted." in page
    assert "What this portal itself checked is listed under “What proves it”." in page
    whole = text_of(browser_of(ADA).get(reverse("audit-event", args=[act.blocked])))
    assert "cannot prove" not in whole


def test_the_export_page_says_before_the_download_what_the_pack_cannot_prove(act: Act) -> None:
    decided_with_live_tokens()
    form = browser_of(ADA).get(reverse("export-new"), {"action": "skill.blocked"})
    assert "2 tokens are withheld until" in text_of(form)
    plain = browser_of(ADA).get(reverse("export-new"), {"action": "operator.*"})
    assert "this pack cannot prove who acted." in text_of(plain)


def test_an_operator_reads_before_the_download_which_evidence_is_not_theirs(act: Act) -> None:
    page = text_of(browser_of(OLU).get(reverse("audit-event", args=[act.blocked])))
    assert "2 pieces of evidence are not yours to read; this pack cannot prove who approved" in page


def test_one_of_two_signatures_is_enough_to_prove_who_approved(act: Act) -> None:
    assert act.check(act.pack().body, passkeys={}).verdict.state == "verified"


def test_the_requester_is_not_proven_by_the_approvers_signature(act: Act) -> None:
    id = decide(
        [
            ("id_token", token(seconds_left=LIVE), OLU),
            ("approval_token", approval_token(), BEN),
        ]
    )
    sequencer.run_once()
    built = packs.build(packs.Selection((id,)), clock.now(), lambda item: True)
    verdict = act.check(built.body).verdict
    assert verdict.words == "Log entry verified. Person NOT proven: who acted."


@pytest.mark.parametrize("what", UNPROVEN)
def test_a_person_is_proven_by_evidence_of_that_person_alone(
    act: Act, tmp_path: Path, what: str
) -> None:
    make, why = UNPROVEN[what]
    report = act.check(pack_of(make, tmp_path))
    assert report.intact, report.to_dict()
    assert report.verdict.state == "unproven"
    (reason,) = report.verdict.reasons
    assert why in reason


def test_a_row_of_a_gateway_with_the_tag_of_a_decision_stays_out_of_its_pack(
    act: Act, tmp_path: Path
) -> None:
    act.blocked = decided_with_a_row_of_a_gateway(tmp_path)
    built = act.pack()
    report = act.check(built.body)
    assert report.verdict.state == "verified", report.verdict
    assert not any("mallory" in dict(event.said)["Who"] for event in report.events)
    assert "1 event that names it was left out." in report.words


def test_a_pack_claims_nothing_of_a_person_on_whose_behalf_something_was_reported(act: Act) -> None:
    item = {"action": "deploy.started", "on_behalf_of": {"iss": OLU.iss, "sub": "auth0|mallory"}}
    (result,) = reported_events.report(OLU, [item])
    sequencer.run_once()
    report = act.check(act.pack(about=UUID(result["id"])).body)
    assert "the people it names as actor or approver are proven" in report.verdict.words
    assert any("on whose behalf it was" in limit for limit in report.not_proven)

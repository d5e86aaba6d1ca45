"""The single-file verifier, opened from a disk in real Chromium, with no network to speak of."""

from __future__ import annotations

import io
import json
import random
import re
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest
from playwright.sync_api import Browser, expect

from audit import clock, packs
from audit.keys import log_identity
from audit.ledger.offline.proof_check import MOVED
from audit.ledger.packs import missing_values, pack_check
from audit.ledger.packs.archive import ARCHIVE_CHECK
from audit.ledger.packs.pack_check_result import PackReport
from audit.packs.verify_html import verifier
from audit.proofs import proofs_and_tiles
from tests.packs.act import Act, jwks
from tests.packs.bending import BENDS, FORGED, members_of, resigned
from tests.packs.outside import timed, witnessed
from tests.packs.renamed import UNFIT, trusting
from tests.packs.test_a_forged_approval_stays_asserted import FORGERIES, signed_anew
from tests.packs.test_a_hostile_pack_is_checked_in_bounds import checked, hostile, too_many
from tests.packs.test_a_pack_carries_the_certificate import erase_ben
from tests.packs.test_a_pack_convinces_without_us import full_of_secrets
from tests.packs.test_a_pack_in_another_form_is_refused import CHANGES, zipped
from tests.packs.unproven import UNPROVEN, pack_of
from tests.packs.verifier_in_chromium import Reader, browser, reader
from tests.support import authority
from tests.support.chrome import person, shots

__all__ = ["browser", "reader"]

pytestmark = [pytest.mark.django_db, pytest.mark.browser]
FLIPPED = 40
LONGER_THAN_A_PACK = 65 * 1024 * 1024


def told(report: PackReport) -> dict[str, Any]:
    """What both verifiers have to say alike: verdict, every check's state, levels, sentences."""
    shown = report.to_dict()
    return {
        "ok": shown["ok"],
        "intact": shown["intact"],
        "verdict": shown["verdict"],
        "words": shown["words"],
        "checks": [(one["name"], one["state"]) for one in shown["checks"]],
        "events": [_event(one) for one in shown["events"]],
        "not_proven": shown["not_proven"],
    }


def told_by_page(shown: dict[str, Any]) -> dict[str, Any]:
    return {
        "ok": shown["ok"],
        "intact": shown["intact"],
        "verdict": shown["verdict"],
        "words": shown["words"],
        "checks": [(one["name"], one["state"]) for one in shown["checks"]],
        "events": [_event(one) for one in shown["events"]],
        "not_proven": shown["not_proven"],
    }


def _zip(members: dict[str, bytes], method: int = ZIP_STORED) -> bytes:
    """A ZIP with these members in a folder."""
    into = io.BytesIO()
    with ZipFile(into, "w", method) as archive:
        for name, body in members.items():
            archive.writestr(f"audit/{name}", body)
    return into.getvalue()


def _event(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "index": one["index"],
        "ok": one["ok"],
        "said": one["said"],
        "human": one["human"]["code"],
        "reasons": one["human"]["reasons"],
        "log": one["log"]["code"],
        "claimed": one["claimed"] and one["claimed"]["code"],
        "checks": [(check["name"], check["state"]) for check in one["checks"]],
    }


@pytest.mark.parametrize("certified", [True, False])
def test_missing_values_are_told_from_erased_ones_as_the_command_line_does(
    act: Act, reader: Reader, certified: bool
) -> None:
    erase_ben(certified=certified)
    body = act.pack().body
    reader.trusts_everything()
    (report,) = reader.drops(one=body)
    assert told_by_page(report) == told(act.check(body))
    states = {
        check["state"]
        for event in report["events"]
        for check in event["checks"]
        if check["name"] == missing_values.VALUES_CHECK
    }
    assert states == {"ok" if certified else "unchecked"}


def test_both_verifiers_count_values_that_stay_inside(act: Act, reader: Reader) -> None:
    made = (full_of_secrets(400), *(full_of_secrets(15) for _ in range(6)))
    body = packs.build(packs.Selection(made), clock.now(), lambda item: True).body
    reader.trusts_everything()
    (report,) = reader.drops(one=body)
    assert told_by_page(report) == told(act.check(body))
    assert any("400 values of entry" in one for one in report["not_proven"])


def test_the_page_says_before_any_pack_what_a_browser_cannot_check(reader: Reader) -> None:
    said = reader.page.locator("#cannot")
    expect(said).to_be_visible()
    for words in ("ML-DSA-44", "witnesses cosigned", "time tokens", "ata verify PACK"):
        expect(said).to_contain_text(words)
    box = said.bounding_box()
    assert box and box["height"] < 150, "a few lines, not a column of letters"


def test_a_time_token_in_a_pack_is_said_to_be_beyond_a_browser(
    act: Act, reader: Reader, tmp_path: Path, settings: Any
) -> None:
    timed(tmp_path, settings)
    reader.trusts_everything()
    (report,) = reader.drops(one=act.pack().body)
    details = {
        one["detail"]
        for event in report["events"]
        for one in event["checks"]
        if one["name"] == pack_check.TIME_CHECK
    }
    assert len(details) <= 1 and all("a browser cannot check time tokens" in d for d in details)
    assert details, "the pack holds a token"


def test_a_good_pack_is_verified_and_read_in_plain_words(act: Act, reader: Reader) -> None:
    body = act.pack().body
    reader.trusts_everything()
    (found,) = reader.drops(good=body)
    assert told_by_page(found) == told(act.check(body))
    page = reader.page
    assert page.locator("#summary").inner_text() == "1 pack verified."
    assert page.get_by_text("Olu Operator (auth0|olu at").count() >= 1
    assert page.get_by_text("What is not proven").is_visible()
    assert page.locator("main > section").first.get_attribute("id") == "found", "it comes first"
    shots(page, "verifier-good")


def test_the_page_has_the_bounds_of_the_command_line(reader: Reader) -> None:
    packs = {"events": too_many(), "keys": hostile(3, 200)}
    found = reader.drops(**packs)
    assert [told_by_page(one) for one in found] == [told(checked(one)[0]) for one in packs.values()]
    refused = next(one for one in found[0]["checks"] if one["state"] == "failed")
    assert refused["name"] == ARCHIVE_CHECK and "more than 1,000 events" in refused["detail"]


def test_of_five_packs_the_tampered_one_is_named(act: Act, reader: Reader) -> None:
    body = act.pack().body
    packs = {f"pack-{number}": body for number in range(1, 6)}
    packs["pack-4"] = resigned(body, FORGED["a value changed"][0])
    reader.trusts_everything()
    found = reader.drops(**packs)
    assert [one["ok"] for one in found] == [True, True, True, False, True]
    summary = reader.page.locator("#summary").inner_text()
    assert summary == "1 pack of 5 NOT verified: pack-4.zip."
    verdict = reader.page.locator(".report[data-ok=false] .verdict").inner_text()
    assert "The openings match the entry" in verdict
    shots(reader.page, "verifier-tampered")


def test_both_verifiers_say_the_same_of_every_bent_pack(act: Act, reader: Reader) -> None:
    body = act.pack().body
    bent = {f"bent {how}": bend(body) for how, (bend, _) in BENDS.items()}
    bent |= {f"forged {how}": resigned(body, change) for how, (change, _) in FORGED.items()}
    seeded = random.Random(4)
    for number in range(FLIPPED):
        changed = bytearray(body)
        changed[seeded.randrange(len(body))] ^= 1 << seeded.randrange(8)
        bent[f"flipped {number}"] = bytes(changed)
    reader.trusts_everything()
    found = dict(zip(bent, reader.drops(**bent), strict=True))
    for how, pack in bent.items():
        assert told_by_page(found[how]) == told(act.check(pack)), how
        assert not found[how]["ok"], how


def test_the_page_verifies_no_pack_that_was_zipped_again(act: Act, reader: Reader) -> None:
    body = act.pack().body
    packs = {
        f"{how} {method}": zipped(change(members_of(body)), method)
        for how, change in CHANGES.items()
        for method in (ZIP_STORED, ZIP_DEFLATED)
    }
    packs["whole"] = body
    reader.trusts_everything()
    found = dict(zip(packs, reader.drops(**packs), strict=True))
    assert found.pop("whole")["ok"]
    for how, shown in found.items():
        assert told_by_page(shown) == told(act.check(packs[how])), how
        assert shown["verdict"]["words"] == f"NOT verified. Failed: {ARCHIVE_CHECK}.", how
        assert shown["checks"][0]["detail"].endswith("ask for the file as it was downloaded."), how
    summary = reader.page.locator("#summary").inner_text()
    assert summary.startswith(f"{len(found)} packs of {len(packs)} NOT verified: ")


def test_both_verifiers_say_the_same_of_every_forged_approval(act: Act, reader: Reader) -> None:
    forged = {forge.__name__: signed_anew(act, forge)[1] for forge in FORGERIES}
    reader.trusts_everything()
    found = dict(zip(forged, reader.drops(**forged), strict=True))
    for how, pack in forged.items():
        assert told_by_page(found[how]) == told(act.check(pack)), how


def test_both_verifiers_say_the_same_of_every_person_whom_nothing_proves(
    act: Act, reader: Reader, tmp_path: Path
) -> None:
    made = {}
    for number, (make, _) in enumerate(UNPROVEN.values()):
        (tmp_path / str(number)).mkdir()
        made[f"pack {number}"] = pack_of(make, tmp_path / str(number))
    reader.trusts_everything()
    found = dict(zip(made, reader.drops(**made), strict=True))
    for how, pack in made.items():
        assert told_by_page(found[how]) == told(act.check(pack)), how
        assert found[how]["verdict"]["state"] == "unproven", how


def test_both_verifiers_say_the_same_of_a_log_that_changed_its_name(
    act: Act, old_key: str, reader: Reader
) -> None:
    body = act.pack().body
    bent = {"whole": body}
    bent |= {how: resigned(body, change) for how, change in UNFIT.items()}
    for number, key in enumerate((old_key, log_identity.vkey())):
        reader.trusts(logs=key, issuer=json.dumps(act.issuer_keys))
        found = reader.drops(**{f"{how} {number}": pack for how, pack in bent.items()})
        roots = pack_check.Roots(trusting(key), {"": act.issuer_keys})
        for shown, (how, pack) in zip(found, bent.items(), strict=True):
            assert told_by_page(shown) == told(pack_check.check(pack, roots)), how
            assert shown["intact"] == (how == "whole"), how
        (moved,) = (one for one in found[0]["checks"] if one["name"] == MOVED)
        assert "the last 3 of them were LOST" in moved["detail"]


def test_no_script_of_the_verifier_replaces_a_function_of_another() -> None:
    """All stand in one script, where the second function of a name takes the place of the first."""
    names = re.findall(r"^(?:async )?function\*? (\w+)", verifier().decode(), re.MULTILINE)
    assert len(names) > 100
    assert [name for name in names if names.count(name) > 1] == []


@pytest.mark.parametrize("method", [ZIP_STORED, ZIP_DEFLATED])
def test_the_packs_in_an_audit_file_are_checked_whatever_the_file_around_them_is(
    act: Act, reader: Reader, method: int
) -> None:
    body = act.pack().body
    inside = {
        "log/range.ndjson": b"{}\n",
        "evidence/items-001.zip": body,
        "evidence/items-002.zip": body[:-1],
        "evidence/items-003.zip": bytes(LONGER_THAN_A_PACK if method == ZIP_DEFLATED else 9),
    }
    reader.trusts_everything()
    found = {one["pack"]: one for one in reader.finds(4, {"audit": _zip(inside, method)})}
    assert told_by_page(found["audit.zip: evidence/items-001.zip"]) == told(act.check(body))
    states = {name: one["verdict"]["state"] for name, one in found.items()}
    bad = [f"audit.zip: evidence/items-00{number}.zip" for number in (2, 3)]
    good = {"audit.zip: evidence/items-001.zip": "verified"}
    assert states == good | dict.fromkeys(["audit.zip", *bad], "failed")
    assert found["audit.zip"]["ok"] is False
    summary = reader.page.locator("#summary").inner_text()
    without = "NOT verified. Failed: The manifest can be read"
    assert (
        summary == f"Audit file audit.zip: {without}. 2 packs of 3 NOT verified: {', '.join(bad)}."
    )
    (alone,) = reader.drops(audit=_zip({"log/range.ndjson": b""}))
    assert reader.page.locator("#summary").inner_text() == f"Audit file audit.zip: {without}."
    assert alone["verdict"]["reasons"] == ["It holds no evidence pack."]


def test_what_the_packs_of_an_audit_file_unpack_to_is_bounded(act: Act, reader: Reader) -> None:
    inside = {f"evidence/items-00{n}.zip": bytes(LONGER_THAN_A_PACK) for n in range(1, 5)}
    inside["evidence/items-005.zip"] = act.pack().body
    reader.trusts_everything()
    found = reader.finds(6, {"audit": _zip(inside, ZIP_DEFLATED)})
    assert [one["verdict"]["state"] for one in found[1:]] == ["failed"] * 5


@pytest.mark.parametrize("brought", ["nothing", "the log's key", "another issuer's keys"])
def test_both_say_alike_what_they_cannot_check(act: Act, reader: Reader, brought: str) -> None:
    body = act.pack().body
    mine: dict[str, Any] = {"passkeys": {}}
    if brought == "nothing":
        mine["policy"] = None
    else:
        reader.trusts(logs=proofs_and_tiles.vkey())
    if brought == "another issuer's keys":
        forged = {"https://elsewhere.example/": jwks()}
        reader.trusts(issuer=json.dumps(forged))
        mine["issuer_keys"] = forged
    else:
        mine["issuer_keys"] = {}
    (found,) = reader.drops(pack=body)
    roots = act.roots(**{key: value for key, value in mine.items() if key != "policy"})
    if brought == "nothing":
        roots = pack_check.Roots(type(roots.policy)((), {}, {}, roots.policy.quorum))
    assert told_by_page(found) == told(pack_check.check(body, roots))
    assert reader.page.get_by_text("not checked here").count() > 1
    if brought == "the log's key":
        assert (
            "1 pack of 1 log entries verified, person NOT proven"
            in reader.page.locator("#summary").inner_text()
        )
        assert reader.page.get_by_text("✓ Verified").count() == 0
        assert reader.page.get_by_text("As the pack itself claims").count() == 3
        shots(reader.page, "verifier-claims")


@pytest.mark.skipif(not authority.is_here(), reason="openssl is not installed")
def test_a_time_token_is_named_and_left_to_the_command_line(
    act: Act, reader: Reader, tmp_path: Path, settings: Any
) -> None:
    witnessed(tmp_path, settings)
    timed(tmp_path, settings)
    body = act.pack().body
    reader.trusts_everything()
    (found,) = reader.drops(timed=body)
    assert found["ok"] and told_by_page(found) == told(act.check(body))
    assert f"{pack_check.TIME_CHECK}: not checked here." in found["not_proven"]


def test_a_key_that_cannot_be_read_is_said_and_trusted_for_nothing(
    act: Act, reader: Reader
) -> None:
    reader.trusts(logs="nonsense", issuer="[", passkeys='{"schema":"other"}')
    (found,) = reader.drops(pack=act.pack().body)
    assert not found["ok"]
    assert reader.page.get_by_text("Cannot be used:").count() == 3


def test_a_keyboard_is_enough(act: Act, reader: Reader) -> None:
    page = reader.page
    order = []
    for _ in range(7):
        page.keyboard.press("Tab")
        order.append(
            page.evaluate("document.activeElement.id || document.activeElement.dataset.for")
        )
    assert order == ["logs", "logs", "issuer", "issuer", "passkeys", "passkeys", "packs"]


def test_it_is_the_very_file_that_lies_in_every_pack(act: Act) -> None:
    assert members_of(act.pack().body)["verify.html"] == verifier()
    assert verifier.__wrapped__() == verifier()


def test_the_page_runs_nothing_that_was_added_to_it(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "bent.html"
    bad = b"<script>document.title = 'taken over'</script><img src=https://example.com/x.png>"
    path.write_bytes(verifier().replace(b"<main>", b"<main>" + bad, 1))
    made = person(browser, "reader")
    made.page.goto(path.as_uri())
    assert made.page.title() == "Check an evidence pack · Auth0-ATA"
    assert any("Content Security Policy" in one for one in made.complaints)
    made.context.close()

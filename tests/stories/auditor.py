"""Story 1. An auditor sees who decided, exports it, and checks a proof without us."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.stories.house import House
from tests.support.chrome import shots

DECISIONS = re.compile(r"^(?:All|[\d,]+ of) [\d,]+ decisions made here names? a verified person\b")
EVENTS = "#rows .row-link"
"""One link an event; the other rows of the table are headings of days."""


def test_the_first_screen_says_how_many_decisions_name_a_human(house: House) -> None:
    page = house.visit("auditor").page
    said = page.locator("main h1")
    expect(said).to_have_text(DECISIONS)
    shots(page, "1-auditor-home")
    nameless = page.get_by_role("link", name=re.compile("^View the .* without a verified person$"))
    rest = nameless.inner_text().split()[2]  # what gateways decided before is imported
    nameless.click()
    expect(page).to_have_url(re.compile(r"/audit/\?.*human=H0"))
    expect(page.locator("main h1")).to_contain_text(f"{rest} of ")


def test_a_filter_lives_in_the_address_and_opens_an_event(house: House) -> None:
    page = house.visit("auditor", "/audit/").page
    bar = page.get_by_role("combobox", name="Filter")
    bar.fill("action:approval.approved human:H2")
    bar.press("Enter")
    expect(page).to_have_url(re.compile(r"action=approval.approved"))
    expect(page).to_have_url(re.compile(r"human=H2"))
    address = page.url
    rows = page.locator(EVENTS)
    expect(rows.first).to_be_visible()
    shots(page, "1-auditor-trail")
    again = page.context.new_page()
    again.goto(address)
    expect(again.locator(EVENTS)).to_have_count(rows.count())
    again.close()

    rows.first.click()
    drawer = page.locator("#drawer h2")
    expect(drawer).to_be_visible()
    sentence = drawer.inner_text()
    shots(page, "1-auditor-drawer")
    page.get_by_role("link", name="Open the exhibit").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(sentence)
    expect(page.get_by_text("not proven", exact=False).first).to_be_visible()
    shots(page, "1-auditor-exhibit")


def test_an_unknown_filter_names_the_nearest_one(house: House) -> None:
    page = house.visit("auditor", "/audit/").page
    page.goto(house.url("/audit/?outcom=denied"))
    expect(page.get_by_role("alert").first).to_contain_text("outcome")


def test_what_is_filtered_is_what_is_exported(house: House) -> None:
    page = house.visit("auditor", "/audit/?action=approval.denied").page
    rows = page.locator(EVENTS).count()
    assert rows
    for format in ("csv", "ndjson"):
        page.goto(house.url("/audit/?action=approval.denied"))
        page.get_by_role("link", name="Export…").click()
        page.locator(f"input[name=format][value={format}]").check()
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Download now").click()
        path = house.homes / f"export.{format}"
        waiting.value.save_as(path)
        text = path.read_text()
        actions = (
            [row["action"] for row in csv.DictReader(io.StringIO(text))]
            if format == "csv"
            else [json.loads(line)["action"] for line in text.splitlines()]
        )
        assert actions == ["approval.denied"] * rows


def test_a_proof_is_checked_offline_with_keys_of_ones_own(house: House) -> None:
    page = house.visit("auditor", "/audit/?action=approval.approved").page
    page.locator(EVENTS).first.click()
    page.get_by_role("link", name="Open the exhibit").click()
    proof = download(page, "Download proof", house.homes / "event.tlog-proof")
    entry = download(page, "Raw entry", house.homes / "event.entry")
    key = house.homes / "log.key"
    key.write_text(httpx.get(house.url("/log/key"), timeout=60).text)
    ata = house.command_line("auditor")
    checked = ata("verify", str(proof), "--entry", str(entry), "--vkey", str(key))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Log entry verified. It names no one here" in checked.stdout
    assert "Not proven" in checked.stdout

    entry.write_bytes(entry.read_bytes().replace(b'"success"', b'"failure"'))
    forged = ata("verify", str(proof), "--entry", str(entry), "--vkey", str(key))
    assert forged.returncode == 1
    assert "NOT verified" in forged.stdout


def test_an_evidence_pack_is_taken_away_and_checked_without_us(house: House) -> None:
    page = house.visit("auditor", "/audit/?action=approval.approved").page
    page.locator(EVENTS).first.click()
    page.get_by_role("link", name="Open the exhibit").click()
    pack = download(page, "Evidence pack", house.homes / "evidence.zip")
    key = house.homes / "log.key"
    key.write_text(httpx.get(house.url("/log/key"), timeout=60).text)
    ata = house.command_line("auditor")
    checked = ata("verify", str(pack), "--vkey", str(key))
    assert checked.returncode == 1, "nobody's keys but the log's were brought"
    assert "Approved:" in checked.stdout and "Person NOT proven: who" in checked.stdout
    assert "✓ Verified" not in checked.stdout

    pack.write_bytes(pack.read_bytes().replace(b"approval.approved", b"approval.APPROVED", 1))
    forged = ata("verify", str(pack), "--vkey", str(key))
    assert forged.returncode == 1 and "NOT verified" in forged.stdout


def download(page: Page, link: str, path: Path) -> Path:
    """Follow a download link and keep the file."""
    with page.expect_download() as waiting:
        page.get_by_role("link", name=link).first.click()
    waiting.value.save_as(path)
    return path


def test_verify_checks_everything_and_passes(house: House) -> None:
    page = house.visit("auditor", "/audit/ledger/").page
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("heading", name="Verified up to")).to_be_visible(timeout=60_000)
    shots(page, "1-auditor-ledger")


def test_an_auditor_changes_nothing(house: House) -> None:
    someone = house.visit("auditor", "/enforcement/")
    page = someone.page
    page.goto(house.url("/enforcement/skill/csv-cleaner/"))
    expect(page.get_by_role("heading", name="csv-cleaner")).to_be_visible()
    expect(page.locator("#decide")).to_have_count(0)
    token = page.locator("input[name=csrfmiddlewaretoken]").first.get_attribute("value") or ""
    form: dict[str, str | float | bool] = {
        "csrfmiddlewaretoken": token,
        "act": "block",
        "reason": "an auditor should not",
    }
    refused = someone.context.request.post(
        house.url("/enforcement/skill/csv-cleaner/"), form=form, headers={"Referer": page.url}
    )
    assert refused.status == 403
    assert not [s for s in house.stack.enforced("laptop-mia").values() if "should not" in s]

"""`verify.html` and the log in an audit file: that no row of the period is missing, from a disk."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from audit import clock
from audit.audit_files import zip_file
from audit.keys import log_identity
from audit.ledger.audit_file_format import audit_file_check
from audit.ledger.audit_file_format import signed_manifest as manifests
from audit.ledger.audit_file_format.audit_file_check import check
from audit.ledger.audit_file_format.zip_members import ZipMembers
from audit.ledger.note import parse_vkey
from audit.ledger.packs.pack_check import Roots
from audit.ledger.trust_policy import NONE, Policy
from audit.proofs import proofs_and_tiles
from tests.audit.factories import ADA
from tests.audit_files.audit_world import World, last_entry, packed, signed_again, unpacked
from tests.audit_files.test_a_doctored_audit_file_is_never_verified import DOCTORED
from tests.packs.verifier_in_chromium import Reader, browser, reader

__all__ = ["browser", "reader"]

pytestmark = [pytest.mark.django_db, pytest.mark.browser]
BOTH = (
    audit_file_check.MANIFEST,
    audit_file_check.SIGNED,
    audit_file_check.MEMBERS,
    audit_file_check.ENTRIES,
    audit_file_check.REACHES,
)
"""Checks that both verifiers make."""
LATER = {"sample_replaced", "policy_of_another_time", "roles_edited", "evidence_removed"}
"""What only `ata verify` finds once the owner of the key signed it."""


def found_by_page(reader: Reader, files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """Reports of the files themselves, by the name of each; the packs in them have their own."""
    packs = [
        name
        for body in files.values()
        for name in zipfile.ZipFile(io.BytesIO(body)).namelist()
        if "evidence/items-" in name
    ]
    reports = reader.finds(len(files) + len(packs), files)
    return {one["pack"].removesuffix(".zip"): one for one in reports if one.get("file")}


def states_by_python(body: bytes) -> dict[str, str]:
    policy = Policy((parse_vkey(proofs_and_tiles.vkey()),), {}, {}, NONE)
    checks = check(ZipMembers(io.BytesIO(body)), Roots(policy)).checks
    return {one.name: one.state for one in checks if one.name in BOTH}


def states(report: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["state"] for one in report["checks"]}


def test_an_honest_file_shows_that_no_entry_of_its_period_is_missing(
    world: World, reader: Reader
) -> None:
    members = unpacked(world.file())
    junk = {"__MACOSX/audit 2026/._README.txt": b"x", "audit 2026/.DS_Store": b"y"}
    again = {f"audit 2026/{name}": body for name, body in reversed(members.items())}
    reader.trusts_everything()
    files = {"a": world.file(), "b": packed(again | junk, zipfile.ZIP_STORED)}
    for report in found_by_page(reader, files).values():
        assert states(report) == dict.fromkeys(BOTH, "ok")
        assert report["verdict"]["state"] == "apart" and report["ok"] is False
        words = report["verdict"]["words"]
        assert words.startswith("No entry is missing that the log recorded from "), words
        assert f" to before {world.period.end:%Y-%m-%d %H:%M:%S} UTC. " in words, words
        assert words.endswith("What the file concludes from them is NOT checked here.")
        assert any(one.startswith("That the portal's clock was") for one in report["not_proven"])


def test_a_period_that_ends_after_the_signed_log_is_not_shown_to_be_whole(
    world: World, reader: Reader
) -> None:
    body = world.file(period=world.unfinished_period)
    reader.trusts_everything()
    report = found_by_page(reader, {"a": body})["a"]
    assert "That no row is missing is NOT proven" in report["verdict"]["words"]
    assert "No entry is missing" not in json.dumps(report)
    last = f"{last_entry(unpacked(body))}, the last one of the signed tree"
    assert report["not_proven"][0].startswith(f"That no row of the period is missing after {last}")


def test_a_file_without_the_other_entries_does_not_show_that(world: World, reader: Reader) -> None:
    reader.trusts_everything()
    report = found_by_page(reader, {"a": world.file(complete=False)})["a"]
    assert "That no row is missing is NOT proven" in report["verdict"]["words"]
    assert report["not_proven"][0] == "That no row of the period is missing."


def test_without_a_key_from_elsewhere_nothing_is_verified(world: World, reader: Reader) -> None:
    report = found_by_page(reader, {"a": world.file()})["a"]
    assert report["verdict"]["state"] == "unsigned"
    assert set(states(report).values()) == {"ok", "unchecked"}


def test_both_verifiers_find_the_same_in_a_doctored_file(world: World, reader: Reader) -> None:
    members = unpacked(world.file())
    files = {name: packed(doctor(members)) for name, doctor in DOCTORED.items()}
    signed = {
        f"signed {name}": packed(signed_again(doctor(members)))
        for name, doctor in DOCTORED.items()
        if name not in LATER | {"keys_of_another_log", "keys_replaced", "evidence_removed"}
    }
    for name, start, end in (("late", 9, 0), ("short", 0, -3)):
        scope = world.scope()
        scope.__dict__["range"] = (start, scope.range[1] + end)
        zip_file.write(ADA, scope, clock.now(), into := io.BytesIO())
        signed[name] = into.getvalue()
    reader.trusts_everything()
    for name, report in found_by_page(reader, files | signed).items():
        body = (files | signed)[name]
        assert states(report) == states_by_python(body), name
        held = "failed" not in states(report).values()
        assert (report["verdict"]["state"] == "failed") is not held, name
        assert held == (name in {"signed verifier_swapped", "signed manifest_edited"}), name


def test_an_archive_that_can_be_read_in_two_ways_is_refused(world: World, reader: Reader) -> None:
    members = unpacked(world.file())
    twice = io.BytesIO(packed(members))
    with zipfile.ZipFile(twice, "a") as archive:
        archive.writestr("Manifest.json", members[manifests.MANIFEST])
    behind = packed({"note.txt": b"x"}) + packed(members)
    reader.trusts_everything()
    (alone,) = found_by_page(reader, {"twice": twice.getvalue()}).values()
    assert alone["verdict"]["state"] == "failed"
    assert "is in it twice" in json.dumps(alone["checks"])
    (other,) = reader.drops(behind=behind)
    assert other["verdict"]["state"] == "failed"


def test_a_range_that_is_too_long_for_a_browser_is_left_to_ata(
    world: World, reader: Reader
) -> None:
    members = unpacked(world.file())
    said = json.loads(members[manifests.MANIFEST])
    for one in said["members"]:
        one["bytes"] = 200 * 1024 * 1024 if one["name"] == manifests.RANGE else one["bytes"]
    body = manifests.write(
        {k: v for k, v in said.items() if k not in ("schema", "members")}, said["members"]
    )
    note = manifests.sign(body, log_identity.origin(), log_identity.seed())
    huge = members | {manifests.MANIFEST: body, manifests.SIGNATURE: note}
    reader.trusts_everything()
    report = found_by_page(reader, {"a": packed(huge)})["a"]
    assert report["verdict"]["words"] == "This audit file itself is NOT checked here."
    assert "use `ata verify`" in json.dumps(report["checks"])


@pytest.mark.parametrize("what", ["note", "period"])
def test_a_file_that_breaks_the_check_leaves_no_earlier_report_standing(
    world: World, reader: Reader, what: str
) -> None:
    members = unpacked(world.file())
    if what == "note":
        broken = members | {manifests.SIGNATURE: b"\xff\xfe"}
    else:
        broken = signed_again(
            members, lambda one: one["period"].update(after=["2020-01-01T00:00:00.000000Z"])
        )
    reader.trusts_everything()
    (good,) = found_by_page(reader, {"a": packed(members)}).values()
    assert good["verdict"]["state"] == "apart"
    (bad,) = found_by_page(reader, {"a": packed(broken)}).values()
    assert bad["verdict"]["state"] == "failed"
    assert "No entry is missing" not in reader.page.locator("#summary").inner_text()


def test_packs_that_the_manifest_does_not_name_are_not_counted(
    world: World, reader: Reader
) -> None:
    members = unpacked(world.file())
    pack = next(body for name, body in members.items() if "evidence/items-" in name)
    more = {"evidence/items-998.zip": pack, "__MACOSX/evidence/items-001.zip": pack}
    reader.trusts_everything()
    packs = [name for name in members if "evidence/items-" in name]
    reports = reader.finds(1 + len(packs), {"a": packed(more | members)})
    (file,) = (one for one in reports if one.get("file"))
    said = "1 other archive in it is not in its manifest, and not checked."
    assert said in file["verdict"]["reasons"]

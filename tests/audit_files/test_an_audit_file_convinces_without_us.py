"""The ZIP of an audit, checked by somebody who has it and a key from elsewhere."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import timedelta

import pytest

from audit import clock
from audit.audit_files import audit_scope, zip_file
from audit.coverage import Period
from audit.ledger import note
from audit.ledger.audit_file_format import signed_manifest as manifests
from audit.packs.verify_html import verifier
from audit.proofs import proofs_and_tiles
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.ata.ata_process import Ata
from tests.audit.factories import ADA, MIA, OLU
from tests.audit_files.audit_world import World, last_entry, packed, record_at, unpacked

pytestmark = pytest.mark.django_db


def fingerprint() -> str:
    """Of the log's key, as the Ledger page shows it."""
    return hashlib.sha256(note.parse_vkey(proofs_and_tiles.vkey()).public_key).hexdigest()


def test_an_honest_file_is_verified_with_a_key_from_elsewhere(world: World, ata: Ata) -> None:
    result = ata.here("verify", world.save(world.file()), *world.keys())
    assert (result.exit_code, "✓ Verified: nothing in it was changed" in result.output) == (0, True)
    assert "✗" not in result.output
    assert "That the portal's clock was right" in " ".join(result.output.split())


def test_no_row_is_claimed_to_be_there_where_the_period_ends_after_the_last_signed_entry(
    world: World, ata: Ata
) -> None:
    body = world.file(period=world.unfinished_period)
    members = unpacked(body)
    last = last_entry(members)
    result = ata.here("verify", world.save(body), *world.keys())
    assert (result.exit_code, "✓ Verified" in result.output) == (1, False), result.output
    assert (
        "That no row is missing is NOT proven: the period ends after the last entry"
        in result.output
    )
    assert f"is missing after {last}, the last one of the signed tree" in result.output
    assert f"the period up to {last.split(',')[0]}, the last" in members["README.txt"].decode()
    assert "ends after all that was recorded in the period" not in result.output


def test_an_older_tree_does_not_hide_what_was_recorded_after_it(world: World, ata: Ata) -> None:
    """The owner of the log's key can sign a file of any tree that the log ever had."""
    old = world.scope().tree.size
    record_at(world.unfinished_period.end - timedelta(hours=1))
    newest = world.file(period=world.unfinished_period)
    assert json.loads(unpacked(newest)[manifests.MANIFEST])["range"]["end"] == old + 1
    body = world.file(period=world.unfinished_period, tree=old)
    result = ata.here("verify", world.save(body), *world.keys())
    assert (result.exit_code, "✓ Verified" in result.output) == (1, False), result.output


def test_a_period_after_the_whole_log_is_not_verified(world: World, ata: Ata) -> None:
    now = clock.now()
    scope = world.scope(period=Period(now + timedelta(days=5), now + timedelta(days=15)))
    scope.__dict__["range"] = (scope.tree.size - 2, scope.tree.size)
    zip_file.write(ADA, scope, clock.now(), into := io.BytesIO())
    result = ata.here("verify", world.save(into.getvalue()), *world.keys())
    assert (result.exit_code, "✓ Verified" in result.output) == (1, False), result.output


def test_a_period_that_ended_before_the_last_signed_entry_is_covered_whole(
    world: World, ata: Ata
) -> None:
    body = world.file()
    output = ata.here("verify", world.save(body), *world.keys()).output
    assert "no row of the period is missing, and" in output
    assert "ends after all that was recorded in the period" in output
    assert "all entries of the period;" in unpacked(body)["README.txt"].decode()


def test_a_period_that_begins_within_a_day_is_not_called_by_the_day(world: World, ata: Ata) -> None:
    begins = world.period.start + timedelta(hours=15, minutes=50, seconds=5)
    body = world.file(period=replace(world.period, start=begins))
    said = f"{begins:%Y-%m-%d %H:%M:%S} UTC to before {world.period.end:%Y-%m-%d}"
    assert said in ata.here("verify", world.save(body), *world.keys()).output
    assert said in unpacked(body)["README.txt"].decode()


def test_without_a_key_from_elsewhere_it_is_only_consistent_with_itself(
    world: World, ata: Ata
) -> None:
    result = ata.here("verify", world.save(world.file()))
    assert result.exit_code == 1
    assert "Consistent with itself, NOT verified" in result.output
    assert "✓ Verified" not in result.output


def test_a_fingerprint_from_elsewhere_is_enough(world: World, ata: Ata) -> None:
    path, others = world.save(world.file()), world.keys()[2:]
    spaced = ":".join(fingerprint()[at : at + 2] for at in range(0, 64, 2)).upper()
    for text in (fingerprint(), f"SHA256:{spaced}"):
        result = ata.here("verify", path, *others, "--fingerprint", text)
        assert (result.exit_code, "✓ Verified" in result.output) == (0, True), result.output
    wrong = ata.here("verify", path, *others, "--fingerprint", "00" * 32)
    assert wrong.exit_code == 1
    assert "No key in the file has the fingerprint" in wrong.output, wrong.output
    assert "✓ Verified" not in wrong.output
    for options in (["--fingerprint", "1234"], ["--fingerprint", fingerprint(), *world.keys()]):
        assert ata.here("verify", path, *options).exit_code == 2


def test_a_file_that_was_packed_again_is_still_verified(world: World, ata: Ata) -> None:
    members = dict(reversed(unpacked(world.file()).items()))
    in_a_folder = {f"audit 2026/{name}": body for name, body in members.items()}
    junk = {"__MACOSX/audit 2026/._README.txt": b"x", "audit 2026/.DS_Store": b"y"}
    for again in (
        packed(members, zipfile.ZIP_STORED),
        packed(in_a_folder | junk),
    ):
        result = ata.here("verify", world.save(again), *world.keys())
        assert (result.exit_code, "Not checked" in result.output) == (0, False), result.output


def test_a_file_that_the_manifest_does_not_name_is_said(world: World, ata: Ata) -> None:
    members = unpacked(world.file()) | {"evidence/confession.pdf": b"%PDF"}
    result = ata.here("verify", world.save(packed(members)), *world.keys(), "--json")
    document = json.loads(result.output.splitlines()[-1])
    assert document["not_in_the_manifest"] == ["evidence/confession.pdf"]
    said = ata.here("verify", world.save(packed(members)), *world.keys()).output
    assert "Not checked, no check reads these files:" in said
    assert "evidence/confession.pdf" in said


def test_who_leaves_the_other_entries_out_is_not_told_that_no_row_is_missing(
    world: World, ata: Ata
) -> None:
    body = world.file(complete=False)
    result = ata.here("verify", world.save(body), *world.keys())
    assert result.exit_code == 1
    assert "That no row is missing is NOT proven." in result.output
    assert "✓ Verified" not in result.output and "✗" not in result.output
    lines = unpacked(body)[manifests.RANGE].splitlines()[1:]
    assert b"audit.viewed" not in b"".join(lines), "nothing of an entry that is in no population"
    assert any(line.startswith(b'{"index":0,"leaf":') for line in lines)


def test_it_has_values_of_the_rows_in_it_and_of_nobody_else(world: World) -> None:
    record(MIA, "audit.viewed", reason="a private reason")
    sequencer.run_once()
    body = world.file()
    members = unpacked(body)
    everything = b"".join(members.values())
    assert OLU.name.encode() in everything
    for value in (MIA.name, MIA.email, MIA.sub, "a private reason", ADA.email):
        assert value.encode() not in everything, value
    sealed = [
        json.loads(line)
        for line in members[manifests.RANGE].splitlines()[1:]
        if b"audit.viewed" in line
    ]
    assert sealed and all(not one["openings"] for one in sealed)


def test_a_row_of_a_population_is_found_by_its_requirement(world: World) -> None:
    manifest = json.loads(unpacked(world.file())[manifests.MANIFEST])
    rows = {one["id"]: one["rows"] for one in manifest["tables"]}
    assert rows["exceptions"] == 1 and rows["policies"] == 1 and rows["sign-ins"] == 1
    assert all(one["sample"] for one in manifest["tables"] if one["kind"] == "requirement")
    assert [one["index"] is None for one in manifest["policies"]] == [True, False]


def test_a_seed_that_was_agreed_before_draws_the_sample(world: World, ata: Ata) -> None:
    one = world.file(seed="FY26, test 4", sample_size=2)
    drawn = [body for name, body in unpacked(one).items() if name.startswith("samples/")]
    assert drawn and all(json.loads(body)["seed"] == "FY26, test 4" for body in drawn)
    assert max(len(json.loads(body)["indices"]) for body in drawn) == 2
    result = ata.here("verify", world.save(one), *world.keys())
    assert (result.exit_code, "by the seed that someone chose" in result.output) == (0, True)


def test_the_same_tree_gives_the_same_file(world: World) -> None:
    assert world.file() == world.file()


def test_the_readme_says_how_to_check_and_names_the_verifier(world: World) -> None:
    members = unpacked(world.file())
    text = members[manifests.README].decode()
    assert hashlib.sha256(verifier()).hexdigest() in text
    assert members[manifests.VERIFIER] == verifier()
    assert "ata verify FILE.zip --vkey log.key" in text


def test_a_period_of_nothing_and_a_tree_that_was_never_signed_are_refused(world: World) -> None:
    empty = replace(world.period, start=world.period.start.replace(year=2031))
    empty = replace(empty, end=world.period.end.replace(year=2032))
    with pytest.raises(audit_scope.NotPossible, match="No signed event"):
        zip_file.write(ADA, world.scope(period=empty), clock.now(), io.BytesIO())
    for bad in ({"tree": 9_999}, {"sample_size": 0}, {"sample_size": 61}):
        with pytest.raises(audit_scope.NotPossible):
            world.scope(**bad)
    with pytest.raises(audit_scope.NotPossible):
        audit_scope.scope("no-such-framework", world.period)

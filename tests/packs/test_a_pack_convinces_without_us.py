"""A pack holds all that proves an act, and a verifier with keys of their own is convinced."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from uuid import UUID
from zipfile import ZIP_STORED, ZipFile

import pytest

from audit import clock, packs
from audit.ledger import note
from audit.ledger.packs import archive as pack_files
from audit.ledger.packs import pack_check
from audit.ledger.packs.missing_values import VALUES_CHECK
from audit.ledger.packs.pack_check_result import EventReport
from audit.ledger.query import EventQuery
from audit.ledger.trust_policy import NONE, Policy
from audit.models import Openings
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.ata.ata_process import Ata
from tests.audit.factories import OLU
from tests.packs.act import BEN, LATER, Act, directory, jwks, token
from tests.support.erasing import erase_person

pytestmark = pytest.mark.django_db


def states(event: EventReport) -> dict[str, str]:
    return {check.name: check.state for check in event.checks}


def test_every_check_of_a_good_pack_holds_and_the_person_is_proven_twice(act: Act) -> None:
    report = act.check(act.pack().body)
    assert report.intact, report.to_dict()
    assert [event.human.code for event in report.events] == ["H1", "H3", "H3"]
    assert all(event.log.code == "L1" for event in report.events)
    assert all(check.state == "ok" for check in report.checks)
    blocked = dict(report.events[-1].said)
    assert blocked["Who"].startswith("Olu Operator (auth0|olu at ")
    assert "skill.blocked on skill pdf-exfil at edge-1" in blocked["What"]
    assert blocked["Approved"].startswith("According to the record, Ben Backup (auth0|ben at ")
    assert (
        " signed that Ben Backup (auth0|ben) accepted exactly this request" in blocked["Approved"]
    )
    assert "passkey" in blocked["Approved"]


def test_an_ordinary_zip_program_opens_it(act: Act) -> None:
    with ZipFile(BytesIO(act.pack().body)) as opened:
        assert opened.testzip() is None
        members = opened.infolist()
    names = [member.filename for member in members]
    assert names[:5] == [
        "manifest.json",
        "manifest.note",
        "README.txt",
        "log/checkpoint",
        "log/vkey",
    ]
    assert names[-2:] == ["passkeys.json", "verify.html"]
    assert {member.compress_type for member in members} == {ZIP_STORED}
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_content_gives_the_same_bytes(act: Act) -> None:
    now = clock.now()
    assert act.pack(now=now).body == act.pack(now=now + LATER).body


def test_any_event_of_the_act_gives_the_whole_act(act: Act) -> None:
    for event in (act.requested, act.approved, act.blocked):
        assert act.pack(about=event).indices == (1, 2, 3)


def test_a_filter_gives_its_events_and_no_others(act: Act) -> None:
    selection = packs.of_query(EventQuery.from_bar("action:operator.*"))
    built = packs.build(selection, clock.now(), lambda item: True)
    assert built.indices == (0, 4)
    assert act.check(built.body).intact


def test_keys_that_came_in_the_pack_raise_nothing_and_their_claim_is_said(act: Act) -> None:
    report = act.check(act.pack().body, issuer_keys={}, passkeys={})
    assert report.intact
    last = report.events[-1]
    assert last.human.code == "H0"
    assert last.claimed is not None and last.claimed.code == "H3"
    assert states(last)["The issuer signed the sign-in"] == "unchecked"
    assert any("portal's own claim" in limit for limit in report.not_proven)


def test_without_a_trusted_log_key_nothing_counts_as_verified(act: Act) -> None:
    body = act.pack().body
    nobody = pack_check.Roots(Policy((), {}, {}, NONE))
    report = pack_check.check(body, nobody)
    assert not report.intact
    assert {check.state for check in report.checks} == {"ok", "unchecked"}
    claimed = map(note.parse_vkey, pack_files.read(body).members["log/vkey"].decode().split())
    assert pack_check.check(body, pack_check.Roots(Policy(tuple(claimed), {}, {}, NONE))).intact


def test_a_token_that_still_opens_something_stays_inside(act: Act) -> None:
    from audit.recording.record import record
    from audit.sequencing import sequencer
    from tests.packs.act import keep

    fresh = keep("id_token", token(seconds_left=600), OLU)
    event = record(OLU, "operator.signed_in", evidence=[fresh]).id
    sequencer.run_once()
    held = act.pack(about=event)
    assert held.bodies == ()
    report = act.check(held.body)
    assert report.intact and report.events[0].human.code == "H0"
    assert any("the token is released after" in limit for limit in report.not_proven)
    later = act.pack(about=event, now=clock.now() + LATER)
    assert later.bodies == (("id_token", fresh.digest),)
    assert act.check(later.body).events[0].human.code == "H1"


def test_what_was_erased_is_not_in_it_and_the_rest_still_holds(
    act: Act, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        erase_person(BEN.key)
    built = act.pack()
    assert b"auth0|ben" not in built.body and b"Ben Backup" not in built.body
    assert [kind for kind, _ in built.bodies] == ["id_token"]
    report = act.check(built.body)
    assert report.intact, report.to_dict()
    assert any("its person has been erased" in limit for limit in report.not_proven)
    assert report.events[-1].human.code == "H1"


def test_who_may_not_read_bodies_gets_a_pack_without_them(act: Act) -> None:
    selection = packs.Selection((act.blocked,))
    built = packs.build(selection, clock.now(), lambda item: item.subject == OLU.key)
    assert [kind for kind, _ in built.bodies] == ["id_token"]
    report = act.check(built.body)
    assert report.intact and report.events[0].human.code == "H1"
    assert any("whoever made the pack may not read it" in limit for limit in report.not_proven)


def test_a_value_that_looks_like_a_secret_stays_inside(act: Act) -> None:
    event = record(OLU, "operator.signed_in", reason="used ghp_" + "a" * 36).id
    sequencer.run_once()
    built = act.pack(about=event)
    assert b"ghp_" not in built.body
    report = act.check(built.body)
    assert report.intact
    assert any("something like a secret" in limit for limit in report.not_proven)


def full_of_secrets(keys: int) -> UUID:
    """An event with so many values that look like secrets."""
    secrets = {f"key{n}": "ghp_" + "a" * 36 for n in range(keys)}
    id = record(OLU, "operator.signed_in", private=secrets).id
    sequencer.run_once()
    return id


def test_of_many_values_that_stay_inside_a_pack_says_how_many(act: Act) -> None:
    built = act.pack(about=full_of_secrets(400))
    manifest = json.loads(ZipFile(BytesIO(built.body)).read("manifest.json"))
    [one] = [one for one in manifest["withheld"] if one["kind"] == "values"]
    assert (one["count"], one["why"]) == (400, "secret")
    assert len(json.dumps(manifest["withheld"])) < 2_000
    report = act.check(built.body)
    assert report.intact
    assert not any(VALUES_CHECK in each for each in report.not_proven)
    said = f"400 values of entry {one['name']} are not in it: they hold something like a secret."
    assert said in report.not_proven


def test_a_count_of_values_that_stay_inside_excuses_no_more(act: Act) -> None:
    event = full_of_secrets(400)
    row = Openings.objects.filter(event=event).exclude(values={}).latest("pk")
    body = act.pack(about=event).body
    values = dict(row.values)
    for path in [path for path in values if path.startswith("private.")][:3]:
        del values[path]
    Openings.objects.filter(pk=row.pk).update(values=values)
    again = act.pack(about=event).body
    assert body != again
    missing = [c for one in act.check(again).events for c in one.checks if c.name == VALUES_CHECK]
    assert [one.state for one in missing] == ["unchecked"] and "3 values missing" in missing[
        0
    ].detail


def test_a_report_names_some_of_what_is_not_in_a_pack_and_counts_the_rest(act: Act) -> None:
    made = [full_of_secrets(15) for _ in range(6)]
    built = packs.build(packs.Selection(tuple(made)), clock.now(), lambda item: True)
    said = act.check(built.body).not_proven
    assert sum("something like a secret" in one for one in said) == 50
    assert "40 more are not in it, as its manifest names them." in said


def test_a_pack_that_no_verifier_would_read_is_not_made(
    act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack_files, "MAX_MANIFEST_BYTES", 2_000)
    with pytest.raises(packs.TooMany, match="manifest"):
        act.pack()
    monkeypatch.undo()
    monkeypatch.setattr(pack_files, "MAX_MEMBERS", 5)
    with pytest.raises(packs.TooMany, match="members"):
        act.pack()


def test_more_events_than_a_pack_holds_are_refused(act: Act) -> None:
    selection = packs.Selection(tuple([act.blocked] * (pack_files.MAX_EVENTS + 1)))
    with pytest.raises(packs.TooMany, match="at most 1,000 events"):
        packs.build(selection, clock.now(), lambda item: True)


def brought(folder: Path) -> list[str]:
    """The verifier's own trust roots as files, and the options that name them."""
    from audit.proofs import proofs_and_tiles

    files = {
        "--vkey": ("log.key", proofs_and_tiles.vkey()),
        "--issuer-keys": ("jwks.json", json.dumps(jwks())),
        "--passkeys": ("passkeys.json", json.dumps(directory())),
    }
    options = []
    for option, (name, text) in files.items():
        (folder / name).write_text(text)
        options += [option, str(folder / name)]
    return options


def test_the_command_line_says_who_what_and_when_first(act: Act, ata: Ata, tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    path.write_bytes(act.pack().body)
    done = ata("verify", str(path), *brought(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines.index("Not proven:") > next(
        at
        for at, line in enumerate(lines)
        if line.startswith("Approved: According to the record, Ben Backup")
    )
    assert "✗" not in done.stdout
    assert "Person: signed twice for this act (H3)" in done.stdout


def test_of_five_packs_the_tampered_one_is_named(act: Act, ata: Ata, tmp_path: Path) -> None:
    body = act.pack().body
    paths = [tmp_path / f"pack-{number}.zip" for number in range(1, 6)]
    for path in paths:
        path.write_bytes(body)
    at = body.index(b"skill.blocked")
    paths[2].write_bytes(body[:at] + b"s" + b"K" + body[at + 2 :])
    done = ata("verify", *map(str, paths), *brought(tmp_path), "--json")
    assert done.returncode == 1
    *reports, overall = [json.loads(line) for line in done.stdout.splitlines()]
    assert overall == {"ok": False, "parts": 5, "not_verified": [str(paths[2])]}
    assert [report["ok"] for report in reports] == [True, True, False, True, True]
    failed = [check for check in reports[2]["checks"] if check["state"] == "failed"]
    assert [check["name"] for check in failed] == [pack_files.ARCHIVE_CHECK]

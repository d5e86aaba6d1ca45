"""A third party runs the filter of an export again, from the entries alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from typer.testing import CliRunner

from ata.cli import app
from audit import exports
from audit.erasure import erase_openings
from audit.exports import full_log
from audit.keys import log_identity
from audit.ledger import checkpoint, merkle, note
from audit.ledger.offline import export_check, export_manifest, log_file
from audit.ledger.offline.export_check import ExportReport
from audit.ledger.query import EventQuery
from audit.models import EventRow
from audit.proofs import proofs_and_tiles
from audit.recording.actors import Target
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.audit.browsing import browser_of, text_of
from tests.audit.calling import actor_of, caller
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.support.erasing import erase_person
from tests.support.recording import record_many
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db
ROWS = "No row is missing, added or altered"
WORDS = "The words of the manifest are those of its filter"


@dataclass(frozen=True, slots=True)
class Files:
    """What a third party holds."""

    manifest: dict[str, Any]
    file: bytes
    entries: tuple[bytes, ...]
    vkey: str

    def check(self, **bent: Any) -> ExportReport:
        one = replace(self, **bent)
        return export_check.check(one.manifest, one.file, one.entries, [one.vkey])

    def signed_again(self, file: bytes, **members: Any) -> Files:
        """As the owner of the log key would sign it, digest and all."""
        manifest = json.loads(json.dumps(self.manifest)) | members
        manifest["file"] |= {"bytes": len(file), "sha256": hashlib.sha256(file).hexdigest()}
        manifest["signed"] = note.sign(
            export_manifest.statement(manifest), log_identity.origin(), log_identity.seed()
        )
        return replace(self, manifest=manifest, file=file)


@pytest.fixture
def trail() -> None:
    list(record_many(DraftFactory.build(action="skill.blocked") for _ in range(6)))
    record(
        OLU,
        "skill.blocked",
        target=Target("skill", "pdf-exfil", "edge-1"),
        reason="=SUM(A1)",
        private={"note": "export TOKEN=ghp_0123456789abcdefghijABCDEFGHIJ"},
    )
    list(record_many(DraftFactory.build(action="token.refused", actor=MIA) for _ in range(5)))
    sequencer.run_once()


def taken(query: str = "", format: str = "ndjson", person: str = "", who: Any = ADA) -> Files:
    job = exports.request(who, EventQuery.from_bar(query), format, person=person)
    body = b"".join(exports.stream(job.id))
    job.refresh_from_db()
    pieces = b"".join(full_log.hand_out(ADA, full_log.checkpoint_of(job.tree_size)))
    entries = tuple(pieces.splitlines(keepends=True))
    return Files(exports.manifest_of(job), body, entries, proofs_and_tiles.vkey())


@pytest.mark.parametrize("format", ["ndjson", "csv", "ocsf"])
@pytest.mark.parametrize(
    "query",
    ["", "action:token.*", "-action:token.*", "order:oldest", f"actor:{MIA.email}", "q:pdf",
     "target:pdf-exfil", "severity:HIGH", "action:evidence.*"],
)  # fmt: skip
def test_an_honest_export_is_shown_to_be_whole(trail: None, query: str, format: str) -> None:
    report = taken(query, format).check()
    assert report.ok, report.steps
    assert report.steps[-1].name == ROWS and not report.undecided


@pytest.mark.parametrize("format", ["ndjson", "csv", "ocsf"])
def test_members_of_a_value_are_in_no_order(format: str) -> None:
    asked = {"iss": MIA.iss, "sub": MIA.sub, "name": MIA.name}  # not as an entry sorts them
    record(OLU, "approval.requested", data={"verb": "x", "ask": 1}, private={"asked": asked})
    sequencer.run_once()
    files = taken("action:approval.requested", format)
    assert (report := files.check()).ok, report.steps
    if format == "csv":  # files of before: members in the order of the database
        swapped = files.file.replace(_cell({"ask": 1}) + b",", b"").replace(
            _cell({"verb": "x"}), _cell({"verb": "x"}) + b"," + _cell({"ask": 1})
        )
        assert swapped != files.file
        assert (report := files.signed_again(swapped).check()).ok, report.steps
        bent = swapped.replace(_cell({"ask": 1}), _cell({"ask": 2}))
        assert "another data" in files.signed_again(bent).check().steps[-1].detail


def _cell(members: dict[str, Any]) -> bytes:
    """Members as they stand in a cell, without the braces around them."""
    return json.dumps(members, separators=(",", ":"))[1:-1].replace('"', '""').encode()


def lines_of(body: bytes) -> list[bytes]:
    return body.splitlines(keepends=True)


BENDS: dict[str, tuple[Callable[[list[bytes]], Iterable[bytes]], str]] = {
    "a row is left out": (lambda rows: [*rows[:2], *rows[3:]], "missing in the file"),
    "a row of another kind is added": (lambda rows: rows, "does not match the filter"),
    "a value is another": (
        lambda rows: [rows[0].replace(b'"via":"', b'"via":"x'), *rows[1:]],
        "another via",
    ),
    "a row stands twice": (lambda rows: [rows[0], *rows], "twice"),
    "the order is another": (
        lambda rows: [rows[1], rows[0], *rows[2:]],
        "not in the order that the filter names",
    ),
    "a row of no entry is added": (
        lambda rows: [rows[0].replace(b'"index":11', b'"index":99'), *rows],
        "no such entry",
    ),
}


@pytest.mark.parametrize("bend", BENDS)
def test_whoever_holds_the_log_key_cannot_leave_out_add_or_alter_a_row(
    trail: None, bend: str
) -> None:
    honest = taken("action:token.*")
    change, said = BENDS[bend]
    rows = lines_of(honest.file)
    if "another kind" in bend:
        rows = [*rows, lines_of(taken("action:skill.*").file)[0]]
    report = honest.signed_again(b"".join(change(rows))).check()
    assert not report.ok
    assert report.steps[-1].name == ROWS and said in report.steps[-1].detail, report.steps[-1]


def test_a_bent_cell_of_a_table_is_named_and_a_formula_is_no_difference(trail: None) -> None:
    honest = taken("target:pdf-exfil", "csv")
    assert b"'=SUM(A1)" in honest.file and honest.check().ok
    bent = honest.signed_again(honest.file.replace(b"pdf-exfil", b"pdf-other"))
    assert "entry 6 stands in the file with another" in bent.check().steps[-1].detail


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b'"via":"', b'"via":"x', "another via"),
        (b'"uid":"auth0|', b'"uid":"auth0|x', "another actor"),
        (b'"severity_id":4', b'"severity_id":1', "another severity_id"),
        (b'"unmapped":{"ata":{', b'"unmapped":{"more":1,"ata":{', "another unmapped"),
        (b'"actor":{', b'"actor":1,"was":{', "cannot be read"),
    ],
)
def test_an_ocsf_row_is_held_to_its_entry_inside_and_around(
    trail: None, before: bytes, after: bytes, said: str
) -> None:
    honest = taken("target:pdf-exfil", "ocsf")
    assert honest.check().ok and before in honest.file
    report = honest.signed_again(honest.file.replace(before, after)).check()
    assert not report.ok and said in report.steps[-1].detail, report.steps[-1]


def test_a_manifest_that_was_changed_is_refused(trail: None) -> None:
    honest = taken("action:token.*")
    for member, value in (
        ("filter", {"params": {"action": ["skill.*"]}, "words": "x", "bar": "x"}),
        ("rows", 4),
        ("only_events_of", "auth0|x"),
    ):
        report = honest.check(manifest=honest.manifest | {member: value})
        assert not report.ok and not report.steps[0].ok
    assert not honest.check(file=honest.file + b" ").steps[2].ok
    assert not honest.check(vkey=note.new_key("ledger.example/test").vkey).ok
    fewer = honest.signed_again(honest.file, rows=4).check()
    assert "says 4 rows" in fewer.steps[-1].detail


def test_words_other_than_those_of_the_parameters_are_refused_whoever_signed(trail: None) -> None:
    honest = taken("action:token.*")
    assert honest.check().ok
    everything = EventQuery()
    for filter, said in (
        (honest.manifest["filter"] | {"words": everything.in_words(), "bar": ""}, "“All events"),
        (honest.manifest["filter"] | {"words": "", "bar": ""}, "“”"),
        (honest.manifest["filter"] | {"bar": "action:skill.*"}, "“action:skill.*”"),
        (honest.manifest["filter"] | {"params": {"action": ["skill.*"]}}, "token.*"),
        (honest.manifest["filter"] | {"params": {"action": [1]}}, "cannot be read"),
        (honest.manifest["filter"] | {"params": ["action"]}, "cannot be read"),
        (honest.manifest["filter"] | {"params": {"actoin": "x"}}, "cannot be read"),
    ):
        signed = honest.signed_again(honest.file, filter=filter)
        report = signed.check()
        (step,) = (one for one in report.steps if one.name == WORDS)
        assert not report.ok and not step.ok and said in step.detail, step
        assert not export_check.check(signed.manifest, signed.file, None, [signed.vkey]).ok


def test_rows_in_another_order_than_the_filter_names_are_refused(trail: None) -> None:
    honest = taken("action:token.*")
    turned = honest.signed_again(b"".join(reversed(lines_of(honest.file)))).check()
    assert not turned.ok and "order that the filter names" in turned.steps[-1].detail


def test_an_export_of_one_persons_events_says_whose_they_are(trail: None) -> None:
    files = taken(person=MIA.key, who=MIA)
    whose = f"Only events of {MIA.sub} at {MIA.iss}: all events, newest first"
    report = files.check()
    assert report.ok and report.words == files.manifest["filter"]["words"] == whose
    assert 0 < files.manifest["rows"] < 12
    claimed = files.manifest["filter"] | {"words": "All events, newest first"}
    for members in (
        {"filter": claimed},
        {"only_events_of": ""},
        {"only_events_of": [MIA.sub]},
        {"only_events_of": OLU.sub},
        {"exporter": {"iss": "https://elsewhere.example/"}},
        {"exporter": {"iss": 1}},
    ):
        signed = files.signed_again(files.file, **members)
        assert not signed.check().ok, members
        assert not export_check.check(signed.manifest, signed.file, None, [signed.vkey]).ok, members


def test_the_command_line_and_the_page_say_whose_events_an_export_has(
    trail: None, tmp_path: Path
) -> None:
    job = exports.request(MIA, EventQuery(), "ndjson", person=MIA.key)
    (tmp_path / "f.ndjson").write_bytes(b"".join(exports.stream(job.id)))
    job.refresh_from_db()
    (tmp_path / "m.json").write_text(json.dumps(exports.manifest_of(job)))
    files = [str(tmp_path / "m.json"), str(tmp_path / "f.ndjson")]
    done = CliRunner().invoke(app, ["verify", *files, "--vkey", proofs_and_tiles.vkey()])
    whose = f"Only events of {MIA.sub} at"
    assert done.exit_code == 0 and whose in done.output, done.output
    assert whose in text_of(browser_of(ADA).get(reverse("export", args=[job.id])))


def test_entries_that_were_changed_or_left_out_are_refused(trail: None) -> None:
    honest = taken("action:token.*")
    header, *entries = honest.entries
    bent = entries[3].replace(b"skill.blocked", b"skill.allowed")
    for lines, said in (
        ([header, *entries[:3], bent, *entries[4:]], "do not have the root"),
        ([header, *entries[:3], *entries[4:]], "entry 3 is missing"),
        ([header, *entries[:-1]], "the file ends"),
        ([header, *entries, entries[-1]], "more entries"),
        (entries, "no header"),
    ):
        report = honest.check(entries=tuple(lines))
        assert not report.ok and said in report.steps[-1].detail, report.steps[-1]
    opened = json.loads(entries[6])
    opened["openings"][0]["value"] = "somebody else"
    forged = json.dumps(opened).encode() + b"\n"
    report = honest.check(entries=(header, *entries[:6], forged, *entries[7:]))
    said = report.steps[-1].detail
    assert not report.ok and said.startswith("Entry 6: ") and "does not match" in said, said


@pytest.fixture
def earlier_and_later(trail: None) -> tuple[Files, Files]:
    """Two exports; an entry that the filter does not ask for came in between."""
    earlier = taken("action:token.*")
    record(OLU, "skill.held", target=Target("skill", "late", "edge-1"))
    sequencer.run_once()
    return earlier, taken("action:token.*")


def test_an_export_holds_against_the_log_as_it_went_on(
    earlier_and_later: tuple[Files, Files],
) -> None:
    earlier, later = earlier_and_later
    report = earlier.check(entries=later.entries)
    assert report.ok and report.steps[-1].name == ROWS, report.steps
    size, there = (one.manifest["range"]["end_index"] for one in earlier_and_later)
    assert f"The first {size} entries" in report.steps[-2].detail
    assert report.steps[-2].detail.endswith(f"the log goes on to {there}.")


def test_a_log_that_ends_before_the_export_is_refused_and_says_which_one_to_get(
    earlier_and_later: tuple[Files, Files],
) -> None:
    earlier, later = earlier_and_later
    report = later.check(entries=earlier.entries)
    size = later.manifest["range"]["end_index"]
    assert not report.ok and f"`ata audit entries LOG --size {size}`" in report.steps[-1].detail


def test_a_later_log_that_was_rewritten_and_signed_again_is_refused(
    earlier_and_later: tuple[Files, Files],
) -> None:
    earlier, later = earlier_and_later
    lines = [json.loads(line) for line in later.entries[1:]]
    for place, one in enumerate(lines[1:3]):  # two entries changed places
        one["index"] = 2 - place
    lines[1], lines[2] = lines[2], lines[1]
    hashes = [merkle.leaf_hash(one["entry"].encode()) for one in lines]
    origin = log_identity.origin()
    text = checkpoint.format(origin, len(lines), merkle.root(hashes))
    signed = note.sign(text, origin, log_identity.seed())
    written = [log_file.header(origin, len(lines), signed)]
    written += [json.dumps(one).encode() + b"\n" for one in lines]
    report = earlier.check(entries=tuple(written))
    assert not report.ok and "are not those of the export" in report.steps[-1].detail


def certify(indices: list[int]) -> None:
    """What the end of an erasure leaves in the log."""
    data = {"certificate": True, "subject": MIA.key, "ranges": erase_openings.ranges(indices)}
    record(OLU, "subject.erased", target=Target("subject", MIA.key), data=data)
    sequencer.run_once()


def test_erased_and_withheld_values_are_undecided_and_named(trail: None) -> None:
    before = taken(f"actor:{MIA.email}")
    erase_person(MIA.key)
    after = taken(f"actor:{MIA.email}")
    assert after.manifest["rows"] == 0
    report = after.check()
    refused = EventRow.objects.filter(action="token.refused", seq__isnull=False)
    mias = {seq for seq in refused.values_list("seq", flat=True) if seq is not None}
    assert report.intact and set(report.undecided) == mias
    assert any("erased or withheld" in line for line in report.not_proven)
    # Nobody certified it: the values went, and the log does not say why.
    assert not report.ok
    first = min(mias)
    assert any(f"{first} (missing)" in line for line in report.not_proven)
    gone = report.to_dict()["missing_without_certificate"]
    assert {n for a, b in gone for n in range(a, b + 1)} >= mias
    certify(sorted(mias))
    report = taken(f"actor:{MIA.email}").check()
    assert report.ok and report.steps[-1].name == "No row is added or altered"
    told = EventRow.objects.get(action="subject.erased").seq
    assert any(f"{first} (erased, see {told})" in line for line in report.not_proven)
    assert report.to_dict()["erased"][0]["certificate"] == told
    # Rows from before the erasure, held to what is left of the entries: nothing is claimed.
    report = before.check(entries=after.entries[:1] + after.entries[1:])
    assert set(report.undecided) <= mias or not report.ok


def test_what_was_erased_after_an_export_excuses_no_row_that_it_lacks(trail: None) -> None:
    honest = taken(f"actor:{MIA.email}")
    none = honest.signed_again(b"", rows=0)
    assert not none.check().intact
    rows = EventRow.objects.filter(action="token.refused", seq__isnull=False)
    mias = sorted(seq for seq in rows.values_list("seq", flat=True) if seq is not None)
    erase_person(MIA.key)
    certify(mias)
    later = taken("action:token.*").entries
    report = none.check(entries=later)
    assert not report.ok and "before the export" in report.unproven[0]
    report = honest.check(entries=later)
    assert report.ok, report.steps


@pytest.mark.parametrize("why", ["missing", "withheld"])
def test_rows_whose_values_the_log_as_a_file_does_not_open_are_not_called_not_missing(
    trail: None, tmp_path: Path, why: str
) -> None:
    honest = taken(f"actor:{MIA.email}")
    first, *others = lines_of(honest.file)
    left_out = json.loads(first)["index"]
    fewer = honest.signed_again(b"".join(others), rows=len(others))
    closed = json.loads(honest.entries[1 + left_out])
    if why == "withheld":
        closed["withheld"] += [one["path"] for one in closed["openings"]]
    closed["openings"] = []
    entries = list(honest.entries)
    entries[1 + left_out] = json.dumps(closed).encode() + b"\n"
    report = fewer.check(entries=tuple(entries))
    assert report.intact and not report.ok
    assert report.steps[-1].name == "No row is added or altered"
    [said] = report.unproven
    assert said.startswith(
        f"1 entry that matches the rest of the filter is not in the file: {left_out}. Values"
    )


def test_what_looks_like_a_secret_stays_here_and_is_named(trail: None) -> None:
    files = taken("target:pdf-exfil")
    assert b"ghp_" not in b"".join(files.entries) and b"ghp_" not in files.file
    assert json.loads(files.entries[7])["withheld"] == ["private.note"]
    assert files.check().ok
    assert taken("q:nothing-like-it").check().undecided == (6,)


def test_a_member_gets_their_own_events_and_others_see_that_none_is_missing(trail: None) -> None:
    own = taken(person=MIA.key, who=MIA)
    assert own.manifest["rows"] == 5 and own.check().ok
    fewer = own.signed_again(b"".join(lines_of(own.file)[1:]), rows=4)
    assert "missing in the file" in fewer.check().steps[-1].detail


@pytest.mark.parametrize("query", ["human:H0 human:H1 human:H2 human:H3", "-human:H3"])
def test_by_level_a_row_that_is_not_there_is_never_called_not_missing(
    trail: None, query: str
) -> None:
    files = taken(query)
    report = files.check()
    assert report.ok and any("by human" in line for line in report.not_proven)
    assert report.steps[-1].name == "No row is added or altered"
    assert not files.signed_again(files.file.replace(b'"via":"', b'"via":"x', 1)).check().intact
    fewer = files.signed_again(
        b"".join(lines_of(files.file)[1:]), rows=len(lines_of(files.file)) - 1
    )
    report = fewer.check()
    assert report.intact and not report.ok
    [why] = report.unproven
    assert why.startswith("1 entry that matches the rest of the filter is not in the file: ")


def test_an_export_by_level_that_leaves_others_out_is_not_proven_to_be_whole(
    trail: None, tmp_path: Path
) -> None:
    files = taken("human:H3")
    manifest, file, entries = (tmp_path / name for name in ("m.json", "f.ndjson", "e.ndjson"))
    manifest.write_text(json.dumps(files.manifest))
    file.write_bytes(files.file)
    entries.write_bytes(b"".join(files.entries))
    done = CliRunner().invoke(
        app, ["verify", str(manifest), str(file), "--vkey", files.vkey, "--entries", str(entries)]
    )
    assert done.exit_code == 1 and "✓ Verified." not in done.output
    assert "– Nothing was changed. Which rows the file must have is NOT proven." in done.output
    assert "12 entries that match the rest of the filter are not in the file" in done.output


def test_the_command_line_checks_it_offline(trail: None, tmp_path: Path) -> None:
    files = taken("action:token.*")
    manifest, file, entries = (tmp_path / name for name in ("m.json", "f.ndjson", "e.ndjson"))
    manifest.write_text(json.dumps(files.manifest))
    file.write_bytes(files.file)
    entries.write_bytes(b"".join(files.entries))
    arguments = ["verify", str(manifest), str(file), "--vkey", files.vkey, "--json"]
    told = CliRunner().invoke(app, [*arguments, "--entries", str(entries)])
    assert told.exit_code == 0 and json.loads(told.stdout)["ok"], told.output
    without = CliRunner().invoke(app, arguments)
    assert without.exit_code == 0
    assert "give the log" in json.loads(without.stdout)["not_proven"][0]
    file.write_bytes(files.file[1:])
    assert CliRunner().invoke(app, [*arguments, "--entries", str(entries)]).exit_code == 1
    assert CliRunner().invoke(app, ["verify", str(manifest), "--vkey", files.vkey]).exit_code == 2
    refused = CliRunner().invoke(app, [*arguments, "--since", str(entries)])
    assert refused.exit_code == 2 and "--since needs the whole log" in refused.output


def test_the_whole_log_is_for_those_who_read_everything_and_each_taking_is_recorded(
    trail: None, portal_tenant: LocalTenant
) -> None:
    auditor = caller(portal_tenant, "auditor")
    answer = auditor.get("/entries")
    assert answer.status_code == 200
    body = b"".join(answer.streaming_content)
    assert len(body.splitlines()) == 13
    told = EventRow.objects.get(action="audit.exported")
    assert told.actor_sub == actor_of("auditor").sub
    assert auditor.get("/entries?size=5").status_code == 404
    assert auditor.get("/entries?size=x").status_code == 422
    assert caller(portal_tenant, "member1").get("/entries").status_code == 403

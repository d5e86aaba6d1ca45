"""Audit files that somebody changed: without the log's key, and as its owner would sign them."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from approvals.pipeline.intent import digest
from approvals.policy.document import DEFAULT
from audit import clock
from audit.audit_files import audit_scope, zip_file
from audit.keys import log_identity
from audit.ledger import note
from audit.ledger.audit_file_format import signed_manifest as manifests
from audit.ledger.audit_file_format.policy_review_evidence_check import DELIVERED_POLICIES
from audit.ledger.audit_file_format.zip_members import ZipError, ZipMembers
from audit.ledger.format.canonical import canonical
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.ata.ata_process import Ata
from tests.audit.factories import ADA, OLU
from tests.audit_files.audit_world import (
    Members,
    World,
    packed,
    signed_again,
    unpacked,
    whole_hours,
)
from tests.packs.outside import witnessed

pytestmark = pytest.mark.django_db

MINE = b"\x07" * 32
"""The seed of a key that is not the log's."""


def lines(members: Members) -> list[bytes]:
    return members[manifests.RANGE].splitlines(keepends=True)


def with_lines(members: Members, changed: list[bytes]) -> Members:
    return members | {manifests.RANGE: b"".join(changed)}


def row_edited(members: Members) -> Members:
    return with_lines(
        members, [line.replace(b"token.exchanged", b"token.exchangee") for line in lines(members)]
    )


def row_removed(members: Members) -> Members:
    return with_lines(members, [*lines(members)[:6], *lines(members)[7:]])


def manifest_edited(members: Members) -> Members:
    body = members[manifests.MANIFEST].replace(b'"title":"EU AI Act"', b'"title":"EU AI Acts"')
    return members | {manifests.MANIFEST: body}


def keys_of_another_log(members: Members) -> Members:
    vkey = note.vkey("other.example/log", note.public_key(MINE))
    changed = members | {manifests.LOG_KEY: f"{vkey}\n".encode()}
    return signed_again(changed, name="other.example/log", seed=MINE)


def keys_replaced(members: Members) -> Members:
    vkey = note.vkey(log_identity.origin(), note.public_key(MINE))
    return signed_again(members | {manifests.LOG_KEY: f"{vkey}\n".encode()}, seed=MINE)


def verifier_swapped(members: Members) -> Members:
    return members | {manifests.VERIFIER: b"<p>Everything is verified.</p>"}


def range_shortened(members: Members) -> Members:
    return with_lines(members, lines(members)[:-2])


def sample_replaced(members: Members) -> Members:
    name = sampled(members)
    document = json.loads(members[name])
    document["indices"] = document["indices"][:-1]
    return members | {name: canonical(document) + b"\n"}


def sampled(members: Members) -> str:
    """The sample with most items."""
    names = [name for name in members if name.startswith("samples/")]
    return max(names, key=lambda name: len(json.loads(members[name])["indices"]))


def policy_of_another_time(members: Members) -> Members:
    older = {**DEFAULT, "number": 7}
    changed = {
        name: body for name, body in members.items() if name != f"policies/{digest(DEFAULT)}.json"
    }
    return changed | {f"policies/{digest(older)}.json": canonical(older)}


def roles_edited(members: Members) -> Members:
    return members | {manifests.ROLES: members[manifests.ROLES].replace(b"operator", b"auditors")}


def evidence_removed(members: Members) -> Members:
    return {name: body for name, body in members.items() if not name.startswith("evidence/")}


DOCTORED: dict[str, Callable[[Members], Members]] = {
    one.__name__: one
    for one in (
        row_edited, row_removed, manifest_edited, keys_of_another_log, verifier_swapped,
        range_shortened, sample_replaced, policy_of_another_time, keys_replaced, roles_edited,
        evidence_removed,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", DOCTORED)
def test_a_doctored_file_is_named_as_such_with_and_without_a_key(
    world: World, ata: Ata, name: str
) -> None:
    members = unpacked(world.file())
    doctored = DOCTORED[name](members)
    assert doctored != members
    path = world.save(packed(doctored))
    for keys in ([], world.keys()):
        result = ata.here("verify", path, *keys)
        assert result.exit_code == 1
        assert "✗ NOT verified. Failed:" in result.output, result.output


def drop_policy(manifest: dict[str, Any]) -> None:
    manifest["policies"][0]["digest"] = digest({**DEFAULT, "number": 7})


def drop_evidence(manifest: dict[str, Any]) -> None:
    manifest["packs"] = []


def fewer_rows(manifest: dict[str, Any]) -> None:
    largest = max(manifest["tables"], key=lambda one: one["rows"])
    largest["rows"] -= 1


OWNERS: dict[str, tuple[str, Callable[[dict[str, Any]], object], str]] = {
    "an entry edited": ("row_edited", lambda _: None, "The entries are those of the signed log"),
    "an entry removed": ("row_removed", lambda _: None, "The entries are those of the signed log"),
    "a range cut": ("range_shortened", lambda _: None, "The entries are those of the signed log"),
    "another sample": ("sample_replaced", lambda _: None, "Each sample is the one"),
    "another policy": ("policy_of_another_time", drop_policy, "Each policy is the one"),
    "other roles": ("roles_edited", lambda _: None, "The list of roles follows"),
    "no evidence": ("evidence_removed", drop_evidence, "Each item of a sample has its evidence"),
}


@pytest.mark.parametrize("name", OWNERS)
def test_what_the_owner_of_the_key_signs_still_has_to_fit_the_log(
    world: World, ata: Ata, name: str
) -> None:
    doctor, change, failed = OWNERS[name]
    members = signed_again(DOCTORED[doctor](unpacked(world.file())), change)
    result = ata.here("verify", world.save(packed(members)), *world.keys())
    assert result.exit_code == 1
    assert f"✗ {failed}" in result.output, result.output


def test_a_row_that_the_owner_leaves_out_of_a_population_is_missed(world: World, ata: Ata) -> None:
    members = signed_again(unpacked(world.file()), fewer_rows)
    result = ata.here("verify", world.save(packed(members)), *world.keys())
    assert "✗ Each population has all its rows" in result.output, result.output


@pytest.mark.parametrize(("start", "end"), [(0, -3), (9, 0)])
def test_a_shorter_range_that_the_log_really_has_does_not_reach_over_the_period(
    world: World, ata: Ata, start: int, end: int
) -> None:
    scope = world.scope()
    scope.__dict__["range"] = (start, scope.range[1] + end)
    into = io.BytesIO()
    zip_file.write(ADA, scope, clock.now(), into)
    result = ata.here("verify", world.save(into.getvalue()), *world.keys())
    assert result.exit_code == 1
    assert "✗ The range reaches over the period, or to" in result.output, result.output


def test_values_of_entries_in_no_population_are_refused(world: World, ata: Ata) -> None:
    """A file discloses what it says it discloses."""
    members = unpacked(world.file())

    def forget_sign_ins(manifest: dict[str, Any]) -> None:
        manifest["tables"] = [one for one in manifest["tables"] if one["kind"] != "sign_ins"]

    result = ata.here(
        "verify", world.save(packed(signed_again(members, forget_sign_ins))), *world.keys()
    )
    assert "the file discloses values of it" in result.output, result.output


def raw(change: Callable[[zipfile.ZipFile, Members], object], members: Members) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
        change(archive, members)
    return into.getvalue()


def a_link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("samples/link.json")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


ARCHIVES: dict[str, tuple[Callable[[zipfile.ZipFile, Members], object], str]] = {
    "a name twice": (lambda z, m: z.writestr(manifests.ROLES, m[manifests.ROLES]), "twice"),
    "a name twice in other letters": (lambda z, m: z.writestr("Roles.JSON", b"{}"), "twice"),
    "a name that leads out": (lambda z, m: z.writestr("../evil.txt", b""), "leads out"),
    "a name from the root": (lambda z, m: z.writestr("/etc/passwd", b""), "leads out"),
    "a name of Windows": (lambda z, m: z.writestr("evidence\\x.zip", b""), "characters"),
    "a drive": (lambda z, m: z.writestr("C:/x", b""), "characters"),
    "a link": (lambda z, m: z.writestr(a_link(), b"/etc/passwd"), "is a link"),
    "other compression": (
        lambda z, m: z.writestr("x.bz2", b"x" * 99, zipfile.ZIP_BZIP2),
        "neither stored nor deflated",
    ),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_with_a_name_that_can_mean_two_things_is_refused(
    world: World, ata: Ata, name: str
) -> None:
    change, says = ARCHIVES[name]
    path = world.save(raw(change, unpacked(world.file())))
    result = ata.here("verify", path, *world.keys())
    assert result.exit_code == 1
    assert says in result.output and "✗ NOT verified" in result.output, result.output


def test_a_bomb_is_refused_by_what_its_directory_claims(
    world: World, ata: Ata, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audit.ledger.audit_file_format import zip_members

    body = world.file()
    monkeypatch.setattr(zip_members, "MAX_UNPACKED_BYTES", 100_000)
    result = ata.here("verify", world.save(body), *world.keys())
    assert "unpacks to more than" in result.output and result.exit_code == 1


def test_a_member_that_unpacks_to_more_than_it_claims_is_refused(world: World, ata: Ata) -> None:
    body = bytearray(packed(unpacked(world.file())))
    name = manifests.ROLES.encode()
    at = body.rfind(name)  # in the directory: 46 bytes of fields stand before the name
    size = int.from_bytes(body[at - 22 : at - 18], "little")
    body[at - 22 : at - 18] = (size - 1).to_bytes(4, "little")
    result = ata.here("verify", world.save(bytes(body)), *world.keys())
    assert result.exit_code == 1 and "✗ NOT verified" in result.output, result.output


def test_an_archive_with_too_many_names_is_not_opened(world: World, ata: Ata) -> None:
    members = unpacked(world.file()) | {f"x/{n}": b"" for n in range(5_000)}
    result = ata.here("verify", world.save(packed(members)), *world.keys())
    assert result.exit_code in (1, 2) and "Verified" not in result.output


def test_an_archive_that_stands_behind_another_one_is_refused(world: World, ata: Ata) -> None:
    """A program that reads from the front unpacks the other one."""
    other = packed({manifests.README: b"Everything is verified."})
    result = ata.here("verify", world.save(other + world.file()), *world.keys())
    assert result.exit_code == 1 and "stands before its first member" in result.output


def test_the_longest_comment_hides_no_directory_of_zip64() -> None:
    """What the end says of the directory does not count there."""
    locator, end = b"PK\6\7" + bytes(16), b"PK\5\6" + bytes(16) + b"\xff\xff"
    with pytest.raises(ZipError, match="ZIP64"):
        ZipMembers(io.BytesIO(bytes(100) + locator + end + b"c" * 65_535))


WITNESSED_CHECK = "Witnesses you trust saw the same tree"


def test_a_quorum_that_the_verifier_asks_for_has_to_have_cosigned_the_tree(
    world: World, ata: Ata, settings: Any
) -> None:
    trust = world.folder / "policy"
    others = world.keys()[2:]
    without = world.file()
    witnessed(world.folder, settings)
    path, policy = world.save(without), ("--policy", str(trust))
    result = ata.here("verify", path, *policy, *others)
    assert result.exit_code == 1 and f"✗ {WITNESSED_CHECK}" in result.output, result.output
    result = ata.here("verify", world.save(world.file()), *policy, *others)
    assert result.exit_code == 0, result.output
    assert f"✓ {WITNESSED_CHECK}: Cosigned by witness.example/w" in result.output
    assert "no quorum of witnesses" not in result.output
    result = ata.here("verify", path, *world.keys())
    assert result.exit_code == 0 and "no quorum of witnesses" in result.output, result.output


def before_the_change(world: World) -> Members:
    """A file of a period in which no entry changed the policy."""
    period = whole_hours(clock.now() - timedelta(days=60), clock.now() - timedelta(days=20))
    return unpacked(world.file(period=period))


def test_without_a_change_in_the_period_the_first_policy_is_one_that_the_product_begins_with(
    world: World, ata: Ata
) -> None:
    members = before_the_change(world)
    honest = ata.here("verify", world.save(packed(members)), *world.keys())
    assert (honest.exit_code, "by its known digest" in honest.output) == (0, True), honest.output
    chosen = {**DEFAULT, "rules": []}
    files = {n: b for n, b in members.items() if not n.startswith("policies/")}
    files[f"policies/{digest(chosen)}.json"] = canonical(chosen)

    def name_it(manifest: dict[str, Any]) -> None:
        manifest["policies"] = [{"digest": digest(chosen), "index": None}]

    body = packed(signed_again(files, name_it))
    result = ata.here("verify", world.save(body), *world.keys())
    assert result.exit_code == 1 and "Policy NOT proven" in result.output, result.output
    assert "✓ Verified" not in result.output


def test_the_digest_of_the_policy_that_the_product_begins_with_is_known() -> None:
    assert digest(DEFAULT) in DELIVERED_POLICIES


@pytest.mark.parametrize("kind", ["policies", "reviews"])
def test_a_change_of_the_policy_that_no_table_holds_is_counted_all_the_same(
    world: World, ata: Ata, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    fewer = tuple(one for one in audit_scope._LISTED if one.kind != kind)
    monkeypatch.setattr(audit_scope, "_LISTED", fewer)
    if kind == "reviews":
        record(OLU, "review.closed", data={"result_sha256": "0" * 64})
        sequencer.run_once()
    result = ata.here("verify", world.save(world.file()), *world.keys())
    if kind == "policies":
        assert "✗ Each policy is the one" in result.output, result.output
    else:
        assert "1 were closed in the period; 1 without the result" in result.output, result.output
        assert "What 1 of the reviews decided" in result.output


def test_a_policy_whose_document_is_missing_is_counted(world: World, ata: Ata) -> None:
    members = {n: b for n, b in unpacked(world.file()).items() if not n.startswith("policies/")}
    result = ata.here("verify", world.save(packed(signed_again(members))), *world.keys())
    assert "2 without the document." in result.output, result.output
    assert "What 2 of the policies say" in result.output


def test_the_filter_of_each_population_is_shown_as_the_signers_choice(
    world: World, ata: Ata
) -> None:
    members = unpacked(world.file())
    result = ata.here("verify", world.save(packed(members)), *world.keys(), "--json")
    document = json.loads(result.output.splitlines()[-1])
    claimed = json.loads(members[manifests.MANIFEST])["tables"]
    shown = ("id", "title", "filter", "rows")
    assert document["tables"] == [{key: one[key] for key in shown} for one in claimed]
    said = ata.here("verify", world.save(packed(members)), *world.keys()).output
    assert "1 rows of action:policy.changed" in said
    assert "That these populations and filters are what the framework asks for" in said


def test_a_row_whose_values_were_erased_is_counted_as_such(world: World, ata: Ata) -> None:
    members = unpacked(world.file())
    rows = [json.loads(line) for line in lines(members)]
    opened = next(row for row in rows if row.get("openings"))
    opened["openings"] = opened["openings"][1:]
    changed = with_lines(members, [canonical(row) + b"\n" for row in rows])
    result = ata.here("verify", world.save(packed(signed_again(changed))), *world.keys())
    assert "(1 of them lack values)" in result.output, result.output
    assert "What the values said that 1 rows lack" in result.output

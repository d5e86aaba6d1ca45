"""A pack that somebody wrote again as another ZIP is refused, whatever was changed in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest

from audit.ledger.packs import archive as pack_files
from tests.ata.ata_process import Ata
from tests.packs.act import Act
from tests.packs.bending import Members, members_of
from tests.packs.test_a_pack_convinces_without_us import brought

pytestmark = pytest.mark.django_db
EVENT = "events/000000000003."
VERIFIED = "✓ Verified"


def _without(*heads: str) -> Callable[[Members], Members]:
    return lambda held: {name: body for name, body in held.items() if not name.startswith(heads)}


def _with(**changes: bytes) -> Callable[[Members], Members]:
    return lambda held: held | changes


CHANGES: dict[str, Callable[[Members], Members]] = {
    "nothing changed": lambda held: held,
    "an event left out": _without(EVENT),
    "the words of the manifest altered": lambda held: (
        held | {"manifest.json": held["manifest.json"].replace(b"exfil", b"EXFIL")}
    ),
    "the README altered": _with(**{"README.txt": b"Ben approved the transfer."}),
    "no manifest": _without("manifest."),
    "no manifest and no checkpoint": _without("manifest.", "log/"),
    "openings destroyed": _with(**{EVENT + "openings.json": b"[" * 200_000}),
    "a member outside the folder": lambda held: held | {"../../evil": b"x"},
    "in a folder": lambda held: {f"pack/{name}": body for name, body in held.items()},
    "with backslashes": lambda held: {name.replace("/", "\\"): body for name, body in held.items()},
    "in capitals": lambda held: {name.upper(): body for name, body in held.items()},
}
"""How -> what is done to the members of a genuine pack."""


def zipped(held: Members, method: int) -> bytes:
    """These members as another program would write them."""
    buffer = BytesIO()
    with ZipFile(buffer, "w", method) as made:
        for name, body in held.items():
            made.writestr(name, body)
    return buffer.getvalue()


@pytest.mark.parametrize("method", [ZIP_STORED, ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("how", CHANGES)
def test_a_pack_zipped_again_is_not_verified(
    act: Act, ata: Ata, tmp_path: Path, how: str, method: int
) -> None:
    path = tmp_path / "pack.zip"
    path.write_bytes(zipped(CHANGES[how](members_of(act.pack().body)), method))
    done = ata.here("verify", str(path), *brought(tmp_path))
    assert done.exit_code == 1, done.output
    assert VERIFIED not in done.output
    assert f"✗ NOT verified. Failed: {pack_files.ARCHIVE_CHECK}." in done.output
    assert "not in the one form of a pack: ask for the file as it was downloaded" in done.output


def test_an_archive_inside_an_archive_is_refused(act: Act, ata: Ata, tmp_path: Path) -> None:
    path = tmp_path / "outer.zip"
    path.write_bytes(zipped({"inner.zip": act.pack().body}, ZIP_DEFLATED))
    done = ata.here("verify", str(path), *brought(tmp_path))
    assert done.exit_code == 2 and VERIFIED not in done.output
    assert "outer.zip/inner.zip is an archive inside an archive" in done.output


def _loose(held: Members, into: Path, *, reason: bytes = b"exfiltrates") -> list[str]:
    """The proofs of a pack with their entries and openings, as files; the first one's altered."""
    names = [name for name in held if name.startswith("events/")]
    for name in names:
        body = held[name]
        if name.endswith("3.openings.json"):
            assert b"exfiltrates" in body
            body = body.replace(b"exfiltrates", reason)
        (into / Path(name).name).write_bytes(body)
    return [str(into / Path(name).name) for name in names]


def test_the_last_line_is_the_verdict_of_all_parts(act: Act, ata: Ata, tmp_path: Path) -> None:
    held = members_of(act.pack().body)
    files = sorted(_loose(held, tmp_path, reason=b"Exfiltrates"), key=lambda one: "3." not in one)
    done = ata.here("verify", *files, *brought(tmp_path))
    assert done.exit_code == 1
    last = done.output.splitlines()[-1]
    assert last.startswith("✗ NOT verified: 1 of 3 parts is not") and "3.tlog-proof" in last
    files = _loose(held, tmp_path)
    key = brought(tmp_path)[:2]
    closed = [file for file in files if not file.endswith(".openings.json")]
    done = ata.here("verify", *closed, *key)
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "✓ Verified: each of 3 parts.")
    for roots in (key, brought(tmp_path)):  # whose evidence is in the pack only
        done = ata.here("verify", *files, *roots)
        last = done.output.splitlines()[-1]
        assert done.exit_code == 1
        assert last.startswith("– Log entries verified. Person NOT proven in 3 of 3 parts: ")


@pytest.mark.parametrize("order", [1, -1])
def test_no_order_of_packs_makes_the_verdict_better(
    act: Act, ata: Ata, tmp_path: Path, order: int
) -> None:
    body = act.pack().body
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    good.write_bytes(body)
    bad.write_bytes(body.replace(b"exfiltrates", b"Exfiltrates"))
    files = [str(good), str(bad)][::order]
    done = ata.here("verify", *files, *brought(tmp_path))
    assert done.exit_code == 1
    assert done.output.splitlines()[-1] == f"✗ NOT verified: 1 of 2 parts is not: {bad}."
    done = ata.here("verify", *files, *brought(tmp_path), "--json")
    last = json.loads(done.output.splitlines()[-1])
    assert last == {"ok": False, "parts": 2, "not_verified": [str(bad)]}


def test_a_person_who_is_not_proven_in_one_pack_is_not_proven_in_all(
    act: Act, ata: Ata, tmp_path: Path
) -> None:
    for name in ("one.zip", "two.zip"):
        (tmp_path / name).write_bytes(act.pack().body)
    files = [str(tmp_path / "one.zip"), str(tmp_path / "two.zip")]
    done = ata.here("verify", *files, *brought(tmp_path)[:2])
    assert done.exit_code == 1
    last = done.output.splitlines()[-1]
    assert last.startswith("– Log entries verified. Person NOT proven in 2 of 2 parts:")


def test_nothing_is_called_verified_before_every_file_was_read(
    act: Act, ata: Ata, tmp_path: Path
) -> None:
    path, other = tmp_path / "pack.zip", tmp_path / "note.txt"
    path.write_bytes(act.pack().body)
    other.write_text("no proof")
    done = ata.here("verify", str(path), str(other), *brought(tmp_path))
    assert done.exit_code == 2 and VERIFIED not in done.output

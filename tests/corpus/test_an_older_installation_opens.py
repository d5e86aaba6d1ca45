"""What commit 1ebce96 left is migrated, opened and verified by this one, on both engines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ata.session.session_file import SessionStore
from tests.corpus.installation import Installation

pytestmark = pytest.mark.stack


def test_its_ledger_verifies(installation: Installation) -> None:
    done = installation.manage("verify_ledger", "--json")
    report = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, report["problems"]) == (0, []), done.stderr


def test_its_log_goes_on(installation: Installation) -> None:
    before = (installation.folder / "downloads" / "checkpoint").read_text().splitlines()
    assert installation.manage("sequence").returncode == 0
    after = installation.manage("checkpoint").stdout.splitlines()
    assert after[0] == before[0]
    assert int(after[1]) >= int(before[1])


def test_what_was_downloaded_from_it_verifies(installation: Installation, tmp_path: Path) -> None:
    key = ("--vkey", "log.key")
    proof = installation.ata("verify", "event.tlog-proof", "--entry", "event.entry", *key)
    assert proof.returncode == 0, proof.stdout + proof.stderr
    for form in ("csv", "ndjson", "ocsf"):  # rows of a workbook are not compared
        manifest, file = f"export.{form}.manifest.json", f"export.{form}"
        entries = str(_entries_of(installation.folder / "downloads", manifest, tmp_path))
        done = installation.ata("verify", manifest, file, "--entries", entries, *key)
        assert done.returncode == 0, (form, done.stdout, done.stderr)


def _entries_of(folder: Path, manifest: str, into: Path) -> Path:
    """The entries of the export's tree: the longer log of the same folder, cut to its size."""
    tree = json.loads((folder / manifest).read_text())["tree"]
    header, *entries = (folder / "log.ndjson").read_text().splitlines(keepends=True)
    path = into / "entries.ndjson"
    of_tree = {"checkpoint": tree["checkpoint"], "size": tree["size"]}
    first = json.dumps(json.loads(header) | of_tree, separators=(",", ":"), ensure_ascii=False)
    path.write_text("".join([first + "\n", *entries[: tree["size"]]]))
    return path


def test_its_session_files_are_read(installation: Installation) -> None:
    for name in ("operator", "member1"):
        session = SessionStore(installation.folder / "downloads" / f"session-{name}.json").load()
        assert session is not None and session.access_token


def test_variables_of_its_manifests_are_known(installation: Installation) -> None:
    code = (
        "import json\n"
        "from connections.component_manifests import manifest_store as f\n"
        "for m in f.Manifest.objects.all():\n"
        "    now = f.variables_of(m.env, m.needs.values_list('connection', flat=True))\n"
        "    print(json.dumps([now, f.variables_held(m.kind, m.name)]))"
    )
    done = installation.manage("shell", "--no-imports", "-c", code)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found, done.stderr
    for now, held in found:
        assert held == {variable: [connection] for connection, variable in now.items()}


def test_a_modified_entry_of_it_is_found(installation: Installation, tmp_path: Path) -> None:
    """So that the checks above can fail."""
    manifest = "export.csv.manifest.json"
    entries = _entries_of(installation.folder / "downloads", manifest, tmp_path)
    entries.write_text(entries.read_text().replace("skill.blocked", "skill.allowed", 1))
    modified = ("--entries", str(entries), "--vkey", "log.key")
    done = installation.ata("verify", manifest, "export.csv", *modified)
    assert done.returncode == 1
    assert "✗ The entries are all those of that tree" in done.stdout

"""A reader with packs, public keys and the verifier alone finds the one that was tampered with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.ledger.key_transitions import key_statements_in_exports
from audit.ledger.packs import archive
from tests.ata.ata_process import Ata
from tests.packs.act import Act, directory, jwks
from tests.packs.bending import BENDS, FORGED, resigned
from tests.packs.renamed import UNFIT

WAYS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "the archive": BENDS["bytes after its end"],
    "a member": BENDS["an entry changed"],
    "the words of the manifest": BENDS["another sentence in the manifest"],
    "the signature of the manifest": BENDS["another signature"],
    **{
        name: (lambda body, how=how: resigned(body, FORGED[how][0]), FORGED[how][1])  # type: ignore[misc]
        for name, how in {
            "a body, signed": "an outcome changed",
            "an opening, signed": "a value changed",
            "evidence, signed": "evidence exchanged",
            "a proof, signed": "a proof of another entry",
            "the checkpoint, signed": "another checkpoint",
        }.items()
    },
    "the statement of former keys, signed": (
        lambda body: resigned(body, UNFIT["less was lost"]),
        key_statements_in_exports.CHECK,
    ),
}
"""What is tampered with -> (how, the check that names it); *signed* with the log's own key.

Cosignatures and time tokens: `test_a_pack_says_who_saw_it.py`.
"""


@pytest.mark.parametrize("what", WAYS)
def test_of_five_packs_the_one_is_named_by_a_process_that_has_public_keys_only(
    act: Act, old_key: str, ata: Ata, tmp_path: Path, what: str
) -> None:
    bend, check = WAYS[what]
    body = act.pack().body
    paths = [tmp_path / f"pack-{number}.zip" for number in range(1, 6)]
    for path in paths:
        path.write_bytes(body)
    paths[3].write_bytes(bend(body))
    trusted = {
        "vkey": old_key,
        "issuer-keys": json.dumps(jwks()),
        "passkeys": json.dumps(directory()),
    }
    options = []
    for name, text in trusted.items():
        (tmp_path / name).write_text(text)
        options += [f"--{name}", str(tmp_path / name)]
    done = ata("verify", *map(str, paths), *options, "--json")
    assert done.returncode == 1, done.stderr
    *reports, overall = [json.loads(line) for line in done.stdout.splitlines()]
    assert overall == {"ok": False, "parts": 5, "not_verified": [str(paths[3])]}
    assert [one["ok"] for one in reports] == [True, True, True, False, True]
    bad = [*reports[3]["checks"], *(c for e in reports[3]["events"] for c in e["checks"])]
    assert check in {one["name"] for one in bad if one["state"] == "failed"}, bad
    for event in reports[0]["events"]:
        assert {"who", "what", "when", "approved", "proven"} <= set(event["said"])
    assert reports[0]["not_proven"] and archive.SIGNED_CHECK in str(reports[0]["checks"])

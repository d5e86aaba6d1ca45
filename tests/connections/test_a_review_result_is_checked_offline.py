"""The signed result of a review, checked by `ata verify` with a key and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from audit.ledger import note
from audit.ledger.note import VerifierKey
from audit.ledger.offline import access_review_check
from tests.connections.api_house import ADMIN, AUDITOR, MIA, MILO, NOTHING, ApiHouse
from tests.connections.review_house import TOMORROW
from tests.support.forking import CHECKOUT, COMMAND_LINE

type Lines = list[bytes]


@pytest.fixture(scope="module")
def made(house: ApiHouse, tmp_path_factory: pytest.TempPathFactory) -> tuple[Lines, str]:
    """The lines of a result with two answers of three, and the key of the log."""
    house.runs(NOTHING)
    return _closed(house, tmp_path_factory.mktemp("files"))


def _closed(place: ApiHouse, folder: Path) -> tuple[Lines, str]:
    place.runs(
        f"account({MIA!r}, 'github', 'read:user', 'delete_repo')\n"
        f"account({MIA!r}, 'gitlab', elsewhere_on=now.date())\naccount({MILO!r})"
    )
    review = str(uuid4())

    def decides(verb: str, **params: Any) -> None:
        target = {"kind": "review", "name": review}
        body = {"verb": verb, "target": target, "params": params}
        assert place.said("POST", "/v1/decisions", ADMIN, body).status_code == 201

    decides("review.open", title="Spring", due=TOMORROW, reviewers="owners")
    path = f"/v1/reviews/{review}/accounts"
    for one, decision in zip(
        place.said("GET", path, MIA).json()["items"], ("keep", "revoke"), strict=True
    ):
        answer = {"decision": decision, "reason": "a look"}
        done = place.said("POST", f"{path}/{one['id']}/decide", MIA, answer)
        assert done.status_code == 201, done.text
    decides("review.close")
    file = folder / "result.ndjson"
    place.ata(folder, AUDITOR, f"reviews result {review} --output {file}")
    key = httpx.get(f"{place.url}/log/key", timeout=60).text.strip()
    with file.open("rb") as lines:
        return list(lines), key


def report(
    lines: Lines, key: str, required: tuple[int, ...] = ()
) -> access_review_check.ReviewReport:
    return access_review_check.check(lines, [note.parse_vkey(key)], required)


def failed(lines: Lines, key: str) -> list[str]:
    return [step.name for step in report(lines, key).steps if not step.ok]


def bent(lines: Lines, place: int, **changes: Any) -> Lines:
    told = json.loads(lines[place]) | changes
    line = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    return [*lines[:place], line.encode(), *lines[place + 1 :]]


def test_an_honest_result_holds(made: tuple[Lines, str]) -> None:
    found = report(*made)
    assert found.ok, found.steps
    assert [step.ok for step in found.steps] == [True] * 4
    assert "1 keep, 0 reduce, 1 revoke, 1 undecided." in {step.detail for step in found.steps}
    assert "Spring" in found.words and found.not_proven


SIGNED = "A log you trust signed the result"
LINES = "The lines are those that the first one names"
COUNTS = "The counts are those of the accounts"
FROZEN = "The accounts are as they were frozen"


def test_whatever_was_changed_is_found(made: tuple[Lines, str]) -> None:
    lines, key = made
    assert failed(bent(lines, 1, reason="another"), key) == [LINES]
    assert failed(bent(lines, 1, decision="undecided"), key) == [LINES, COUNTS]
    assert failed(bent(lines, 2, scopes=["all"]), key) == [LINES, FROZEN]
    assert failed(lines[:-1], key) == [LINES, COUNTS, FROZEN]
    assert failed([lines[0], lines[2], lines[1], lines[3]], key) == [LINES, FROZEN]
    assert failed([*lines, lines[1]], key) == [LINES, COUNTS, FROZEN]
    assert failed(bent(lines, 0, portal="https://another.example"), key) == [SIGNED]
    assert failed([lines[0], b"{", *lines[2:]], key)[-1] == "Each line is about one account"
    unsigned = {k: v for k, v in json.loads(lines[0]).items() if k != "signature"}
    assert SIGNED in failed([json.dumps(unsigned, separators=(",", ":")).encode()], key)
    assert failed([b"{}"], key) == failed([], key) == ["The first line is the head of a result"]


def test_only_the_verifiers_own_keys_count(made: tuple[Lines, str]) -> None:
    lines, key = made
    stranger = note.vkey("elsewhere.example/log", note.public_key(b"1" * 32))
    assert failed(lines, stranger) == [SIGNED]
    required = (note.ED25519, note.COSIGNATURE_MLDSA44)
    assert not report(lines, key, required).ok, "it has no signature of the second kind"
    keys: list[VerifierKey] = [note.parse_vkey(stranger), note.parse_vkey(key)]
    assert access_review_check.check(lines, keys).ok


def verify(folder: Path, lines: Lines, key: str, *more: str) -> subprocess.CompletedProcess[str]:
    file = folder / "result.ndjson"
    file.write_bytes(b"".join(lines))
    return COMMAND_LINE.run(
        ["-m", "ata", "verify", str(file), "--vkey", key, *more], cwd=CHECKOUT, env=os.environ
    )


def test_the_command_line_verifies_it_without_a_server(
    made: tuple[Lines, str], tmp_path: Path
) -> None:
    lines, key = made
    good = verify(tmp_path, lines, key)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "✓ Verified." in good.stdout and "Not proven:" in good.stdout
    bad = verify(tmp_path, bent(lines, 3, reason="x"), key, "--json")
    told = json.loads(bad.stdout)
    assert (bad.returncode, told["ok"]) == (1, False)
    both = verify(tmp_path, lines, key, str(tmp_path / "result.ndjson"))
    assert both.returncode == 2

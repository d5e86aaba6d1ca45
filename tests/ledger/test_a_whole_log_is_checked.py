"""A stranger with the log as a file, its key, and a checkpoint that was kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner, Result

from ata.cli import app
from audit.ledger import cosignature, merkle, note
from audit.ledger.format import entry
from audit.ledger.format.entry import Built
from audit.ledger.offline import log_file
from audit.ledger.offline.full_log_check import HistoryReport, check
from audit.ledger.trust_policy import Policy, parse
from tests.support.signed import sign_checkpoint

LOG = note.new_key("log.example/x")
WITNESS = note.new_key("w.example")
OLU = {"iss": "https://a.example/", "sub": "auth0|o", "name": "", "email": "", "roles": []}
WHEN = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
TRUST = parse(f"log {LOG.vkey}\nquorum none\n")


@cache
def built(number: int, reason: str = "exfiltrates") -> Built:
    event = {
        "time": WHEN,
        "recorded_at": WHEN,
        "action": "skill.blocked",
        "outcome": "success",
        "severity": "HIGH",
        "source": "portal",
        "via": "cli",
        "actor": {
            "iss": "https://a.example/",
            "sub": "auth0|o",
            "name": "",
            "email": "",
            "roles": [],
        },
        "reason": reason,
    }
    return entry.build(event, id=UUID(int=0x01890000_0000_7000_8000_000000000000 + number))


def history(size: int, **changed: str) -> list[Built]:
    """The first entries; `e2="…"` gives entry 2 another reason."""
    return [built(n, changed.get(f"e{n}", "exfiltrates")) for n in range(size)]


def signed(entries: list[Built]) -> str:
    root = merkle.root([merkle.leaf_hash(one.entry) for one in entries])
    return sign_checkpoint(LOG.name, len(entries), root, LOG.seed)


def lines(entries: list[Built], head: str = "") -> list[bytes]:
    first = log_file.header(LOG.name, len(entries), head or signed(entries))
    rest = (log_file.line(n, one.entry, one.openings, []) for n, one in enumerate(entries))
    return [first, *rest]


def checked(file: list[bytes], *since: str, trust: Policy = TRUST) -> HistoryReport:
    return check(file, trust, {f"note {n}": text.encode() for n, text in enumerate(since)})


def test_a_log_that_only_grew_holds_every_checkpoint_of_its_past() -> None:
    report = checked(lines(history(9)), *(signed(history(n)) for n in range(10)))
    assert report.ok, report.steps
    assert len(report.steps) == 12
    assert report.checkpoint and report.checkpoint.size == 9
    assert not any("--since" in limit for limit in report.not_proven)
    assert any("--since" in limit for limit in checked(lines(history(9))).not_proven)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (history(9, e2="another"), "first 5 entries are not those"),
        (history(3), "5 entries were signed then, and only 3 are left"),
        ([*history(9)[:2], *history(9)[3:]], "first 5 entries are not those"),
        ([*history(2), built(77), *history(9)[2:]], "first 5 entries are not those"),
        ([*history(3), built(4), built(3), *history(9)[5:]], "first 5 entries are not those"),
    ],
)
def test_a_past_that_was_changed_and_signed_again_is_found_by_who_kept_a_checkpoint(
    now: list[Built], said: str
) -> None:
    assert checked(lines(now)).ok  # whole in itself: its own key has signed it
    report = checked(lines(now), signed(history(5)))
    assert not report.ok and said in report.steps[-1].detail, report.steps[-1]
    assert checked(lines(history(9, e7="another")), signed(history(5))).ok  # after that look


def test_a_file_that_is_not_its_own_tree_is_refused() -> None:
    honest = lines(history(6))
    other = lines(history(6, e3="another"))
    report = checked([*honest[:4], other[4], *honest[5:]], signed(history(5)))
    assert "do not have the root" in report.steps[1].detail
    bent = json.loads(honest[3])
    bent["openings"][0]["value"] = "somebody else"
    report = checked([*honest[:3], json.dumps(bent).encode(), *honest[4:]], signed(history(5)))
    assert "entry 2" in report.steps[1].detail.lower() and not report.steps[2].ok
    stranger = note.new_key(LOG.name)
    forged = sign_checkpoint(LOG.name, 6, bytes(32), stranger.seed)
    assert "no trusted key has signed" in checked(lines(history(6), forged)).steps[0].detail
    for nothing in ([], [b"\n"], [b"[]\n"], honest[1:], [b"\xff\n"]):
        report = checked(nothing, signed(history(5)))
        assert not report.ok and report.checkpoint is None and len(report.steps) == 3


def test_a_checkpoint_of_another_log_or_key_is_no_memory_of_this_one() -> None:
    other = note.new_key("log.example/other")
    both = Policy((*TRUST.logs, note.parse_vkey(other.vkey)), {}, {}, "none")
    kept = sign_checkpoint(other.name, 3, bytes(32), other.seed)
    assert "another log" in checked(lines(history(6)), kept, trust=both).steps[-1].detail
    assert not checked(lines(history(6)), kept).ok
    assert not checked(lines(history(6)), "nonsense").ok


def test_witnesses_of_the_verifier_are_asked_for() -> None:
    witness = cosignature.vkey(WITNESS.name, note.public_key(WITNESS.seed))
    trust = parse(f"log {LOG.vkey}\nwitness w {witness}\nquorum w\n")
    alone = signed(history(4))
    assert "nobody" in checked(lines(history(4)), trust=trust).steps[-1].detail
    both = note.add_signature(alone, cosignature.sign(alone, WITNESS.name, WITNESS.seed, 1))
    report = checked(lines(history(4), both), trust=trust)
    assert report.ok and "makes your quorum" in report.steps[-1].detail


def test_the_command_line_says_it(tmp_path: Path) -> None:
    def ata(*args: object) -> Result:
        return CliRunner().invoke(app, ["verify", *map(str, args)])

    log, kept = tmp_path / "log.ndjson", tmp_path / "kept.note"
    log.write_bytes(b"".join(lines(history(9))))
    kept.write_text(signed(history(5)))
    told = ata(log, "--vkey", LOG.vkey, "--since", kept)
    assert told.exit_code == 0, told.output
    assert "5 entries are unchanged" in told.output and "Not proven:" in told.output
    log.write_bytes(b"".join(lines(history(9, e2="another"))))
    told = ata(log, "--vkey", LOG.vkey, "--since", kept, "--json")
    assert told.exit_code == 1
    assert not json.loads(told.stdout)["steps"][-1]["ok"]
    assert ata(log, "--vkey", LOG.vkey).exit_code == 0
    assert ata(log, kept, "--vkey", LOG.vkey).exit_code == 2
    assert ata(kept, "--vkey", LOG.vkey, "--since", kept).exit_code == 2
    assert ata(log, "--vkey", LOG.vkey, "--since", tmp_path / "none").exit_code == 2

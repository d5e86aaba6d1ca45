"""External time: an authority's token over a checkpoint, kept, counted and bent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

from ata.cli import app
from ata.verify.trust_roots import read_trust
from audit import clock
from audit.evidence import log_proof_levels
from audit.ledger import cosignature, note, person_and_log_levels, time_tokens
from audit.ledger.time_tokens import TimestampError
from audit.models import Checkpoint, Cosignature, EventRow, TimeToken
from audit.proofs import proofs_and_tiles, timestamping
from audit.sequencing import sequencer
from audit.verification import verify
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, DraftFactory
from tests.audit.signed import newest_checkpoint
from tests.support import authority
from tests.support.authority import Authority
from tests.support.recording import record_many

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not authority.is_here(), reason="openssl is not installed"),
]
_WITNESS = b"\7" * 32


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def asked(tsa: Authority, settings: object) -> Iterator[Authority]:
    with tsa.served() as url:
        settings.TSA_URL = url  # type: ignore[attr-defined]
        settings.TSA_CA_FILE = tsa.root_file  # type: ignore[attr-defined]
        yield tsa


def grow(n: int = 3) -> Checkpoint:
    list(record_many([DraftFactory.build() for _ in range(n)]))
    sequencer.run_once()
    return newest_checkpoint()


def witnessed(path: Path, settings: object, checkpoint: Checkpoint) -> str:
    """A quorum of one witness has cosigned this checkpoint; returns the policy."""
    key = cosignature.vkey("w.example/w", note.public_key(_WITNESS))
    text = f"log {proofs_and_tiles.vkey()}\nwitness w {key}\nquorum w\n"
    (path / "policy").write_text(text)
    settings.LEDGER_POLICY_FILE = path / "policy"  # type: ignore[attr-defined]
    line = cosignature.sign(checkpoint.note, "w.example/w", _WITNESS, int(clock.now().timestamp()))
    Cosignature.objects.create(
        size=checkpoint.size,
        root=checkpoint.root,
        name="w.example/w",
        line=line.rstrip("\n"),
        created=clock.now(),
    )
    return text


def test_what_witnesses_saw_is_stamped_and_reaches_the_highest_level(
    asked: Authority, tmp_path: Path, settings: object
) -> None:
    head = grow(4)
    text = witnessed(tmp_path, settings, head)
    grow(2)
    token = timestamping.stamp_due(clock.now())
    assert token is not None and token.size == head.size  # nobody stamps what no witness saw
    sizes = log_proof_levels.current()
    assert [sizes.level(i) for i in (3, 4)] == ["L3", "L1"]
    id = EventRow.objects.get(seq=1).event
    proof = proofs_and_tiles.proof_for(id)
    moment = time_tokens.verify(
        bytes(token.response), proof.split("\n\n", 1)[1], timestamping.roots()
    )
    trust = read_trust(tmp_path / "policy", [])
    assert (
        text
        and person_and_log_levels.log(
            proofs_and_tiles.entry_of(id), proof, trust, external_time=moment
        ).code
        == "L3"
    )
    page = text_of(browser_of(ADA).get("/audit/ledger/"))
    assert "127.0.0.1" in page and f"/log/time/{head.size}" in page
    assert verified(tmp_path, asked, id, proof, token) == (0, "L3")
    other = Authority.make(tmp_path / "other", "Somebody else")
    assert verified(tmp_path, other, id, proof, token) == (1, "L2")


def verified(
    folder: Path, trusted: Authority, id: UUID, proof: str, token: TimeToken
) -> tuple[int, str]:
    """What the command line makes of it, offline: exit code and level."""
    (folder / "e.tlog-proof").write_text(proof)
    (folder / "e.entry").write_bytes(proofs_and_tiles.entry_of(id))
    (folder / "e.tsr").write_bytes(bytes(token.response))
    done = CliRunner().invoke(
        app,
        ["verify", str(folder / "e.tlog-proof"), "--entry", str(folder / "e.entry"),
         "--policy", str(folder / "policy"), "--time-token", str(folder / "e.tsr"),
         "--tsa-ca", str(trusted.root_file), "--json"],
    )  # fmt: skip
    return done.exit_code, json.loads(done.stdout)["log"]["code"]


def test_one_token_in_ten_minutes_and_none_without_news(asked: Authority) -> None:
    grow()
    assert timestamping.stamp_due(clock.now()) is not None
    assert timestamping.stamp_due(clock.now() + timedelta(hours=1)) is None
    grow()
    assert timestamping.stamp_due(clock.now()) is None
    assert timestamping.stamp_due(clock.now() + timestamping.EVERY) is not None


def test_without_trusted_roots_a_token_is_kept_and_counts_for_nobody(
    asked: Authority, tmp_path: Path, settings: object
) -> None:
    settings.TSA_CA_FILE = None  # type: ignore[attr-defined]
    head = grow()
    witnessed(tmp_path, settings, head)
    assert timestamping.stamp_due(clock.now()) is not None
    assert log_proof_levels.current().level(0) == "L2"
    assert "counts for no one" in text_of(browser_of(ADA).get("/audit/ledger/"))


def test_an_authority_that_nobody_trusts_leaves_no_token(
    asked: Authority, tmp_path: Path, settings: object
) -> None:
    other = Authority.make(tmp_path / "other", "Somebody else")
    settings.TSA_CA_FILE = other.root_file  # type: ignore[attr-defined]
    grow()
    with pytest.raises(TimestampError, match="does not verify"):
        timestamping.stamp_due(clock.now())
    assert not TimeToken.objects.exists()


def test_a_token_of_another_tree_or_a_bent_one_is_refused(asked: Authority) -> None:
    head = grow()
    token = timestamping.stamp_due(clock.now())
    assert token is not None
    response = bytes(token.response)
    other = grow()
    with pytest.raises(TimestampError):
        time_tokens.verify(response, other.note, timestamping.roots())
    for place in range(0, len(response), 37):
        bent = bytearray(response)
        bent[place] ^= 0x04
        try:
            time_tokens.verify(bytes(bent), head.note, timestamping.roots())
        except TimestampError:
            continue
        # What is bent lies beside the signature (the text of the status); the time still holds.
        assert time_tokens.read(bytes(bent), head.note) == token.time
    with pytest.raises(TimestampError):
        time_tokens.verify(b"", head.note, timestamping.roots())


@pytest.mark.usefixtures("unguarded")
def test_verification_finds_a_token_that_was_moved_or_given_another_time(asked: Authority) -> None:
    grow()
    token = timestamping.stamp_due(clock.now())
    assert token is not None and found() == set()
    TimeToken.objects.update(time=datetime(2020, 1, 1, tzinfo=UTC))
    assert found() == {"time"}
    TimeToken.objects.update(time=token.time, size=99)
    assert found() == {"time"}


def found() -> set[str]:
    """What verification reports, apart from the triggers that the test took away."""
    return {problem.code for problem in verify.run().problems} - {"trigger"}

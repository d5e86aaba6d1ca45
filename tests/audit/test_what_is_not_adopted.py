"""`ledger_adopt` refuses a forged database, and changes nothing while it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from audit import clock
from audit.keys import keyring, log_identity
from audit.models import Checkpoint
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from audit.sequencing import sequencer
from tests.attacks.ledger.world import undone
from tests.attacks.tamper import owner
from tests.audit.signed import newest_checkpoint
from tests.support.signed import sign_checkpoint

pytestmark = pytest.mark.django_db


def grow(count: int) -> Checkpoint:
    for _ in range(count):
        record(SYSTEM, "external.happened")
    sequencer.run_once()
    return newest_checkpoint()


def adopt(*missing: str) -> None:
    asked = missing or ("--yes", "--reason", "why")
    call_command("ledger_adopt", *asked, stdout=StringIO())


@pytest.mark.usefixtures("unguarded")
def test_a_database_that_does_not_fit_its_newest_checkpoint_is_refused() -> None:
    grow(2)
    row = grow(2)
    with undone():
        grow(2)
    forged = sign_checkpoint("ledger.example/another", 4, bytes(32), log_identity.seed())
    owner.overwrite(Checkpoint, row.pk, "note", forged)
    with pytest.raises(CommandError, match="not of this log's keys"):
        adopt()
    keys = keyring.signers()
    owner.overwrite(Checkpoint, row.pk, "note", keyring.sign(keys, 4, bytes(32), clock.now()))
    with pytest.raises(CommandError, match="does not agree with its own newest checkpoint"):
        adopt()


def test_what_is_refused_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    grow(2)
    adopt()  # nothing is missing: it says so
    with undone():
        grow(2)
    before = {
        one.name: one.read_bytes() for one in log_identity.folder().iterdir() if one.is_file()
    }
    for missing in (("--reason", "why"), ("--yes",), ("--yes", "--reason", " ")):
        with pytest.raises(CommandError, match="Nothing was changed"):
            adopt(*missing)

    @contextmanager
    def busy(what: str) -> Iterator[bool]:
        yield False

    with monkeypatch.context() as patch:
        patch.setattr("audit.keys.restored_database_adoption.process_locks.alone", busy)
        with pytest.raises(CommandError, match="The sequencer is busy"):
            adopt()
    after = {one.name: one.read_bytes() for one in log_identity.folder().iterdir() if one.is_file()}
    assert after == before
    adopt()
    assert (log_identity.folder() / "adopted.json").exists()

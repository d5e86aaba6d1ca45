"""The evidence store: sealed per person, erasable, released only when harmless."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from audit.db import durable_files
from audit.evidence import storage
from audit.ledger import inclusion_proof_file
from audit.ledger.query import EventQuery
from audit.models import EventRow, EvidenceItem
from audit.proofs import proofs_and_tiles
from audit.recording.stored_event_loader import load
from audit.search import event_search
from audit.sequencing import sequencer
from audit.verification import verify
from tests.audit.factories import MIA, OLU, DraftFactory
from tests.support.erasing import erase_person
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db


def token(exp: int) -> bytes:
    """An unsigned JWT with an expiry."""
    claims = base64.urlsafe_b64encode(json.dumps({"exp": exp}).encode()).rstrip(b"=")
    return b"eyJhbGciOiJSUzI1NiJ9." + claims + b".c2ln"


def test_a_body_comes_back_and_its_name_is_its_digest() -> None:
    reference = storage.put("assertion", b"the body", OLU.key)
    assert reference.digest == sha256(b"the body").hexdigest()
    assert storage.get(reference.digest) == b"the body"


def test_no_file_holds_the_body_or_is_readable_by_others(var_dir: Path) -> None:
    storage.put("assertion", b"a very recognisable body", OLU.key)
    files = [path for path in var_dir.rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        assert b"recognisable" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


def test_the_same_body_is_stored_once(var_dir: Path) -> None:
    first = storage.put("assertion", b"body", OLU.key)
    stored = storage._body_path(first.digest).read_bytes()
    assert storage.put("assertion", b"body", MIA.key) == first
    assert storage._body_path(first.digest).read_bytes() == stored
    assert EvidenceItem.objects.count() == 1


def test_a_body_whose_row_was_never_committed_is_no_tampering() -> None:
    class Killed(BaseException):
        """Nothing after it runs, as after SIGKILL."""

    with pytest.raises(Killed), transaction.atomic():
        storage.put("assertion", b"body", OLU.key)
        raise Killed
    assert verify.run().ok
    again = storage.put("assertion", b"body", OLU.key)
    assert storage.get(again.digest) == b"body"


def test_a_body_is_read_also_when_its_writer_died_before_it_was_named(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=False):
        reference = storage.put("assertion", b"body", OLU.key)
    assert not storage._final_path(reference.digest).exists()
    assert storage.get(reference.digest) == b"body"
    assert verify.run().ok


def test_erasing_one_person_leaves_the_others() -> None:
    olu = storage.put("assertion", b"olu's", OLU.key)
    mia = storage.put("assertion", b"mia's", MIA.key)
    assert storage.erase_subject(OLU.key) is True
    with pytest.raises(storage.EvidenceErased):
        storage.get(olu.digest)
    assert storage.get(mia.digest) == b"mia's"
    assert storage.erase_subject(OLU.key) is False


def test_erasing_asks_for_the_persons_key_as_often_however_many_bodies_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    real = storage._subject_key

    def counted(subject_key: str, *, create: bool) -> bytes:
        asked.append(subject_key)
        return real(subject_key, create=create)

    def unwrapped(bodies: int) -> int:
        for number in range(bodies):
            storage.put("assertion", b"%d" % number, OLU.key)
        asked.clear()
        with monkeypatch.context() as patch:
            patch.setattr(storage, "_subject_key", counted)
            storage.erase_subject(OLU.key)
        return len(asked)

    assert unwrapped(3) == unwrapped(30) <= 2


def test_what_was_erased_stays_erased_when_the_person_comes_back() -> None:
    before = storage.put("assertion", b"before", OLU.key)
    storage.erase_subject(OLU.key)
    after = storage.put("assertion", b"after", OLU.key)
    assert storage.get(after.digest) == b"after"
    with pytest.raises(storage.EvidenceErased):
        storage.get(before.digest)


def test_an_altered_file_or_another_key_is_refused(settings: object) -> None:
    reference = storage.put("assertion", b"body", OLU.key)
    path = storage._body_path(reference.digest)
    sealed = path.read_bytes()
    path.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(storage.EvidenceError, match="altered"):
        storage.get(reference.digest)
    path.write_bytes(sealed)
    settings.EVIDENCE_KEY = b"x" * 32  # type: ignore[attr-defined]
    with pytest.raises(storage.EvidenceError, match="EVIDENCE_KEY"):
        storage.get(reference.digest)


def test_a_body_moved_to_another_name_is_refused() -> None:
    one, two = storage.put("assertion", b"one"), storage.put("assertion", b"two")
    storage._body_path(one.digest).write_bytes(storage._body_path(two.digest).read_bytes())
    with pytest.raises(storage.EvidenceError):
        storage.get(one.digest)


def test_a_token_is_released_only_after_it_expired() -> None:
    now = datetime(2026, 11, 3, tzinfo=UTC)
    reference = storage.put("approval_token", token(int(now.timestamp()) + 60), OLU.key)
    assert storage.get(reference.digest)
    with pytest.raises(storage.NotReleasable):
        storage.release(reference.digest, now)
    assert storage.release(reference.digest, now + timedelta(seconds=61))


def test_unknown_digests_and_kinds_are_refused() -> None:
    with pytest.raises(storage.EvidenceMissing):
        storage.get("00" * 32)
    with pytest.raises(ValueError, match="refresh_token"):
        storage.put("refresh_token", b"never")


def test_issuer_keys_are_the_union_of_all_snapshots() -> None:
    old, new = {"kid": "1", "kty": "RSA", "n": "a"}, {"kid": "2", "kty": "RSA", "n": "b"}
    storage.put_issuer_keys(OLU.iss, {"keys": [old]})
    storage.put_issuer_keys(OLU.iss, {"keys": [old]})
    storage.put_issuer_keys(OLU.iss, {"keys": [new]})
    assert EvidenceItem.objects.count() == 2
    kids = [key["kid"] for key in storage.issuer_keys(OLU.iss)["keys"]]
    assert sorted(kids) == ["1", "2"]
    assert storage.issuer_keys("https://other/")["keys"] == []
    assert list(storage.IssuerKeys()) == [OLU.iss]
    assert "https://other/" not in storage.IssuerKeys()


def test_erasing_a_person_keeps_the_ledger_whole() -> None:
    held = storage.put("assertion", b"olu's", OLU.key)
    (of_olu, of_mia) = record_many(
        [DraftFactory.build(reason="zebra"), DraftFactory.build(actor=MIA)]
    )
    sequencer.run_once()
    assert erase_person(OLU.key) == 1
    event = load(of_olu)
    assert event["actor"]["sub"] == event["reason"] == {"erased": True}
    assert load(of_mia)["actor"]["name"] == "Mia Straße"
    for bar in ("zebra", "actor:olu@acme.example", "olu"):
        assert event_search.page(EventQuery.from_bar(bar)).total.count == 0, bar
    assert event_search.page(EventQuery.from_bar("straße")).total.count == 1
    with pytest.raises(storage.EvidenceErased):
        storage.get(held.digest)
    assert verify.run().ok
    assert inclusion_proof_file.verify(
        proofs_and_tiles.proof_for(of_olu),
        proofs_and_tiles.entry_of(of_olu),
        [proofs_and_tiles.vkey()],
    )
    with pytest.raises(ValueError, match="no one"):
        erase_person("")


# A change of EVIDENCE_KEY


def test_a_change_of_the_wrapping_key_that_is_killed_is_repeated_and_retires_the_old_one(
    var_dir: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = {storage.put("assertion", b"%d" % n, f"{n:064x}").digest: n for n in range(5)}
    erased = storage.put("assertion", b"erased", MIA.key).digest
    storage.erase_subject(MIA.key)
    old, new = settings.EVIDENCE_KEY, b"n" * 32
    with pytest.raises(CommandError, match="Set EVIDENCE_KEY to a new key"):
        call_command("rotate_evidence_key")
    settings.EVIDENCE_KEY, settings.EVIDENCE_KEY_PREVIOUS = new, old
    synced = durable_files.sync_folder
    for nth in range(9):  # dies after each durable write in turn
        left = nth

        def dying(folder: Path) -> None:
            nonlocal left
            synced(folder)
            if left == 0:
                raise KeyboardInterrupt
            left -= 1

        with monkeypatch.context() as patch:
            patch.setattr(durable_files, "sync_folder", dying)
            try:
                call_command("rotate_evidence_key")
                break
            except KeyboardInterrupt:
                storage.forget_read()
        assert [storage.get(digest) for digest in bodies] == [b"%d" % n for n in bodies.values()]
        storage.put("assertion", b"meanwhile %d" % nth, f"{100 + nth:064x}")
    assert nth >= 1
    assert not storage._final_path(erased).is_file() or not storage.has_key(MIA.key)
    with pytest.raises(storage.EvidenceErased):
        storage.get(erased)

    # The new one alone opens everything, the old one nothing, and it says so.
    settings.EVIDENCE_KEY_PREVIOUS = b""
    assert [storage.get(digest) for digest in bodies] == [b"%d" % n for n in bodies.values()]
    for named in ((old, b""), (b"x" * 32, old)):
        settings.EVIDENCE_KEY, settings.EVIDENCE_KEY_PREVIOUS = named
        with pytest.raises(storage.EvidenceError, match="EVIDENCE_KEY is"):
            storage.get(next(iter(bodies)))
    settings.EVIDENCE_KEY, settings.EVIDENCE_KEY_PREVIOUS = old, b""
    with pytest.raises(storage.EvidenceError, match="one that was replaced"):
        storage.put("assertion", b"late", OLU.key)
    assert EventRow.objects.filter(action="evidence.key_changed").count() == 1


def test_a_generated_wrapping_key_is_replaced_by_the_command_itself(
    var_dir: Path, settings: Any
) -> None:
    digest = storage.put("assertion", b"body", OLU.key).digest
    kept = var_dir / "secrets" / "EVIDENCE_KEY"
    durable_files.write_durably(kept, settings.EVIDENCE_KEY.hex().encode())
    call_command("rotate_evidence_key")
    previous = kept.with_name("EVIDENCE_KEY_PREVIOUS")
    # What a restart reads:
    settings.EVIDENCE_KEY = bytes.fromhex(kept.read_text())
    settings.EVIDENCE_KEY_PREVIOUS = bytes.fromhex(previous.read_text())
    assert storage.get(digest) == b"body"
    call_command("rotate_evidence_key")
    assert not previous.exists()
    settings.EVIDENCE_KEY_PREVIOUS = b""
    assert storage.get(digest) == b"body"

"""An event as an exhibit, the ledger's own page, and the public log."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client

from audit import (
    due_exports_and_cleanup,
)
from audit.db import (
    insert_only,
)
from audit.keys import (
    keyring,
    log_identity,
    restored_database_adoption,
    rotation,
)
from audit.ledger import checkpoint as checkpoints
from audit.ledger import merkle, tiles
from audit.ledger.offline.proof_check import verify_proof_file
from audit.migrations import _insert_only
from audit.models import Checkpoint, Event, EventRow, VerificationRun
from audit.proofs import (
    proofs_and_tiles,
)
from audit.recording.actors import SYSTEM, Subject, Target
from audit.recording.record import record
from audit.sequencing import (
    sequencer,
)
from audit.verification import (
    requested_runs,
    verify,
)
from audit.verification.report import Report
from audit.views.event.proof_picture import picture
from tests.attacks.ledger.world import undone
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.support import renamed_log
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    cache.clear()


@pytest.fixture
def ada() -> Client:
    return browser_of(ADA)


@pytest.fixture
def event(db: None) -> Event:
    made = record(
        OLU,
        "skill.blocked",
        target=Target("skill", "pdf-exfil", "edge-1"),
        reason="exfiltrates documents",
        operation="op-1",
        changes={"state": {"before": "held", "after": "blocked"}},
        private={"raw": {"details": "password=hunter2secret"}},
    )
    record(OLU, "skill.held", target=Target("skill", "pdf-exfil", "edge-1"), operation="op-1")
    return made


def plain(page: str) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", page))


def test_an_exhibit_says_who_what_why_and_when(event: Event, ada: Client) -> None:
    sequencer.run_once()
    page = text_of(ada.get(f"/audit/events/{event.id}/"))
    for words in (OLU.name, OLU.email, OLU.sub, OLU.iss, "operator at the time", "Skill blocked",
                  "edge-1", "exfiltrates documents", "UTC"):  # fmt: skip
        assert words in plain(page), words
    assert "<del>" in page and "held" in page and "<ins>" in page
    assert f'href="/audit/events/{EventRow.objects.get(action="skill.held").event}/"' in page
    assert "print-only" in page


def test_an_exhibit_tells_what_is_proven_and_what_is_not(event: Event, ada: Client) -> None:
    sequencer.run_once()
    page = plain(text_of(ada.get(f"/audit/events/{event.id}/")))
    assert "It is entry 0 of 2 in the tree that ledger.example/test signed." in page
    assert "no quorum of witnesses that you trust has co-signed it" in page
    assert "That the record is true" in page
    fetched = "curl -s https://issuer.example/.well-known/jwks.json > jwks.json"
    assert fetched in page.replace(settings.ENV.issuer, "https://issuer.example/")


def test_an_exhibit_shows_the_entry_byte_for_byte_and_masks_secrets(
    event: Event, ada: Client
) -> None:
    sequencer.run_once()
    page = unescape(text_of(ada.get(f"/audit/events/{event.id}/")))
    assert bytes(Event.objects.get(id=event.id).entry).decode() in page
    assert "hunter2secret" not in page and "[masked" in page


def test_proof_and_entry_convince_whoever_trusts_the_key(event: Event, ada: Client) -> None:
    sequencer.run_once()
    proof = ada.get(f"/audit/events/{event.id}/proof")
    entry = ada.get(f"/audit/events/{event.id}/entry")
    assert verify_proof_file(proof.content, entry.content, [log_identity.vkey()]).ok
    assert (
        proof["Content-Disposition"] == f'attachment; filename="{str(event.id)[-12:]}.tlog-proof"'
    )
    assert entry["Content-Type"] == "application/octet-stream"
    page = unescape(text_of(ada.get(f"/audit/events/{event.id}/")))
    assert f"--vkey '{log_identity.vkey()}'" in page


def test_before_it_is_sequenced_the_page_says_so_and_looks_again(event: Event, ada: Client) -> None:
    page = text_of(ada.get(f"/audit/events/{event.id}/"))
    assert "not in the signed tree yet" in page and "Download proof" not in page
    answer = ada.get(f"/audit/events/{event.id}/proof")
    assert (answer.status_code, answer["Retry-After"]) == (409, "1")
    assert answer["Refresh"] == "2"


def test_a_member_opens_what_concerns_them_and_nothing_else(event: Event) -> None:
    own = record(OLU, "connection.revoked", target=Target("connection", "slack"),
                 on_behalf_of=Subject(MIA.iss, MIA.sub))  # fmt: skip
    mia = browser_of(MIA)
    assert mia.get(f"/audit/events/{own.id}/").status_code == 200
    for path in ("", "proof", "entry"):
        assert mia.get(f"/audit/events/{event.id}/{path}").status_code == 403
        assert Client().get(f"/audit/events/{event.id}/{path}").status_code == 302
        assert mia.get(f"/audit/events/{uuid4()}/{path}").status_code == 404
        assert mia.post(f"/audit/events/{own.id}/{path}").status_code == 405


def test_an_erased_event_still_reads(event: Event, ada: Client) -> None:
    from audit.models import Openings

    Openings.objects.filter(event=event.id).delete()
    sequencer.run_once()
    page = plain(text_of(ada.get(f"/audit/events/{event.id}/")))
    assert "(erased)" in page and OLU.email not in page


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 100, 257])
def test_the_picture_joins_on_the_sides_that_verify(size: int) -> None:
    leaves = [bytes([n % 256]) * 32 for n in range(size)]
    root = merkle.root(leaves)
    for index in {0, 1, size // 2, size - 1} & set(range(size)):
        path = merkle.inclusion_proof(leaves, index, size)
        drawn = picture(index, size, len(path)).joints
        whole = picture(index, size, len(path))
        assert all(4 <= j.ny <= whole.height - 4 for j in whole.joints)  # nothing is cut off
        node = leaves[index]
        for joint, neighbour in zip(drawn, path, strict=True):
            pair = (node, neighbour) if joint.side == "right" else (neighbour, node)
            node = merkle.node_hash(*pair)
        assert node == root


# The ledger


def test_the_ledger_page_names_tree_key_and_no_witness(event: Event, ada: Client) -> None:
    assert "Nothing has been signed yet" in text_of(ada.get("/audit/ledger/"))
    sequencer.run_once()
    page = unescape(text_of(ada.get("/audit/ledger/")))
    assert "2 entries" in page and log_identity.vkey() in page and log_identity.origin() in page
    assert "0 independent witnesses." in page
    assert "/log/checkpoint" in page


def test_the_ledger_page_tells_of_keys_that_ended_and_of_what_was_adopted(
    event: Event, ada: Client, var_dir: Path
) -> None:
    sequencer.run_once()
    old = [one.key.key_id for one in keyring.read().current]
    assert "Adopted after a restore" not in text_of(ada.get("/audit/ledger/"))
    rotation.start()
    sequencer.run_once()
    rotation.finish()
    made = restored_database_adoption.Adoption(
        "2026-11-25T18:00:00.000000Z", 3, "b2xk", 40, "bG9zdA==", "the disk <b>failed</b>", "root"
    )
    restored_database_adoption.write([made])
    page = unescape(text_of(ada.get("/audit/ledger/")))
    assert page.count("Signs no more.") == len(old) == 2
    assert all(vkey in page for vkey in proofs_and_tiles.vkeys())
    assert "Adopted after a restore" in page and "40 had been signed" in page
    assert "Nothing is signed until the log is larger than 40" in page
    assert "<b>failed" not in text_of(ada.get("/audit/ledger/"))


def test_the_ledger_page_tells_of_a_new_name_and_what_a_witness_had_objected(
    event: Event, ada: Client, settings: Any
) -> None:
    sequencer.run_once()
    old, settings.LEDGER_ORIGIN = log_identity.origin(), ""
    with undone():
        record(SYSTEM, "external.happened")
        lost = sequencer.run_once().size
    renamed_log.rename("ledger.example/again", "the disk <b>failed</b>", "root")
    sequencer.run_once()
    page = unescape(text_of(ada.get("/audit/ledger/")))
    told = page[page.index("Adopted after a restore") :]
    assert old in told and "ledger.example/again" in told
    assert f'as <span class="mono">{old}</span>' in page  # what the ended keys had signed
    assert f"{lost} had been signed" in told
    assert f"It does not agree with the checkpoint of {lost}" in told
    assert "Nothing is signed until" not in told and "What the old keys have signed" in told
    assert "<b>failed" not in text_of(ada.get("/audit/ledger/"))
    (made,) = restored_database_adoption.made_so_far()
    restored_database_adoption.write([replace(made, objection="the witness w.example objects")])
    page = unescape(text_of(ada.get("/audit/ledger/")))
    assert "Then: the witness w.example objects" in page


def test_verify_makes_a_run_that_waits_for_the_worker_then_passes(
    event: Event, ada: Client
) -> None:
    sequencer.run_once()
    answer = ada.post("/audit/ledger/verify/")
    assert answer.status_code == 302
    run = VerificationRun.objects.get()
    assert run.requested_by == ADA.name
    again = browser_of(OLU).post("/audit/ledger/verify/")
    assert again["Location"] == answer["Location"]
    VerificationRun.objects.update(asked=run.asked - timedelta(seconds=30))
    page = text_of(ada.get(answer["Location"]))
    assert "Waiting for the worker" in page and 'hx-trigger="every 1s"' in page
    assert due_exports_and_cleanup.run() == 0, "exports do not wait for it"
    assert requested_runs.run_due() == 1
    fragment = text_of(ada.get(answer["Location"], headers={"HX-Request": "true"}))
    assert "<html" not in fragment and "hx-trigger" not in fragment
    signed = Checkpoint.objects.count()
    assert "Of 2 entries, none was found changed or missing." in fragment
    for label, value in (("Entries checked", "2"), ("Checkpoints", f"{signed} signed, ")):
        assert f"<dt>{label}</dt><dd>{value}" in fragment
    verdict, limit = fragment.index("none was found"), fragment.index("This check does not prove")
    assert verdict < limit < fragment.index("Entries checked")
    for name in ("Events", "Personal values", "Search", "Tree", "Checkpoints", "Guards"):
        assert f"{name}:" in fragment


def test_a_run_says_what_it_waits_for_until_its_first_entries_are_checked(
    event: Event, ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(record_many([DraftFactory.build()]))
    sequencer.run_once()
    run = requested_runs.request(ADA)
    url, seen = f"/audit/ledger/runs/{run.id}/", []
    asked = text_of(ada.get(url))
    assert "<p>Waiting to start.</p>" in asked
    assert '<a href="/audit/ledger/">Signed log</a></li><li><span aria-current' in asked
    VerificationRun.objects.update(state=VerificationRun.State.RUNNING)
    page = text_of(ada.get(url))
    assert "<p>Waiting for the number of entries.</p>" in page and "entry 0" not in page
    VerificationRun.objects.update(state=VerificationRun.State.WAITING)
    check = verify.run

    def look_first(**options: Any) -> Report:
        seen.append(text_of(ada.get(url)))
        return check(**options)

    monkeypatch.setattr(verify, "run", look_first)
    requested_runs.perform(run.id)
    assert "<p>Checking the first of 3 entries.</p>" in seen[0] and "0 of 3" in seen[0]


def test_a_failed_run_names_index_and_reason(event: Event, ada: Client) -> None:
    sequencer.run_once()
    with connection.cursor() as cursor:
        for statement in _insert_only.drop(connection.vendor, *insert_only.GUARDED):
            cursor.execute(statement)
    Event.objects.filter(id=event.id).update(entry=b"{}")
    run = requested_runs.request(ADA)
    requested_runs.perform(run.id)
    page = text_of(ada.get(f"/audit/ledger/runs/{run.id}/"))
    assert "failed" in page and "#0" in page
    assert "Verification failed" in page and "the trigger" in page


def test_a_run_whose_worker_died_says_so(event: Event, ada: Client) -> None:
    run = requested_runs.request(ADA)
    old = run.asked - timedelta(minutes=5)
    VerificationRun.objects.update(state=VerificationRun.State.RUNNING, seen=old, started=old)
    requested_runs.run_due()
    page = text_of(ada.get(f"/audit/ledger/runs/{run.id}/"))
    assert "the worker was stopped" in page and "<h2>Verification did not finish</h2>" in page
    assert "Verification failed" not in page and "none was found" not in page


def test_verifying_is_for_readers_by_post_with_a_token() -> None:
    assert browser_of(MIA).post("/audit/ledger/verify/").status_code == 403
    assert browser_of(ADA).get("/audit/ledger/verify/").status_code == 405
    assert browser_of(OLU, csrf=True).post("/audit/ledger/verify/").status_code == 403
    assert Client().post("/audit/ledger/verify/").status_code == 302
    assert browser_of(ADA).get(f"/audit/ledger/runs/{uuid4()}/").status_code == 404
    assert not VerificationRun.objects.exists()


# The public log


def test_strangers_get_checkpoint_key_and_tiles_and_can_rebuild_the_root(var_dir: Path) -> None:
    list(record_many(DraftFactory.build(target=None) for _ in range(300)))
    stranger = Client()
    assert stranger.get("/log/checkpoint").status_code == 404
    sequencer.run_once()
    keys = text_of(stranger.get("/log/key")).split()
    head = checkpoints.verify(stranger.get("/log/checkpoint").content, keys)
    full, partial = stranger.get("/log/tile/0/000"), stranger.get("/log/tile/0/001.p/44")
    assert head.size == 300
    assert full["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "immutable" not in partial["Cache-Control"]
    body = full.content + partial.content
    assert merkle.root([body[i : i + 32] for i in range(0, len(body), 32)]) == head.root
    assert stranger.head("/log/tile/0/000").status_code == 200
    assert stranger.post("/log/checkpoint").status_code == 405


@pytest.mark.parametrize(
    "path", ["tile/0/1", "tile/0/x000", "tile/0/000", "tile/64/000", "tile/0/000.p/0", "tile/a/000",
             "tile/0/000.p/2", "nonsense", "tile/-1/000", "tile/0/../000"]
)  # fmt: skip
def test_what_is_no_tile_of_the_signed_tree_is_not_found(event: Event, path: str) -> None:
    record(OLU, "skill.blocked")
    Event.objects.count()
    assert Client().get(f"/log/{path}").status_code == 404


def test_entries_are_for_readers_only(event: Event, ada: Client) -> None:
    sequencer.run_once()
    url = "/log/tile/entries/000.p/2"
    assert Client().get(url).status_code == 403
    assert browser_of(MIA).get(url).status_code == 403
    answer = ada.get(url)
    assert answer["Cache-Control"].startswith("private")
    found = tiles.read_bundle(answer.content)
    assert next(UUID(json.loads(entry)["id"]) for entry in found) == event.id
    assert b"hunter2secret" not in answer.content

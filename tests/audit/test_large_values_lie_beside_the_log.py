"""A value longer than an entry may be: a commitment stands in the entry, the value beside it."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from audit import clock, packs
from audit.exports import full_log
from audit.ledger import note
from audit.ledger.format.canonical import EntryError
from audit.ledger.offline import full_log_check
from audit.ledger.packs import pack_check
from audit.ledger.tiles import MAX_ENTRY_BYTES
from audit.ledger.trust_policy import NONE, Policy
from audit.models import EventRow, Openings
from audit.proofs import proofs_and_tiles
from audit.recording import stored_event_loader
from audit.recording.record import record
from audit.sequencing import sequencer, stored_tree_queries
from audit.verification import verify
from tests.audit.browsing import browser_of
from tests.audit.calling import caller
from tests.audit.factories import ADA, OLU
from tests.audit.signed import newest_checkpoint
from tests.support.tenant import LocalTenant

pytestmark = pytest.mark.django_db
LARGE = "ä8 " * 70_000  # 280 kB


def test_a_reported_value_of_200_kib_is_kept_checked_and_handed_out(
    portal_tenant: LocalTenant,
) -> None:
    body = json.dumps([{"action": "ci.ran", "data": {"output": LARGE}}])
    (result,) = caller(portal_tenant, "operator").post("/events", body).json()["results"]
    assert result["status"] == "recorded", result
    id = UUID(result["id"])
    sequencer.run_once()
    seq = EventRow.objects.get(event=id).seq
    assert seq is not None
    (entry,) = stored_tree_queries.entry_bytes(seq, seq + 1)
    assert len(entry) < 4_000 and stored_event_loader.load(id)["data"]["output"] == LARGE
    assert verify.run().ok
    assert browser_of(ADA).get(f"/audit/events/{id}/").status_code == 200
    trust = Policy((note.parse_vkey(proofs_and_tiles.vkey()),), {}, {}, NONE)
    selection = packs.of_event(stored_event_loader.load(id))
    pack = packs.build(selection, clock.now(), lambda _: True).body
    assert LARGE.encode() in pack and pack_check.check(pack, pack_check.Roots(trust)).intact
    whole = b"".join(full_log.hand_out(ADA, newest_checkpoint())).splitlines(keepends=True)
    assert full_log_check.check(whole, trust).ok
    rows = Openings.objects.filter(event=id)
    row = next(one for one in rows if "private.output" in one.values)
    salt, _ = row.values["private.output"]
    row.values["private.output"] = [salt, LARGE + "."]
    Openings.objects.filter(pk=row.pk).update(values=row.values)
    assert next((one.code, one.index) for one in verify.run().problems) == ("opening", seq)


def test_a_reason_that_is_too_long_is_refused_where_it_stands(portal_tenant: LocalTenant) -> None:
    body = json.dumps([{"action": "ci.ran", "reason": LARGE}, {"action": "ci.ran"}])
    refused, kept = caller(portal_tenant, "operator").post("/events", body).json()["results"]
    assert (refused["status"], refused["pointer"]) == ("refused", "/0/reason")
    assert "4000 characters" in refused["detail"] and kept["status"] == "recorded"


def test_what_stands_in_the_entry_itself_is_refused_before_anything_is_written() -> None:
    with pytest.raises(EntryError, match=f"{MAX_ENTRY_BYTES:,} fit. Put large values"):
        record(OLU, "skill.held", data={"output": LARGE})
    assert not EventRow.objects.exists()

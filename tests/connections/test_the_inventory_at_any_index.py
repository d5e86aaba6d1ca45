"""The inventory is what the log tells: rebuilt from entries and openings at every index."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from approvals import clock, registry
from approvals.errors import Refused
from approvals.pipeline.commit import commit_now
from audit.clock import uuid7
from audit.keys import log_identity
from audit.ledger.offline import log_file
from audit.models import Entry
from audit.proofs import proofs_and_tiles
from audit.recording.actors import Actor, Subject, Target
from audit.recording.stored_event_loader import openings_of
from audit.sequencing import sequencer, signed_state
from connections.auth_ibom import fact_collection, replay
from connections.auth_ibom.inventory_records import ERASED, Account
from connections.component_manifests import manifest_store
from connections.idle_access import idle_and_active_events
from connections.idle_access.idle_and_hours_setting_types import DAYS
from connections.models import (
    ConnectedAccount,
    State,
)
from connections.status.account_status import Code
from connections.sync import update_accounts
from tests.connections.random_inventories import anything, fact, step
from tests.connections.visitor import Gateway, know, subject
from tests.support.erasing import erase_person

_PURE = """
import json, sys
from datetime import datetime
from audit.ledger.format.commitment import Opening
from audit.ledger.format.entry import reveal
from connections.auth_ibom.replay import Inventory
entries = [json.loads(line) for line in sys.stdin]
opened = (
    reveal(
        one["entry"].encode(),
        [
            Opening(o["path"], o["subject"], bytes.fromhex(o["salt"]), o["value"])
            for o in one["openings"]
        ],
        index=one["index"],
    )
    for one in entries
)
inventory = Inventory()
for event in opened:
    inventory.take(event)
found = inventory.as_of(datetime.fromisoformat(sys.argv[1]))
assert not [name for name in sys.modules if name.split(".")[0] == "django"], "no Django"
print(json.dumps({n: [a.state, list(a.scopes), a.sub] for n, a in found.accounts.items()}))
"""


def now_known() -> dict[str, Account]:
    """The rows of now."""
    admin = Actor(iss=settings.ENV.issuer, sub="x", roles=frozenset({"admin"}))
    return {account.id: account for account in fact_collection.read(admin).accounts}


def told(size: int, moment: datetime | None = None) -> dict[str, Account]:
    """What the log tells of a moment; of its last entry's unless given."""
    return {account.id: account for account in fact_collection.at(size, moment).accounts}


@pytest.mark.parametrize("seed", [16, 19])  # which lead through every state that is asked for
def test_what_time_freezes_and_settings_do_is_told_by_the_log_too(
    db: None, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    global _moment
    _moment = _BEGAN
    monkeypatch.setattr(clock, "now", lambda: _moment)
    monkeypatch.setattr("audit.clock.now", lambda: _moment)
    know("member1", "member2", "admin")
    seen: set[str] = set()
    choose = random.Random(seed)
    for _ in range(60):
        (step if choose.random() < 0.3 else around)(choose)
        sequencer.run_once()
        rows, again = now_known(), told(Entry.objects.count(), _moment)
        assert comparable(again) == comparable(rows)
        assert stood(again) == stood(rows)
        seen |= {account.state for account in rows.values()}
    assert {Code.ASLEEP, Code.FROZEN, Code.CONNECTED, Code.NEEDS_RECONNECT} <= seen


def stood(accounts: dict[str, Account]) -> dict[str, Any]:
    """Since when, which the times of events tell to the second."""
    return {
        name: account.state_since and account.state_since.replace(microsecond=0)
        for name, account in accounts.items()
    }


def comparable(accounts: dict[str, Account]) -> dict[str, Any]:
    """What both have to agree on; the rest no event has to tell (docs/ibom.md)."""
    return {
        name: (
            account.connection,
            account.auth0_id,
            account.iss,
            account.sub,
            sorted(account.scopes),
            account.state,
            {key: use.count for key, use in account.uses.items()},
            account.seen,
        )
        for name, account in accounts.items()
    }


def decide(who: Actor, verb: str, target: Target, params: dict[str, Any]) -> None:
    """A decision whose approval is left out: what is held here is what it leads to."""
    with transaction.atomic():
        commit_now(
            verb=registry.get(verb),
            actor=who,
            target=target,
            params=params,
            reason="a test",
            severity="LOW",
            operation=str(uuid7()),
            intent_hash="",
        )


def around(choose: random.Random) -> None:
    """One thing that can happen around the accounts: time, freezes, settings, waking."""
    global _moment
    _moment += timedelta(hours=choose.choice([0, 1, 5, 30, 100]))
    admin = Actor(iss=settings.ENV.issuer, sub=subject("admin"), roles=frozenset({"admin"}))
    service = Target("service", choose.choice(["github", "slack", "*"]))
    person = Target("person", subject(choose.choice(["member1", "member2"])))
    row = ConnectedAccount.objects.order_by("auth0_id").first()
    hours = {"days": choose.sample(DAYS, 3), "opens": "08:00", "closes": "18:00", "zone": "UTC"}
    params: dict[str, Any] = {
        "idle_h": choose.choice([None, 24, 96]),
        "hours": choose.choice([None, None, hours]),
        "wake": choose.choice(["use", "owner"]),
    }
    what: list[tuple[str, Target, dict[str, Any]]] = [
        ("connection.freeze", service, {}),
        ("connection.unfreeze", service, {}),
        ("person.freeze", person, {}),
        ("person.unfreeze", person, {}),
        *[("connection.relax", Target("service", on), params) for on in ("github", "slack")] * 3,
    ]
    if row is not None:
        what += [("connection.wake", Target("connection", str(row.pk)), {})] * 3
    with suppress(Refused):
        decide(admin, *choose.choice(what))
    idle_and_active_events.run()


_BEGAN = _moment = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def access(found: fact_collection.Facts) -> dict[str, Any]:
    """Consents and refresh tokens as both have to tell them, with the entry that proves each."""
    return {
        one.id: (
            one.kind, one.auth0_id, one.client_id, one.client_name, one.iss, one.sub, one.email,
            one.audiences, one.scopes, one.state, found.proofs[one.id],
        )
        for one in found.access
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_at_every_index_the_log_tells_what_the_rows_were(db: None, seed: int) -> None:
    know("member1", "member2")
    choose = random.Random(seed)
    admin = Actor(iss=settings.ENV.issuer, sub="x", roles=frozenset({"admin"}))
    moments: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
    for _ in range(50):
        anything(choose)
        sequencer.run_once()
        found = fact_collection.read(admin)
        rows = comparable({account.id: account for account in found.accounts})
        moments[Entry.objects.count()] = rows, access(found)
    assert len(moments) > 10 and found.access and found.accounts
    for size, (rows, others) in moments.items():
        found = fact_collection.at(size)
        assert comparable({account.id: account for account in found.accounts}) == rows, size
        assert access(found) == others, size


def test_uses_and_dead_grants_are_told_by_the_brokers_events(
    gateway: Callable[[str], Gateway], github_mcp: manifest_store.Declaration
) -> None:
    caller = gateway("operator")
    for _ in range(2):
        assert caller.exchange().status_code == 200
    sequencer.run_once()
    size = Entry.objects.count()
    assert comparable(told(size)) == comparable(now_known())
    [account] = [a for a in told(size).values() if a.uses]
    assert [(u.agent, u.skill, u.count) for u in account.users] == [
        ("release-bot", "mcp:github-mcp", 2)
    ]
    [declared] = fact_collection.at(size).manifests
    assert declared.needs == (("github", ("read:user", "repo")),)


def test_a_fresh_process_needs_entries_and_openings_alone(db: None) -> None:
    know("member1", "member2")
    choose = random.Random(7)
    for _ in range(15):
        step(choose)
    sequencer.run_once()
    lines = []
    for entry in Entry.objects.order_by("seq").select_related("event"):
        if json.loads(bytes(entry.event.entry))["action"] not in replay.ACTIONS:
            continue
        openings = [
            {"path": o.path, "subject": o.subject, "salt": o.salt.hex(), "value": o.value}
            for o in openings_of([entry.event_id])[entry.event_id]
        ]
        lines.append(
            json.dumps(
                {
                    "index": entry.seq,
                    "entry": bytes(entry.event.entry).decode(),
                    "openings": openings,
                }
            )
        )
    moment = clock.now()
    done = subprocess.run(
        [sys.executable, "-c", _PURE, moment.isoformat()],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rebuilt = json.loads(done.stdout)
    assert rebuilt == {
        n: [a.state, list(a.scopes), a.sub] for n, a in told(Entry.objects.count(), moment).items()
    }


def test_a_stranger_rebuilds_it_from_a_file_of_the_log_alone(db: None, tmp_path: Path) -> None:
    know("member1", "member2")
    choose = random.Random(9)
    for _ in range(12):
        step(choose)
    sequencer.run_once()
    checkpoint = signed_state.newest_checkpoint()
    assert checkpoint is not None
    lines = [log_file.header("x", checkpoint.size, proofs_and_tiles.signed_note(checkpoint))]
    for entry in Entry.objects.order_by("seq").select_related("event"):
        openings = openings_of([entry.event_id]).get(entry.event_id, [])
        lines.append(log_file.line(entry.seq, bytes(entry.event.entry), openings, ()))
    file = tmp_path / "log.ndjson"
    file.write_bytes(b"".join(lines))
    size = checkpoint.size - 3
    done = _rebuilt(file, size)
    assert done.returncode == 0, done.stderr
    found = {one["id"]: one for one in json.loads(done.stdout)["accounts"]}
    portal = {account.id: account for account in fact_collection.at(size).accounts}
    assert found.keys() == portal.keys()
    assert all("use_told" in one for one in json.loads(done.stdout)["access"])
    for name, account in portal.items():
        told_ = found[name]
        assert (told_["state"], told_["sub"], told_["email"], tuple(told_["scopes"])) == (
            account.state,
            account.sub,
            account.email,
            account.scopes,
        )
    file.write_bytes(b"".join([*lines[:2], *lines[3:]]))
    done = _rebuilt(file, size)
    assert done.returncode == 1 and "Not rebuilt" in done.stderr and not done.stdout


def _rebuilt(file: Path, size: int) -> subprocess.CompletedProcess[str]:
    """In a process without settings and without a database."""
    code = (
        "import sys; from connections.auth_ibom.offline_inventory_rebuild import main; "
        "code = main(sys.argv[1:]); "
        "assert not [m for m in sys.modules if m.split('.')[0] == 'django'], 'Django'; "
        "sys.exit(code)"
    )
    arguments = [str(file), "--vkey", log_identity.vkey(), "--size", str(size)]
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


def test_an_erased_owner_reads_as_erased_and_the_account_stays(db: None) -> None:
    know("member1")
    row = update_accounts.appeared(
        settings.ENV.issuer, subject("member1"), fact(random.Random(1), "c"), "management"
    )
    sequencer.run_once()
    erase_person(Subject(settings.ENV.issuer, subject("member1")).key)
    account = told(Entry.objects.count())[str(row.id)]
    assert account.sub == ERASED and account.state == State.CONNECTED

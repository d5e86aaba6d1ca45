"""The inventory is what the log tells: rebuilt from entries and openings at every index."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet

from approvals import clock, registry
from approvals.errors import Refused
from approvals.pipeline.commit import commit_now
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.keys import log_identity
from audit.ledger.offline import log_file
from audit.models import Entry
from audit.proofs import service
from audit.recording.actors import Actor, Subject, Target
from audit.recording.read_events import openings_of
from audit.sequencing import sequencer, signed_state
from connections.application_grants import grant_sync
from connections.auth_ibom import facts, replay
from connections.auth_ibom.records import ERASED, Access, Account
from connections.idle_access import idle_events
from connections.idle_access.working_hours import DAYS
from connections.manifests import in_force
from connections.models import (
    AccessKind,
    AccessState,
    AppAccess,
    ConnectedAccount,
    Feed,
    LogKind,
    State,
)
from connections.status.account_status import Code
from connections.sync import differences
from connections.tenant_log import items, recorder
from tests.accounts.trail import events
from tests.connections.visitor import Gateway, know, subject
from tests.support.erasing import erase_person
from tests.support.pages import signed_in

_SCOPES = ("repo", "read:user", "delete_repo", "gist")
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


def owner(who: str) -> Actor:
    return Actor(iss=settings.ENV.issuer, sub=subject(who), via="web")


def now_known() -> dict[str, Account]:
    """The rows of now."""
    admin = Actor(iss=settings.ENV.issuer, sub="x", roles=frozenset({"admin"}))
    return {account.id: account for account in facts.read(admin).accounts}


def told(size: int, moment: datetime | None = None) -> dict[str, Account]:
    """What the log tells of a moment; of its last entry's unless given."""
    return {account.id: account for account in facts.at(size, moment).accounts}


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
    idle_events.run()


_BEGAN = _moment = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def any_of[M: Model](choose: random.Random, rows: QuerySet[M]) -> M | None:
    """One of them, the same one each time that a seed is tried."""
    found = list(rows.order_by("auth0_id"))
    return choose.choice(found) if found else None


def fact(choose: random.Random, auth0_id: str) -> differences.Fact:
    now = clock.now().replace(microsecond=0)
    ends = choose.choice([None, now + timedelta(days=3), now - timedelta(days=1)])
    scopes = tuple(sorted(choose.sample(_SCOPES, choose.randint(0, 3))))
    return differences.Fact(auth0_id, choose.choice(["github", "slack"]), scopes, now, ends)


def used_elsewhere(choose: random.Random, row: ConnectedAccount) -> None:
    """Auth0 tells of exchanges by other applications, late and in any order."""
    days = [clock.now() - timedelta(days=choose.randint(0, 3)) for _ in range(3)]
    told = [
        items.Entry(
            log_id=f"{choose.random()}",
            at=at,
            kind=choose.choice([LogKind.EXCHANGED, LogKind.EXCHANGE_FAILED]),
            sub=row.sub,
            connection=row.connection,
            client_id=choose.choice(["concierge", "desk"]),
        )
        for at in days
    ]
    recorder.take(choose.choice(list(Feed)), told)


def applications(choose: random.Random, sub: str) -> None:
    """Auth0 lists a person's consents and refresh tokens, or one of them is cut off."""
    row = any_of(choose, AppAccess.objects.filter(state=AccessState.LIVE))
    if row is not None and choose.random() < 0.3:
        me, target = Actor(iss=row.iss, sub=row.sub, via="web"), Target(row.kind, str(row.pk))
        perform(me, "access.revoke", target, reason="a test")
        return
    kind = choose.choice(list(AccessKind))
    # One that is being revoked goes with the step that deletes it, which tells of it.
    going = set(AppAccess.objects.filter(state="revoking").values_list("auth0_id", flat=True))
    ends = choose.choice([None, clock.now().replace(microsecond=0) + timedelta(days=30)])
    listed = [
        grant_sync.Told(
            kind,
            f"{sub} {kind} {n}",
            f"app-{n}",
            tuple(choose.sample(["https://cal.example", "https://mail.example"], 1)),
            tuple(sorted(choose.sample(["read:a", "write:a", "offline_access"], 2))),
            expires_at=ends,
        )
        for n in range(4)
        if choose.random() < 0.7 or f"{sub} {kind} {n}" in going
    ]
    grant_sync._compare(settings.ENV.issuer, sub, kind, listed, clock.now() + timedelta(seconds=1))


def step(choose: random.Random) -> None:
    """One thing that can happen to the inventory."""
    who = choose.choice(["member1", "member2"])
    row = any_of(choose, ConnectedAccount.objects.all())
    what = choose.choice(["appears", "seen", "gone", "suspend", "resume", "revoke", "elsewhere"])
    if row is None or what == "appears":
        known = ConnectedAccount.objects.count()
        differences.appeared(
            settings.ENV.issuer, subject(who), fact(choose, f"cac_{known}"), "management"
        )
    elif what == "seen":
        seen = replace(fact(choose, row.auth0_id), connection=row.connection)
        differences.still_there(row, seen, clock.now() + timedelta(seconds=1))
    elif what == "elsewhere":
        used_elsewhere(choose, row)
    elif what == "gone":
        differences.vanished(row, "a test")
    else:
        me = Actor(iss=row.iss, sub=row.sub, via="web")
        try:
            perform(me, f"connection.{what}", Target("connection", str(row.id)), reason="a test")
        except Refused:
            return


def access(found: facts.Facts) -> dict[str, Any]:
    """Consents and refresh tokens as both have to tell them, with the entry that proves each."""
    return {
        one.id: (
            one.kind, one.auth0_id, one.client_id, one.client_name, one.iss, one.sub, one.email,
            one.audiences, one.scopes, one.state, found.proofs[one.id],
        )
        for one in found.access
    }  # fmt: skip


def anything(choose: random.Random) -> None:
    """One thing that can happen to the inventory or to what applications may do."""
    if choose.random() < 0.3:
        applications(choose, subject(choose.choice(["member1", "member2"])))
    else:
        step(choose)


@pytest.mark.parametrize("seed", range(4))
def test_at_every_index_the_log_tells_what_the_rows_were(db: None, seed: int) -> None:
    know("member1", "member2")
    choose = random.Random(seed)
    admin = Actor(iss=settings.ENV.issuer, sub="x", roles=frozenset({"admin"}))
    moments: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
    for _ in range(50):
        anything(choose)
        sequencer.run_once()
        found = facts.read(admin)
        rows = comparable({account.id: account for account in found.accounts})
        moments[Entry.objects.count()] = rows, access(found)
    assert len(moments) > 10 and found.access and found.accounts
    for size, (rows, others) in moments.items():
        found = facts.at(size)
        assert comparable({account.id: account for account in found.accounts}) == rows, size
        assert access(found) == others, size


def test_uses_and_dead_grants_are_told_by_the_brokers_events(
    gateway: Callable[[str], Gateway], github_mcp: in_force.Declaration
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
    [declared] = facts.at(size).manifests
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
    lines = [log_file.header("x", checkpoint.size, service.signed_note(checkpoint))]
    for entry in Entry.objects.order_by("seq").select_related("event"):
        openings = openings_of([entry.event_id]).get(entry.event_id, [])
        lines.append(log_file.line(entry.seq, bytes(entry.event.entry), openings, ()))
    file = tmp_path / "log.ndjson"
    file.write_bytes(b"".join(lines))
    size = checkpoint.size - 3
    done = _rebuilt(file, size)
    assert done.returncode == 0, done.stderr
    found = {one["id"]: one for one in json.loads(done.stdout)["accounts"]}
    portal = {account.id: account for account in facts.at(size).accounts}
    assert found.keys() == portal.keys()
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
        "import sys; from connections.auth_ibom.offline_rebuild import main; "
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
    row = differences.appeared(
        settings.ENV.issuer, subject("member1"), fact(random.Random(1), "c"), "management"
    )
    sequencer.run_once()
    erase_person(Subject(settings.ENV.issuer, subject("member1")).key)
    account = told(Entry.objects.count())[str(row.id)]
    assert account.sub == ERASED and account.state == State.CONNECTED


def test_the_difference_names_what_came_and_went(db: None) -> None:
    know("member1")
    now = clock.now()
    first = differences.Fact("a", "github", ("repo",), now, None)
    row = differences.appeared(settings.ENV.issuer, subject("member1"), first, "management")
    sequencer.run_once()
    before = Entry.objects.count()
    differences.still_there(
        row, replace(first, scopes=("repo", "gist")), now + timedelta(seconds=1)
    )
    perform(owner("member1"), "connection.suspend", Target("connection", str(row.id)))
    differences.appeared(
        settings.ENV.issuer, subject("member1"), replace(first, auth0_id="b"), "management"
    )
    sequencer.run_once()
    found = facts.between(str(before), "").changes
    told = [(c.what, c.name == str(row.id), c.after, c.gained, c.index) for c in found]
    assert told == [
        ("state", True, "suspended", (), before + 1),
        ("scopes", True, "repo gist", ("gist",), before),
        ("appeared", False, "connected", ("repo",), before + 2),
    ]
    entries = {entry.seq: str(entry.event_id) for entry in Entry.objects.all()}
    assert all(change.event == entries[change.index or 0] for change in found)
    assert facts.between(str(before), str(before)).changes == ()
    row.refresh_from_db()
    differences.vanished(row, "a test")
    sequencer.run_once()
    [last] = facts.between(str(before + 3), "").changes
    assert (last.what, last.before, last.after) == ("vanished", "suspended", "gone")


def apis(thing: Account | Access) -> tuple[str, ...]:
    return thing.audiences if isinstance(thing, Access) else ()


def things(size: int) -> dict[str, Account | Access]:
    """Accounts and access as a walk over every event has them."""
    inventory = replay.Inventory()
    for event in facts.events(size):
        inventory.take(event)
    return inventory.accounts | inventory.access


@pytest.mark.parametrize("seed", range(3))
def test_a_difference_says_all_that_two_inventories_differ_in(db: None, seed: int) -> None:
    know("member1", "member2")
    choose = random.Random(seed)
    for _ in range(35):
        anything(choose)
    sequencer.run_once()
    total = Entry.objects.count()
    for _ in range(6):
        first, size = sorted((choose.randint(0, total), choose.randint(0, total)))
        old, new = (things(end) for end in (first, size))
        found = facts.between(str(first), str(size)).changes
        assert {c.name for c in found if c.what == "appeared"} == new.keys() - old.keys()
        stood = {name for name in old if old[name].state != new[name].state}
        assert {c.name for c in found if c.what in {"state", "vanished"}} == stood
        asked = {name for name in old if set(old[name].scopes) != set(new[name].scopes)}
        assert {c.name for c in found if c.what == "scopes"} == asked
        opened = {name for name in old if apis(old[name]) != apis(new[name])}
        assert {c.name for c in found if c.what == "apis"} == opened
        assert all(c.index is not None and first <= c.index < size for c in found)


def test_a_moment_leads_to_the_entries_recorded_by_then(db: None) -> None:
    know("member1")
    differences.appeared(
        settings.ENV.issuer, subject("member1"), fact(random.Random(2), "a"), "management"
    )
    sequencer.run_once()
    between = clock.now()
    differences.appeared(
        settings.ENV.issuer, subject("member1"), fact(random.Random(3), "b"), "management"
    )
    sequencer.run_once()
    assert facts.size_at(between) == 1 and facts.size_at(clock.now()) == 2


@pytest.mark.parametrize(
    ("at", "size"),
    [
        ("0001-01-01", 0),
        ("0001-01-01T00:00:00Z", 0),
        ("9999-12-31", 2),
        ("9999-12-31T23:59:59+14:00", 2),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-12:00", None),
    ],
)
def test_the_ends_of_time_are_moments_like_others(db: None, at: str, size: int | None) -> None:
    know("member1")
    admin = replace(owner("admin"), roles=frozenset({"admin"}))
    hours = {"days": ["mon"], "opens": "08:00", "closes": "09:00", "zone": "Asia/Tokyo"}
    where = Target("service", "github")
    perform(admin, "connection.restrict", where, params={"hours": hours})
    differences.appeared(
        settings.ENV.issuer, subject("member1"), fact(random.Random(2), "a"), "management"
    )
    sequencer.run_once()
    client = signed_in("auditor", "auditor")
    answer = client.get("/connections/inventory/ibom/", {"at": at})
    changes = client.get("/connections/inventory/changes/", {"from": "0", "to": at})
    if size is None:  # in UTC these are of no year that there is
        assert (answer.status_code, changes.status_code) == (400, 422)
        return
    assert (answer.status_code, changes.status_code) == (200, 200)
    assert facts.size_of(at) == size


@pytest.mark.parametrize(
    ("query", "status"),
    [("?at=1", 200), ("?at=2026-01-01", 200), ("?at=0", 200), ("?at=x", 400), ("?at=-1", 400)],
)
def test_the_page_hands_out_an_earlier_inventory(db: None, query: str, status: int) -> None:
    know("member1")
    differences.appeared(
        settings.ENV.issuer, subject("member1"), fact(random.Random(2), "a"), "management"
    )
    sequencer.run_once()
    answer = signed_in("auditor", "auditor").get(f"/connections/inventory/ibom/{query}")
    assert answer.status_code == status
    if status == 200:
        found = [
            part
            for part in json.loads(answer.content)["components"]
            if part["type"] == "cryptographic-asset"
        ]
        assert len(found) == (1 if query == "?at=1" else 0)
        assert events("connection.exported")[-1]["data"]["rebuilt_from"] is not None

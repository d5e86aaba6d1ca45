"""Random decisions by an owner, admins, operators, comparisons and the broker, in sequence.

They are about accounts, consents to applications, freezes, limits of a connection, and a component:
held and blocked at every gateway or at one, disabled and moved to quarantine at a terminal.

`SEQUENCES` is how many (20), `SEQUENCES_SEED` where they begin; what differs is named with its seed
and its steps. `make sequences` runs 500 on each engine, and `.ci/run` so with every run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from approvals import auth0_clients, clock
from enforcement.gateways import instances
from tests.sequences.defects import DEFECTS
from tests.sequences.stopping import FLEET
from tests.sequences.world import World, people

NUMBER = int(os.environ.get("SEQUENCES", "20"))
SEED = int(os.environ.get("SEQUENCES_SEED", "1"))
STEPS = 25
TOGETHER = 20
"""So many share a transaction: in SQLite each savepoint rolled back makes the next one slower."""
ALL = 500
"""From so many on, every pair has to have come up."""
FREEZABLE = ("agent", "person", "service", "everything")
FREEZES = {
    *((by, what) for by in ("first", "second") for what in FREEZABLE),
    ("owner", "person"),
}
WHO = ("owner", "first", "second", "operator")
BOTH = (("first", "second"), ("second", "first"))
PEERS = (("operator", "colleague"), ("colleague", "operator"))
PAIRS = {
    *((by, who, f"unfreeze {what}") for by, what in FREEZES for who in WHO),
    *(("approval", by, f"unfreeze {what}") for by, what in FREEZES),
    *((by, "broker", f"use of {what}") for by, what in FREEZES),
    *((by, who, f"freeze {what}") for by, who in BOTH for what in FREEZABLE),
    *((by, who, "suspend") for by, who in BOTH),
    *((by, who, act) for by, who in BOTH for act in ("limit", "relax a limit")),
    *(
        (by, who, act)
        for by, who in PEERS
        for act in ("hold", "block", "release", "unblock", "allow")
    ),
    *(
        (by, who, f"{act} one under a hold of all")
        for by, who in PEERS
        for act in ("unblock", "allow")
    ),
    *(
        (by, who, f"{act} what is out of use")
        for by, who in PEERS
        for act in ("enable", "restore", "unblock", "allow")
    ),
    *((state, who, "revoke consent") for state in ("live", "revoking", "gone") for who in WHO),
    *((by, "sync", "consent back") for by in ("owner", "first", "second", "-")),
    *(
        (by, "sync", f"{when} comparison of a consent")
        for by in ("owner", "first", "second")
        for when in ("late", "timely")
    ),
    *((by, who, "resume") for by in ("owner", "first", "second") for who in ("owner", "operator")),
    *((by, who, "resume") for by in ("owner", "first", "second") for who in ("first", "second")),
    *((by, who, "undo") for by in ("owner", "first", "second") for who in ("owner", "first")),
    *((by, who, "connect") for by in ("first", "second") for who in ("owner", "sync")),
    *((by, "sync", "back") for by in ("first", "second", "-")),
    *(("approval", by, "resume") for by in ("owner", "first", "second")),
    *(
        (how, "owner", f"wake by {who}")
        for how in ("use", "setting")
        for who in ("owner", "broker")
    ),
}


class Tally:
    """What all sequences together came to."""

    def __init__(self) -> None:
        self.sequences = self.steps = self.committed = 0
        self.covered: set[tuple[str, str, str]] = set()

    def take(self, world: World) -> None:
        self.sequences += 1
        self.steps += world.steps
        self.committed += world.committed
        self.covered |= world.covered


def sequence(seed: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """One sequence, of which nothing stays; a difference tells how it came about."""
    before = transaction.savepoint_create()
    world = World(seed)
    monkeypatch.setattr(clock, "now", world.time.now)
    monkeypatch.setattr(auth0_clients, "management", lambda: world.applications.management)
    monkeypatch.setattr(instances, "fleet", lambda: FLEET)
    try:
        world.run(STEPS)
    except Exception as differs:
        said = "\n  ".join(world.told)
        raise AssertionError(f"seed {seed}: {differs!r} after\n  {said}") from differs
    finally:
        transaction.savepoint_rollback(before)
    return world


@pytest.fixture(scope="module")
def tally() -> Iterator[Tally]:
    """The sum over all sequences; after the last one it has to be enough."""
    total, began = Tally(), time.monotonic()
    yield total
    took = time.monotonic() - began
    print(f"{total.sequences} sequences from seed {SEED}: {total.steps} steps, "
          f"{total.committed / total.steps:.0%} committed, {took:.1f} s")  # fmt: skip
    assert total.committed >= 0.3 * total.steps
    if total.sequences >= ALL:
        assert not PAIRS - total.covered, f"never came up: {sorted(PAIRS - total.covered)}"


@pytest.mark.parametrize("first", range(SEED, SEED + NUMBER, TOGETHER))
def test_no_sequence_of_decisions_relaxes_what_somebody_else_restricted(
    db: None, tally: Tally, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    people()
    for n in range(first, min(first + TOGETHER, SEED + NUMBER)):
        world = sequence(str(n), monkeypatch)
        tally.take(world)
        assert world.steps >= STEPS


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_can_be_put_back(defect: Callable[[], Any]) -> None:
    with defect():
        pass


@pytest.mark.longer
@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_that_was_found_would_be_found_again(
    db: None, monkeypatch: pytest.MonkeyPatch, defect: Callable[[], Any]
) -> None:
    people()
    with defect():
        for n in (DEFECTS[defect], *range(SEED, SEED + 500)):
            try:
                sequence(str(n), monkeypatch)
            except AssertionError:
                print(f"{connection.vendor}: sequence {n} finds {defect.__name__}")
                return
    pytest.fail("not found within 500 sequences")

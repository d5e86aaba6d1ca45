"""From the commit of a freeze, or of a revocation, to the first refusal that a caller sees.

    python -m benchmarks.broker.time_to_first_refusal ROUNDS SUB      (in the portal's environment)

Takes the decisions through the product's own pipeline, in a process next to the portal's, while
callers ask all the time; prints a line when it begins, and `[[kind, before, after, ended]]` in
epoch seconds: when the decision was begun, when it was committed, and when its end began. How it
ends is the benchmark's own doing, past the step-up that unfreezing needs. With 0 rounds it ends
what a run that was interrupted left behind in a database that is used again.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db.models import QuerySet  # noqa: E402

from approvals.pipeline.service import perform  # noqa: E402
from audit.recording.actors import Actor, Target  # noqa: E402
from connections.models import ConnectedAccount, Freeze, State  # noqa: E402

STANDS_S = 0.6


def _actor(sub: str, *roles: str) -> Actor:
    return Actor(iss=settings.ENV.issuer, sub=sub, roles=frozenset(roles), via="web")


def _freeze(_sub: str) -> None:
    perform(_actor("auth0|admin", "admin"), "agent.freeze", Target("agent", "bench"), reason="try")


def _thaw(_sub: str) -> None:
    Freeze.objects.all().delete()


def _accounts(sub: str) -> QuerySet[ConnectedAccount]:
    """The person's at this issuer: each run has a separate one, and the database may be used."""
    return ConnectedAccount.objects.filter(iss=settings.ENV.issuer, sub=sub)


def _revoke(sub: str) -> None:
    account = _accounts(sub).get()
    perform(_actor(sub), "connection.revoke", Target("connection", str(account.pk)), reason="try")


def _connect(sub: str) -> None:
    _accounts(sub).update(state=State.CONNECTED, operation="")


def _rounds(
    kind: str, act: Callable[[str], None], undo: Callable[[str], None], rounds: int, sub: str
) -> list[tuple[str, float, float, float]]:
    decisions = []
    for _ in range(rounds):
        time.sleep(STANDS_S)
        before = time.time()
        act(sub)
        after = time.time()
        time.sleep(STANDS_S)
        decisions.append((kind, before, after, time.time()))
        undo(sub)
    return decisions


if __name__ == "__main__":
    rounds, sub = int(sys.argv[1]), sys.argv[2]
    _thaw(sub)
    _connect(sub)
    print("begins", flush=True)
    found = _rounds("freeze", _freeze, _thaw, rounds, sub)
    found += _rounds("revoke", _revoke, _connect, rounds, sub)
    print(json.dumps(found))

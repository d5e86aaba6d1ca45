"""Sending each new checkpoint to the witnesses, and what follows from their answers."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from django.db import close_old_connections
from django.db.models import Q

from audit import clock
from audit.db import process_locks
from audit.erasure import idle_database_connections
from audit.models import Checkpoint, Cosignature, WitnessState
from audit.sequencing import signed_state
from audit.witnesses import signing_stop
from audit.witnesses.configuration import Target, configured
from audit.witnesses.exchange import Said, Verdict, request_body, submit

_log = logging.getLogger(__name__)

AGAIN = timedelta(minutes=10)  # a tree that does not grow is cosigned again, so that time is told
_FIRST_WAIT_S, _LONGEST_WAIT_S = 2, 60
_APART_S = 3000  # verification takes an hour for wrong
_STATES = {
    Verdict.BEHIND: WitnessState.State.REFUSES,
    Verdict.CONFLICT: WitnessState.State.CONFLICT,
    Verdict.REFUSED: WitnessState.State.REFUSES,
    Verdict.AWAY: WitnessState.State.AWAY,
}


def push_due() -> int:
    """Send the newest checkpoint to every witness that is due; returns how many cosigned.

    Call it every second or so from any number of workers: one of them does it.
    """
    targets = configured().targets
    if not targets:
        signing_stop.settle()
        return 0
    with process_locks.alone("witnesses") as held:
        head = signed_state.newest_checkpoint() if held else None
        if head is None:
            return 0
        if signed_state.is_former(head):  # nothing is signed under the present name yet
            signing_stop.settle()
            return 0
        due = [target for target in targets if _is_due(target, head, clock.now())]
        if not due:
            return 0
        done = 0
        for target, said in zip(due, _ask_all(due, head), strict=True):
            about, said = _asked_again(target, head, said)
            done += _keep(target, about, said)
        signing_stop.settle()
        return done


def loop(stop: threading.Event, *, pause_s: float = 0.5) -> None:
    """Push until `stop` is set."""
    while not stop.is_set():
        idle_database_connections.rest()
        push_due()
        stop.wait(pause_s)
    close_old_connections()


def _is_due(target: Target, head: Checkpoint, now: datetime) -> bool:
    row, _ = WitnessState.objects.get_or_create(url=target.url)
    # What is dated further ahead than we ever wait was written when a clock was wrong.
    if row.due is not None and now < row.due <= now + timedelta(seconds=_LONGEST_WAIT_S):
        return False
    fresh = row.seen is not None and timedelta() <= now - row.seen < AGAIN
    return not (row.state == WitnessState.State.OK and fresh and row.size == head.size)


def _ask_all(due: list[Target], head: Checkpoint) -> list[Said]:
    """What each says to the newest checkpoint: all at once, so that a slow one holds up nobody."""
    known = dict(WitnessState.objects.values_list("url", "size"))
    bodies = [request_body(head, min(known.get(one.url, 0), head.size)) for one in due]
    with ThreadPoolExecutor(min(len(due), 8), thread_name_prefix="witness") as pool:
        return list(pool.map(submit, due, [head] * len(due), bodies))


def _asked_again(target: Target, head: Checkpoint, said: Said) -> tuple[Checkpoint, Said]:
    """The last word of a witness that knew the log at another size than we believed."""
    if said.verdict is not Verdict.BEHIND:
        return head, said
    if said.size > head.size:  # it may know one that was signed since we looked
        head = signed_state.newest_checkpoint() or head
    if said.size <= head.size:
        return head, submit(target, head, request_body(head, said.size))
    ahead = (
        f"It has cosigned {said.size} entries and this database has signed {head.size}: it was "
        "restored from an older copy, or a second copy of it is running."
    )
    return head, Said(Verdict.CONFLICT, ahead, size=said.size)


def _keep(target: Target, head: Checkpoint, said: Said) -> bool:
    """Write down an answer; returns whether it was a cosignature."""
    now = clock.now()
    row = WitnessState.objects.filter(url=target.url)
    if said.verdict is not Verdict.COSIGNED:
        _log.warning("witness %s: %s %s", target.url, said.verdict, said.detail)
        _note_failure(row.get(), _STATES[said.verdict], said.detail, now)
        return False
    _keep_lines(head, said, now)
    row.filter(~Q(state=WitnessState.State.OK)).update(since=now)
    row.update(
        state=WitnessState.State.OK,
        name=said.lines[0][1].key.name,
        detail="",
        size=head.size,
        seen=now,
        failures=0,
        due=None,
    )
    return True


def _keep_lines(head: Checkpoint, said: Said, now: datetime) -> None:
    """Keep cosignatures, which were verified as they arrived: one of a size and a witness.

    What a witness signs of the same tree later adds nothing to a proof. That it still does is in
    `WitnessState.seen`.
    """
    kept = Cosignature.objects.filter(size=head.size, root=head.root)
    names = set(kept.values_list("name", flat=True))
    Cosignature.objects.bulk_create(
        Cosignature(
            size=head.size,
            root=head.root,
            name=one.key.name,
            line=line,
            created=_arrived(one.time, now),
        )
        for line, one in said.lines
        if one.key.name not in names
    )


def _arrived(signed: int, now: datetime) -> datetime:
    """Now; where our clock and the witness's are an hour apart, one is wrong: when it signed."""
    apart = abs(now.timestamp() - signed)
    return now if apart < _APART_S else datetime.fromtimestamp(signed, UTC)


def _note_failure(row: WitnessState, state: WitnessState.State, detail: str, now: datetime) -> None:
    if row.state != state:
        row.since = now
    row.state, row.detail, row.failures = state, detail[:500], row.failures + 1
    wait = min(_FIRST_WAIT_S * 2 ** min(row.failures - 1, 6), _LONGEST_WAIT_S)
    row.due = now + timedelta(seconds=wait)
    row.save(update_fields=["since", "state", "detail", "failures", "due"])

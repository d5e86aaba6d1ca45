"""Who may relax what was restricted, and the restrictions that lie on an account.

The rule, for every verb that relaxes (resume, undo of a revocation, connect again, wake, unfreeze):
**what somebody else restricted, only they or an approval relaxes.** `check` states it; it is called
under the lock of the row, since the right was judged before the row was locked.

An account keeps what each restriction covers in `earlier`, the oldest first, so that lifting one
returns to what stood before: the state, since when, why and by whose hand. Each has an id that its
copies on other accounts carry: an approval ends what it showed, and nothing that resembles it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from approvals import clock, registry
from approvals.errors import Refused
from approvals.models import Approval, Status
from approvals.pipeline import intent
from approvals.registry import CommitContext
from audit.clock import rfc3339, uuid7
from connections.models import ConnectedAccount, State

A_SETTING: Final = ""
"""Whose hand a restriction is that a setting places; nobody is this subject."""
COLUMNS: Final = (
    *("state", "state_since", "state_reason", "state_by", "earlier", "barred", "held_by"),
    "restriction",
    *("operation", "delete_after", "deletion_detail", "sleep_recorded_at"),
)
"""What a decision about an account writes, and no comparison with Auth0 does."""
_ENDS: Final = frozenset({State.REVOCATION_PENDING, State.REVOKED})


@dataclass(frozen=True, slots=True)
class Layer:
    """A state of an account with its reason; `by` is the subject whose hand it was, and `id` is
    empty where it was placed before restrictions had one."""

    state: State
    since: datetime
    reason: str = ""
    by: str = ""
    held_by: str = ""
    id: str = ""

    def as_json(self) -> dict[str, Any]:
        """As `ConnectedAccount.earlier` keeps it."""
        plain = {"state": str(self.state), "since": rfc3339(self.since), "reason": self.reason}
        plain |= {"by": self.by, "held_by": self.held_by}
        return plain | ({"id": self.id} if self.id else {})


def check(ctx: CommitContext, *hands: str) -> None:
    """Refuse to relax what somebody else restricted; the caller holds the lock of the row.

    Args:
        hands: the subjects whose restrictions this would end; `A_SETTING` for a setting.

    Raises:
        Refused: `restricted_by_another` without an approval; `state_changed` where the restrictions
            are no longer those that were approved to end.
    """
    if ctx.approval:
        asked = Approval.objects.get(pk=ctx.approval)
        look = registry.get(asked.verb).look(ctx.target, ctx.params)
        if asked.state_digest != intent.digest(dict(look)):
            raise Refused("state_changed", "Another decision restricted it meanwhile. Ask again.")
    elif any(hand != ctx.actor.sub for hand in hands):
        raise Refused(
            "restricted_by_another",
            "Someone else restricted it: only they or an approval can relax that.",
        )


def current(account: ConnectedAccount) -> Layer:
    """The state in force as a layer."""
    return Layer(
        State(account.state),
        account.state_since,
        account.state_reason,
        account.state_by,
        account.held_by,
        account.restriction,
    )


def layers(account: ConnectedAccount) -> list[Layer]:
    """Every state that lies on an account, the oldest first; the last one is in force."""
    return [*_earlier(account), current(account)]


def _earlier(account: ConnectedAccount) -> Iterator[Layer]:
    for plain in account.earlier:
        since = datetime.fromisoformat(plain["since"])
        by, held_by, id_ = plain["by"], plain["held_by"], plain.get("id", "")
        yield Layer(State(plain["state"]), since, plain["reason"], by, held_by, id_)


def of_others(account: ConnectedAccount) -> list[Layer]:
    """The restrictions on an account that its owner did not place, the oldest first."""
    placed = [one for one in layers(account) if one.state in {State.SUSPENDED, *_ENDS}]
    return [
        one
        for one in placed
        if one.by != account.sub and (one.by or one.state == State.SUSPENDED)
    ]  # fmt: skip


def lay(
    account: ConnectedAccount, state: State, *, reason: str = "", by: str = "", held_by: str = ""
) -> None:
    """Put a state over the one in force (not saved); `lift` returns to that one."""
    _cover(account, Layer(state, clock.now(), reason[:200], by, held_by, str(uuid7())))


def lay_below(
    account: ConnectedAccount, state: State, *, reason: str = "", by: str = "", held_by: str = ""
) -> None:
    """Put a state under the one in force (not saved), which returns to it when it is lifted."""
    below = Layer(state, clock.now(), reason[:200], by, held_by, str(uuid7()))
    account.earlier = [*account.earlier, below.as_json()]


def replace(account: ConnectedAccount, state: State, *, reason: str, by: str) -> None:
    """Put another state in the place of the one in force (not saved)."""
    _put(account, Layer(state, clock.now(), reason[:200], by, account.held_by, str(uuid7())))


def lift(account: ConnectedAccount) -> None:
    """Return to the state that the one in force covers (not saved)."""
    *below, top = list(_earlier(account)) or [Layer(State.CONNECTED, account.watched_since)]
    account.earlier = [one.as_json() for one in below]
    account.operation, account.delete_after = "", None
    _put(account, top)


def lift_suspensions(account: ConnectedAccount, *, of: str | None) -> None:
    """End the suspension in force and each below it of the same hand, or all where `of` is None."""
    lift(account)
    while account.state == State.SUSPENDED and of in {None, account.state_by}:
        lift(account)


def lift_hold(account: ConnectedAccount, approval: str) -> bool:
    """End the hold of one request, wherever it lies; False where it holds nothing (not saved)."""
    if account.held_by == approval:
        lift(account)
        return True
    kept = [one for one in _earlier(account) if one.held_by != approval]
    lifted = len(kept) != len(account.earlier)
    account.earlier = [one.as_json() for one in kept]
    return lifted


def keep(account: ConnectedAccount) -> None:
    """Save what decisions about an account write, and nothing that others may write meanwhile."""
    account.barred = bool(of_others(account))
    account.save(update_fields=COLUMNS)


def waits(account: ConnectedAccount) -> bool:
    """Whether a request that nobody answered yet holds what resuming this account would end.

    A revocation that is taken back returns to the hold below it, so that one need not wait.
    """
    if account.state != State.SUSPENDED:
        return False
    held = {one.held_by for one in layers(account)} - {""}
    return bool(held) and Approval.objects.filter(pk__in=held, status=Status.PENDING).exists()


def barring(iss: str, sub: str, connection: str) -> list[Layer]:
    """What others restricted on a person's accounts of one connection, and nobody relaxed; the
    oldest first.

    An account that is connected again, here or elsewhere, arrives under it.
    """
    rows = _accounts(iss, sub, connection).filter(barred=True).order_by("pk")
    return sorted((one for row in rows for one in of_others(row)), key=lambda one: one.since)


def let_in_again(account: ConnectedAccount, ended: list[Layer]) -> None:
    """An approval ended these restrictions on one account: an ended account of that connection on
    which others placed only these bars its owner no longer."""
    shown = {_identity(one) for one in ended}
    rows = _accounts(account.iss, account.sub, account.connection).filter(
        state__in=ENDED, barred=True
    )
    let_in = [
        row.pk
        for row in rows.exclude(delete_after__gt=clock.now())
        if {_identity(one) for one in of_others(row)} <= shown
    ]
    rows.filter(pk__in=let_in).update(barred=False)


def _accounts(iss: str, sub: str, connection: str) -> QuerySet[ConnectedAccount]:
    return ConnectedAccount.objects.filter(iss=iss, sub=sub, connection=connection)


ENDED: Final = frozenset({*_ENDS, State.GONE})


def arrive(account: ConnectedAccount, barriers: list[Layer]) -> None:
    """Put on a connected account what others restricted, each restriction once (not saved)."""
    each: dict[tuple[str, ...], Layer] = {}
    for one in barriers:
        each.setdefault(_identity(one), one)
    now = clock.now()
    for one in each.values():
        copy = Layer(State.SUSPENDED, now, _reason_of_copies(one), one.by, one.held_by, one.id)
        _cover(account, copy)


def _identity(one: Layer) -> tuple[str, ...]:
    """What a restriction has in common with its copies on other accounts: its id; of one without
    an id, its hand, reason and request."""
    return (one.id,) if one.id else (one.by, _reason_of_copies(one), one.held_by)


def _reason_of_copies(one: Layer) -> str:
    revoked = "" if one.state == State.SUSPENDED else "It was revoked. "
    return f"{revoked}{one.reason}".strip()[:200]


def _cover(account: ConnectedAccount, layer: Layer) -> None:
    account.earlier = [one.as_json() for one in layers(account)]
    _put(account, layer)


def _put(account: ConnectedAccount, layer: Layer) -> None:
    account.turn(layer.state, layer.since, reason=layer.reason, by=layer.by)
    account.held_by, account.restriction = layer.held_by, layer.id

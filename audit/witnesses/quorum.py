"""Up to which size a quorum of witnesses has cosigned, by the portal's own policy."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, Max

from audit.ledger.note import NoteError
from audit.models import Checkpoint, Cosignature, WitnessState
from audit.proofs.cosigned_note import signed_note
from audit.witnesses.configuration import Configuration, configured

MOST_STEPS: Final = 64
"""Sizes that are looked at one by one before all rows are grouped in one statement."""
MOST_TRIED: Final = 16
"""Sizes with enough rows whose cosignatures are verified in search of a quorum. Only rows that
somebody else wrote, or a policy that was changed, need more than one."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A configured witness, for people.

    Attributes:
        counts: whether the policy counts it; one that signs with this log's key never does.
    """

    url: str
    name: str
    state: str
    words: str
    detail: str
    size: int
    seen: datetime | None
    since: datetime | None
    counts: bool


def witnessed_size() -> int:
    """Size of the largest signed tree with a quorum; 0 without one."""
    found = witnessed_checkpoint()
    return found.size if found else 0


def witnessed_checkpoint() -> Checkpoint | None:
    """The largest signed tree that a quorum of the portal's own policy has cosigned.

    Cosignatures are verified, however often they were before: rows are not believed. None where the
    newest `MOST_TRIED` sizes with enough rows have no quorum.
    """
    found = configured()
    if found.policy is None or not found.policy.witnessed:
        return None
    size = 0
    for _ in range(MOST_TRIED):
        candidate = _next_below(found, size)
        if candidate is None:
            return None
        if checkpoint := _with_quorum(found, candidate):
            return checkpoint
        size = candidate
    return None


def _next_below(found: Configuration, above: int) -> int | None:
    """The largest size below `above` (0: any) with as many cosigners as a quorum needs.

    A tree that so many cosigned is no larger than the newest of each of them: sizes between are
    passed over, however many cosignatures there are.
    """
    assert found.policy is not None
    names = {key.name for key in found.policy.witnesses.values() if key.name not in found.ours}
    needed = max(1, found.policy.fewest)
    for _ in range(MOST_STEPS):
        newest = sorted(_newest_of(names, above), reverse=True)
        if len(newest) < needed:
            return None
        size = newest[needed - 1]
        if needed == 1 or _most_signers(names, size) >= needed:
            return size
        above = size
    return _largest_grouped(names, above, needed)


def _largest_grouped(names: Collection[str], above: int, needed: int) -> int | None:
    """The same in one statement that reads all rows, for witnesses that cosign other trees."""
    rows = Cosignature.objects.filter(name__in=names, size__lt=above).values("size", "root")
    enough = rows.annotate(signers=Count("name", distinct=True)).filter(signers__gte=needed)
    return enough.order_by("-size").values_list("size", flat=True).first()


def _newest_of(names: Collection[str], above: int) -> Iterator[int]:
    """The largest size below `above` (0: any) that each of these witnesses cosigned, if any."""
    for name in names:
        rows = Cosignature.objects.filter(name=name)
        rows = rows.filter(size__lt=above) if above else rows
        newest: int | None = rows.aggregate(newest=Max("size"))["newest"]
        if newest is not None:
            yield newest


def _most_signers(names: Collection[str], size: int) -> int:
    """How many of these witnesses cosigned one tree of this size."""
    trees = Cosignature.objects.filter(size=size, name__in=names).values("root")
    signers = trees.annotate(signers=Count("name", distinct=True))
    return max(signers.values_list("signers", flat=True), default=0)


def _with_quorum(found: Configuration, size: int) -> Checkpoint | None:
    assert found.policy is not None
    for checkpoint in Checkpoint.objects.filter(size=size).order_by("-id")[:2]:
        try:
            if found.policy.judge(signed_note(checkpoint), discounted=found.ours).quorum_met:
                return checkpoint
        except NoteError:
            continue
    return None


def standings() -> list[Standing]:
    """Every configured witness with how it stands, in the order of the configuration."""
    found = configured()
    rows = {row.url: row for row in WitnessState.objects.all()}
    listed = []
    for target in found.targets:
        row = rows.get(target.url) or WitnessState(url=target.url)
        name = row.name or (target.keys[0].name if len(target.keys) == 1 else "")
        listed.append(
            Standing(
                url=target.url,
                name=name,
                state=row.state,
                words=WitnessState.State(row.state).label,
                detail=row.detail,
                size=row.size,
                seen=row.seen,
                since=row.since,
                counts=bool(name) and name not in found.ours,
            )
        )
    return listed

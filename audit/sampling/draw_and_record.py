"""Drawing what was asked for, once, from the first signed tree that holds the ask."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from audit import clock
from audit.ledger import checkpoint as checkpoints
from audit.ledger.offline.samples import (
    Draw,
    Sample,
    SampleError,
    canonical_filter,
    sample_of,
    source_of,
    tree_seed,
)
from audit.models import Checkpoint
from audit.recording.actors import Actor
from audit.recording.record import record
from audit.sampling import sample_from_its_events
from audit.sampling.population import Population, opened
from audit.sampling.sample_from_its_events import Ask, NoSample

WITHIN: Final = timedelta(days=1)
"""How long after the ask a sample is drawn: later its tree need not be known any more."""

__all__ = ["WITHIN", "NoSample", "drawn", "lapsed", "settle"]


def drawn(actor: Actor, id: UUID) -> Ask:
    """What was asked for under `id`, drawn where it can be; who asks first is its actor.

    `drawn` of the answer is None while no tree with the ask in it is signed, and after `WITHIN`.
    Only a sample that is on record is returned.

    Raises:
        NoSample: nobody asked for it.
        SampleError: the search rows say otherwise than the entries.
    """
    ask = sample_from_its_events.find(id)
    if ask.drawn or ask.query is None or lapsed(ask):
        return ask
    return settle(actor, ask)


def settle(actor: Actor, ask: Ask) -> Ask:
    """Draw one that was not drawn when it was looked up; a later caller gets the same one.

    Raises:
        SampleError: as `drawn`.
    """
    first = _first_tree(ask)
    if first is None:
        return ask
    sample = _draw(ask, first)
    try:
        with transaction.atomic():
            _tell(actor, ask, sample)
    except IntegrityError:
        if not sample_from_its_events.exists(
            ask.id
        ):  # else another request drew it meanwhile: the same sample
            raise
    return sample_from_its_events.find(ask.id)


def lapsed(ask: Ask) -> bool:
    """Whether nobody looked at it in time, so that it is not drawn any more."""
    return ask.drawn is None and clock.now() - ask.time > WITHIN


def _first_tree(ask: Ask) -> Checkpoint | None:
    if ask.index is None:
        return None
    # By size, which is indexed: a tree that was signed later is never smaller.
    return Checkpoint.objects.filter(size__gt=ask.index).order_by("size", "id").first()


def _draw(ask: Ask, tree: Checkpoint) -> Sample:
    assert ask.query is not None
    chosen, root = canonical_filter(ask.query), bytes(tree.root)
    origin = checkpoints.parse(tree.note).origin
    seed = ask.seed or tree_seed(origin, tree.size, root, chosen)
    named = Draw(origin, tree.size, root, chosen, seed)
    population = Population(ask.query, tree.size)
    picked = named.pick(population, ask.size)
    events = opened(tuple(one.index for one in picked.events))
    for one in picked.events:
        event = events.get(one.index)
        if event is None or not population.takes(event) or source_of(event) != one.source:
            raise SampleError(
                f"entry {one.index} says otherwise than its search row: verify the ledger first"
            )
    return sample_of(named, ask.size, picked, population.undecided)


def _tell(actor: Actor, ask: Ask, sample: Sample) -> None:
    draw = sample.draw
    record(
        actor,
        "audit.sampled",
        id=sample_from_its_events.drawn_id(ask.id),
        operation=str(ask.id),
        data={
            "asked": str(ask.id),
            "filter": ask.filter,
            "schema": draw.schema,
            "origin": draw.origin,
            "tree_size": draw.tree_size,
            "root": draw.root.hex(),
            "size": sample.size,
            "population": sample.population,
            "reporters": sample.reporters,
            "most": sample.most,
            "undecided": sample.undecided,
            "seed_of_tree": draw.seed_of_tree,
            "indices": list(sample.indices),
            "sha256": hashlib.sha256(sample.to_bytes()).hexdigest(),
        },
    )

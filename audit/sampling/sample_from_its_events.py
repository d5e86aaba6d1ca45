"""What was asked for and drawn, back from its two events."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from audit.ledger.offline.samples import SCHEMA_1, Draw, Sample, canonical_filter, tree_seed
from audit.ledger.query import EventQuery
from audit.models import Event
from audit.recording import stored_event_loader
from audit.recording.sentences import person
from audit.search import event_search

ASKED: Final = "audit.sample_asked"
_ERASED: Final = {"erased": True}
_TIME: Final = (1 << 128) - (1 << 62)


class NoSample(LookupError):
    """Nobody asked for a sample under this id."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn; the sample is None where what was asked for is erased.

    Attributes:
        event: of the draw.
        index: its position in the log, None before it has one.
        reporters, most: as in `Sample`.
        sha256: of the sample as a file, as the event has it.
    """

    event: UUID
    index: int | None
    time: datetime
    origin: str
    tree_size: int
    root: bytes
    population: int
    reporters: int | None
    most: int | None
    undecided: int
    indices: tuple[int, ...]
    sha256: str
    seed_of_tree: bool
    sample: Sample | None

    @property
    def left_out(self) -> int:
        """Events of the population that were not drawn."""
        return self.population - len(self.indices)

    @property
    def reporters_left_out(self) -> int | None:
        """Reporters of whom nothing was drawn; None in format v1."""
        return None if self.reporters is None else max(0, self.reporters - len(self.indices))


@dataclass(frozen=True, slots=True)
class Ask:
    """A sample that somebody asked for.

    Attributes:
        id: of the draw, and of the event that asked.
        index: position of that event, None before it has one.
        size: events wanted.
        filter: digest of the filter (`audit.recording.trail_viewed_events.digest_of`).
        query, words: the filter; None and "" where it is erased.
        seed: the one that was named, "" where the tree gives it.
        drawn: None before.
    """

    id: UUID
    index: int | None
    time: datetime
    by: str
    size: int
    filter: str
    query: EventQuery | None
    words: str
    seed: str
    drawn: Drawn | None


def drawn_id(asked: UUID) -> UUID:
    """The id of the event that tells of a draw: one for each that was asked for, ever."""
    digest = hashlib.sha256(b"ata.sampled.v1\n" + asked.bytes).digest()
    return UUID(int=asked.int & _TIME | int.from_bytes(digest[:8]) >> 2)


def find(id: UUID) -> Ask:
    """The sample that was asked for under this id.

    Raises:
        NoSample: there is none.
    """
    events = {
        UUID(event["id"]): event for event in stored_event_loader.load_many([id, drawn_id(id)])
    }
    asked = events.get(id)
    if asked is None or asked["action"] != ASKED or asked["source"] != "portal":
        raise NoSample(f"no sample {id}")
    return _ask(asked, events.get(drawn_id(id)))


def of_filter(digest: str, most: int) -> tuple[list[Ask], int]:
    """Samples of one filter, those asked for last first, and how many there are."""
    page = event_search.page(query_of(digest), most)
    ids = [row.event for row in page.rows]
    events = {UUID(e["id"]): e for e in stored_event_loader.load_many([*ids, *map(drawn_id, ids)])}
    return [_ask(events[id], events.get(drawn_id(id))) for id in ids], page.total.count


def query_of(digest: str) -> EventQuery:
    """The filter of the trail that finds who asked for samples of a filter."""
    return EventQuery().including("action", ASKED).including("q", digest)


def exists(id: UUID) -> bool:
    """Whether the draw is on record."""
    return Event.objects.filter(id=drawn_id(id)).exists()


def _ask(event: Mapping[str, Any], drawn: Mapping[str, Any] | None) -> Ask:
    data = event["data"]
    params, words, seed = (data[name] for name in ("query", "words", "seed"))
    erased = _ERASED in (params, words, seed)
    query = None if erased else EventQuery.from_params(params or {})
    ask = Ask(
        id=UUID(event["id"]),
        index=event["index"],
        time=datetime.fromisoformat(event["time"]),
        by=person(event["actor"], "someone who was erased"),
        size=data["size"],
        filter=data["filter"],
        query=query,
        words="" if erased else words,
        seed="" if erased else seed or "",
        drawn=None,
    )
    return ask if drawn is None else _with(ask, drawn)


def _with(ask: Ask, event: Mapping[str, Any]) -> Ask:
    data = event["data"]
    origin, size, root = data["origin"], data["tree_size"], bytes.fromhex(data["root"])
    indices, sample = tuple(data["indices"]), None
    reporters, most = data.get("reporters"), data.get("most")
    if ask.query is not None:
        chosen = canonical_filter(ask.query)
        seed = ask.seed or tree_seed(origin, size, root, chosen)
        named = Draw(origin, size, root, chosen, seed, data.get("schema", SCHEMA_1))
        counts = (data["population"], reporters, most, data["undecided"])
        sample = Sample(named, ask.size, *counts, indices, {})
    drawn = Drawn(
        event=UUID(event["id"]),
        index=event["index"],
        time=datetime.fromisoformat(event["time"]),
        origin=origin,
        tree_size=size,
        root=root,
        population=data["population"],
        reporters=reporters,
        most=most,
        undecided=data["undecided"],
        indices=indices,
        sha256=data["sha256"],
        seed_of_tree=data["seed_of_tree"],
        sample=sample,
    )
    return replace(ask, drawn=drawn)

"""A sample of a log that anybody can draw again: docs/ledger-format.md, section 13.

Every event of a population has a score, the SHA-256 of what names the draw and of its index. The
sample is taken in rounds: the lowest score of each source (`source_of`), then the second of each,
and so on; format v1 had one source for all. A seed that was named before the tree was signed leaves
nobody a choice, and neither does the one that the tree itself gives (`tree_seed`).
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final, NamedTuple

from audit.ledger.format import entry as entries
from audit.ledger.format.canonical import canonical
from audit.ledger.format.commitment import subject_key
from audit.ledger.offline.export_filter_match import Wanted
from audit.ledger.offline.export_row_comparison import LEVELS
from audit.ledger.offline.log_file import EntriesFile
from audit.ledger.query import EventQuery

type Filter = Mapping[str, tuple[str, ...]]
"""A filter as `canonical_filter` spells it."""

SCHEMA: Final = "ata.sample.v2"
SCHEMA_1: Final = "ata.sample.v1"
SEED_SCHEMA: Final = "ata.sample-seed.v1"
MOST: Final = 200
LONGEST_SEED: Final = 200
"""Characters."""
_KEPT: Final = 1024
"""Candidates in memory before all but the first are dropped."""


class SampleError(ValueError):
    """What is asked for is no sample; the message says why."""


class Source(NamedTuple):
    """Whose event it is, to take turns by: who brought it into the log, and who acted.

    Attributes:
        reporter: the actor for what the portal saw itself; else a gateway, or who reported it.
        actor: `person_of` the actor.
    """

    reporter: str
    actor: str


def person_of(iss: str, sub: Any) -> str:
    """`subject_key`; "" for nobody, and where the subject is erased or withheld."""
    return subject_key(iss, sub) if isinstance(sub, str) else ""


def source_of(event: Mapping[str, Any]) -> Source:
    """The source of a public event."""
    actor = person_of(event["actor"]["iss"], event["actor"]["sub"])
    reported_by = event["data"].get("reported_by")
    return source_from(event["source"], event["instance"], actor, reported_by)


def is_source_hidden(event: Mapping[str, Any]) -> bool:
    """Whether the subject that an event takes turns by is erased or withheld."""
    hidden = [event["actor"]["sub"]]
    if event["source"] == "external" and (by := event["data"].get("reported_by")):
        hidden += [by, by.get("sub")] if isinstance(by, Mapping) else []
    return any(isinstance(one, Mapping) and one.get("erased") is True for one in hidden)


def source_from(source: str, instance: str, actor: str, reported_by: Any) -> Source:
    """The source by parts of an event: gateways and reporters can name any actor."""
    if source == "defenseclaw":
        return Source(f"gateway {instance}", actor)
    if source == "external":
        known = isinstance(reported_by, Mapping) and isinstance(reported_by.get("iss"), str)
        by = person_of(reported_by["iss"], reported_by.get("sub")) if known else ""
        return Source(f"reporter {by}", actor)
    return Source(actor, actor)


@dataclass(frozen=True, slots=True)
class Candidate[T]:
    """An event of the population."""

    score: bytes
    index: int
    source: Source
    what: T


@dataclass(frozen=True, slots=True)
class Picked[T]:
    """What was picked, in the order of the draw, and how much there was to pick from.

    Attributes:
        population: events.
        reporters: different `Source.reporter` of them.
        most: events of the reporter with most of them.
    """

    events: tuple[Candidate[T], ...]
    population: int
    reporters: int
    most: int


@dataclass(frozen=True, slots=True)
class Draw:
    """What names a draw: the same tree, filter and seed always give the same scores.

    Attributes:
        origin, tree_size, root: the signed tree; events at and behind its size take no part.
        filter: `canonical_filter` of the population.
        seed: any text.
        schema: of the format, SCHEMA or SCHEMA_1.
    """

    origin: str
    tree_size: int
    root: bytes
    filter: Filter
    seed: str
    schema: str = SCHEMA

    def scores(self) -> Callable[[int], bytes]:
        """The score of an index: 32 bytes."""
        named = _tree(self.origin, self.tree_size, self.root, self.filter) | {"seed": self.seed}
        draw = hashlib.sha256(f"{self.schema}\n".encode() + canonical(named)).digest()
        return lambda index: hashlib.sha256(draw + index.to_bytes(8)).digest()

    @property
    def seed_of_tree(self) -> bool:
        """Whether the seed is the one that tree and filter give, so that nobody named it."""
        return self.seed == tree_seed(self.origin, self.tree_size, self.root, self.filter)

    def pick[T](self, population: Iterable[tuple[int, Source, T]], n: int) -> Picked[T]:
        """The first `n` of the draw.

        With a larger `n` the same come first. The population is read once, in memory of its
        reporters and of some multiple of `n`.
        """
        score, reporters = self.scores(), Counter[str]()
        kept: list[Candidate[T]] = []
        for index, source, what in population:
            reporters[source.reporter] += 1
            kept.append(Candidate(score(index), index, source, what))
            if len(kept) >= _KEPT + 2 * n:
                kept = list(self._possible(kept, n))
        picked = tuple(self._first(kept, n))
        return Picked(picked, reporters.total(), len(reporters), max(reporters.values(), default=0))

    def _first[T](self, candidates: Iterable[Candidate[T]], n: int) -> list[Candidate[T]]:
        """In rounds over the actors of each reporter, then over the reporters."""
        if self.schema == SCHEMA_1:
            return sorted(candidates, key=_rank)[:n]
        return _in_rounds(_turns_of_reporters(candidates))[:n]

    def _possible[T](self, candidates: Sequence[Candidate[T]], n: int) -> Sequence[Candidate[T]]:
        """Those that can be among the first `n` whatever comes later: at most 2 `n`.

        Within its reporter a candidate only moves back, so it is out once `n` candidates have an
        earlier turn. The last of a turn are kept: who comes later can let them pass others. Only
        in the first turn, where each reporter has its lowest score, do the first `n` stay.
        """
        if self.schema == SCHEMA_1 or len(candidates) <= n:
            return self._first(candidates, n)
        reporters = list(_turns_of_reporters(candidates))
        if len(reporters) >= n:
            return sorted((some[0] for some in reporters), key=_rank)[:n]
        turns = next(
            turns for turns in count(1) if sum(min(len(some), turns) for some in reporters) >= n
        )
        return [one for some in reporters for one in some[:turns]]


def _turns_of_reporters[T](candidates: Iterable[Candidate[T]]) -> Iterator[list[Candidate[T]]]:
    """Of each reporter its candidates in their order, which goes in rounds over the actors."""
    sources: defaultdict[Source, list[Candidate[T]]] = defaultdict(list)
    for one in candidates:
        sources[one.source].append(one)
    reporters: defaultdict[str, list[list[Candidate[T]]]] = defaultdict(list)
    for source, of_source in sources.items():
        reporters[source.reporter].append(sorted(of_source, key=_rank))
    return map(_in_rounds, reporters.values())


def _rank(one: Candidate[Any]) -> tuple[bytes, int]:
    return one.score, one.index


def _in_rounds[T](lists: Iterable[list[Candidate[T]]]) -> list[Candidate[T]]:
    """The first of each list by rank, then the second of each, and so on."""
    turns = [(turn, *_rank(one), one) for some in lists for turn, one in enumerate(some)]
    return [one for *_, one in sorted(turns, key=lambda each: each[:3])]


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn.

    Attributes:
        draw: what names it.
        size: how many were asked for.
        population: how many events the filter takes.
        reporters: who reported them, how many; None in format v1.
        most: how many the reporter with most of them has; None in format v1.
        undecided: how many more it may take: values that it asks about are erased or withheld.
        indices: of the sample, in the order of the draw.
        events: of the sample by index, as far as they are open.
        hidden: events of the population for which `is_source_hidden`, which took turns as if they
            were of one person; counted where a log is drawn from, and no member of the file.
    """

    draw: Draw
    size: int
    population: int
    reporters: int | None
    most: int | None
    undecided: int
    indices: tuple[int, ...]
    events: Mapping[int, Mapping[str, Any]] = field(compare=False)
    hidden: int = field(default=0, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """As a file has it: all that drawing again needs, and nothing of what events say."""
        newer = {"reporters": self.reporters, "most": self.most}
        return {
            "schema": self.draw.schema,
            "origin": self.draw.origin,
            "tree_size": self.draw.tree_size,
            "root": self.draw.root.hex(),
            "filter": {key: list(values) for key, values in self.draw.filter.items()},
            "seed": self.draw.seed,
            "size": self.size,
            "population": self.population,
            "undecided": self.undecided,
            "indices": list(self.indices),
        } | ({} if self.draw.schema == SCHEMA_1 else newer)

    def to_bytes(self) -> bytes:
        """The file itself: RFC 8785, and a line end."""
        return canonical(self.to_dict()) + b"\n"


def tree_seed(origin: str, tree_size: int, root: bytes, filter: Filter) -> str:
    """The seed that a signed tree gives to a filter, 64 hex digits: nobody can name another.

    Who waits for trees can still choose among them, unless the draw was asked for before.
    """
    named = _tree(origin, tree_size, root, filter)
    return hashlib.sha256(f"{SEED_SCHEMA}\n".encode() + canonical(named)).hexdigest()


def _tree(origin: str, tree_size: int, root: bytes, filter: Filter) -> dict[str, Any]:
    return {
        "filter": {key: list(values) for key, values in filter.items()},
        "origin": origin,
        "root": root.hex(),
        "tree_size": tree_size,
    }


def canonical_filter(query: EventQuery) -> dict[str, tuple[str, ...]]:
    """A filter in the one spelling that a draw hashes: values in order, no order and cursor.

    Raises:
        SampleError: it has errors, or asks about evidence, which no entry holds.
    """
    if query.errors:
        raise SampleError("; ".join(error.message for error in query.errors))
    params = query.at("").dropping("order").to_params()
    for key in params:
        if key.removeprefix("-") in LEVELS:
            raise SampleError(
                f"{key} is computed from evidence: no entry alone tells it; leave it out"
            )
    return {key: tuple(sorted(values)) for key, values in sorted(params.items())}


def check_seed(seed: str) -> None:
    """Raise SampleError unless the text can be a seed."""
    if not seed.strip() or len(seed) > LONGEST_SEED or not seed.isprintable():
        raise SampleError(f"a seed is 1 to {LONGEST_SEED} printable characters")


def check_size(n: int) -> None:
    """Raise SampleError unless a sample can have so many events."""
    if not 1 <= n <= MOST:
        raise SampleError(f"a sample has 1 to {MOST} events")


def draw(log: EntriesFile, query: EventQuery, seed: str, n: int, schema: str = SCHEMA) -> Sample:
    """Draw from the entries of a log, read once to its end.

    Raises:
        SampleError: seed, number or filter is none.
        EntriesError: it is not the log that was signed.
        EntryError: an entry or opening is not what it claims to be.
    """
    check_seed(seed)
    check_size(n)
    chosen = canonical_filter(query)
    head = log.checkpoint
    named = Draw(head.origin, head.size, head.root, chosen, seed, schema)
    wanted = Wanted(EventQuery.from_params(chosen), None, "")
    undecided = hidden = 0

    def population() -> Iterator[tuple[int, Source, Mapping[str, Any]]]:
        nonlocal undecided, hidden
        for kept in log:
            event = entries.reveal(kept.entry, kept.openings, index=kept.index)
            belongs = wanted.has(event)
            undecided += belongs is None
            if belongs:
                hidden += is_source_hidden(event)
                yield kept.index, source_of(event), event

    sample = sample_of(named, n, named.pick(population(), n), undecided)
    return sample if schema == SCHEMA_1 else replace(sample, hidden=hidden)


def sample_of(draw: Draw, n: int, picked: Picked[Any], undecided: int) -> Sample:
    """A sample from what was picked; its events are what was picked with them."""
    return Sample(
        draw=draw,
        size=n,
        population=picked.population,
        reporters=None if draw.schema == SCHEMA_1 else picked.reporters,
        most=None if draw.schema == SCHEMA_1 else picked.most,
        undecided=undecided,
        indices=tuple(one.index for one in picked.events),
        events={one.index: one.what for one in picked.events},
    )


def parameters(document: Any) -> tuple[EventQuery, str, int, str]:
    """Filter, seed, number and schema of a sample that somebody drew, to draw it again.

    Raises:
        SampleError: it is no such file.
    """
    try:
        schema = document["schema"]
        if schema not in (SCHEMA, SCHEMA_1):
            raise SampleError(f"it is no {SCHEMA}")
        query = EventQuery.from_dict(document["filter"])
        seed, size = document["seed"], document["size"]
    except (KeyError, TypeError, AttributeError) as error:
        raise SampleError(f"it is no {SCHEMA}: {error!r}") from None
    if not isinstance(seed, str) or type(size) is not int:
        raise SampleError(f"it is no {SCHEMA}: seed or size has another type")
    return query, seed, size, schema


def differences(document: Mapping[str, Any], again: Sample) -> list[str]:
    """Members of a sample that somebody drew which are not what was drawn now."""
    now = again.to_dict()
    return sorted(key for key in now.keys() | document.keys() if document.get(key) != now.get(key))

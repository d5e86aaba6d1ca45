"""A sample of a log that anybody can draw again: docs/ledger-format.md, section 13.

Every event of a population has a score, the SHA-256 of what names the draw and of its index; the
lowest scores are the sample. A seed that was named before the tree was signed leaves nobody a
choice, and neither does the one that the tree itself gives (`tree_seed`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from typing import Any, Final

from . import entry as entries
from .canonical import canonical
from .entriesfile import EntriesFile
from .exportmatch import Wanted
from .exportrows import LEVELS
from .query import EventQuery

type Filter = Mapping[str, tuple[str, ...]]
"""A filter as `canonical_filter` spells it."""

SCHEMA: Final = "ata.sample.v1"
SEED_SCHEMA: Final = "ata.sample-seed.v1"
MOST: Final = 200
LONGEST_SEED: Final = 200
"""Characters."""


class SampleError(ValueError):
    """What is asked for is no sample; the message says why."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What names a draw: the same tree, filter and seed always give the same scores.

    Attributes:
        origin, tree_size, root: the signed tree; events at and behind its size take no part.
        filter: `canonical_filter` of the population.
        seed: any text.
    """

    origin: str
    tree_size: int
    root: bytes
    filter: Filter
    seed: str

    def scores(self) -> Callable[[int], bytes]:
        """The score of an index: 32 bytes."""
        named = _tree(self.origin, self.tree_size, self.root, self.filter) | {"seed": self.seed}
        draw = hashlib.sha256(f"{SCHEMA}\n".encode() + canonical(named)).digest()
        return lambda index: hashlib.sha256(draw + index.to_bytes(8)).digest()

    @property
    def seed_of_tree(self) -> bool:
        """Whether the seed is the one that tree and filter give, so that nobody named it."""
        return self.seed == tree_seed(self.origin, self.tree_size, self.root, self.filter)

    def pick[T](
        self, population: Iterable[tuple[int, T]], n: int
    ) -> tuple[list[tuple[int, T]], int]:
        """The `n` with the lowest scores of their indices, lowest first, and how many there were.

        With a larger `n` the same come first. The population is read once, in memory of `n`.
        """
        score, count = self.scores(), 0
        kept: list[tuple[int, int, T]] = []  # negative scores: the highest is the first to go
        for index, what in population:
            count += 1
            item = (-int.from_bytes(score(index)), index, what)
            if len(kept) < n:
                heappush(kept, item)
            else:
                heappushpop(kept, item)
        kept.sort(key=lambda item: item[:2], reverse=True)
        return [(index, what) for _, index, what in kept], count


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn.

    Attributes:
        draw: what names it.
        size: how many were asked for.
        population: how many events the filter takes.
        undecided: how many more it may take: values that it asks about are erased or withheld.
        indices: of the sample, in the order of the draw.
        events: of the sample by index, as far as they are open.
    """

    draw: Draw
    size: int
    population: int
    undecided: int
    indices: tuple[int, ...]
    events: Mapping[int, Mapping[str, Any]] = field(compare=False)

    def to_dict(self) -> dict[str, Any]:
        """As a file has it: all that drawing again needs, and nothing of what events say."""
        return {
            "schema": SCHEMA,
            "origin": self.draw.origin,
            "tree_size": self.draw.tree_size,
            "root": self.draw.root.hex(),
            "filter": {key: list(values) for key, values in self.draw.filter.items()},
            "seed": self.draw.seed,
            "size": self.size,
            "population": self.population,
            "undecided": self.undecided,
            "indices": list(self.indices),
        }

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


def draw(log: EntriesFile, query: EventQuery, seed: str, n: int) -> Sample:
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
    named = Draw(head.origin, head.size, head.root, chosen, seed)
    wanted, undecided = Wanted(EventQuery.from_params(chosen), None, ""), 0

    def population() -> Iterator[tuple[int, Mapping[str, Any]]]:
        nonlocal undecided
        for kept in log:
            event = entries.reveal(kept.entry, kept.openings, index=kept.index)
            belongs = wanted.has(event)
            undecided += belongs is None
            if belongs:
                yield kept.index, event

    picked, count = named.pick(population(), n)
    indices = tuple(index for index, _ in picked)
    return Sample(named, n, count, undecided, indices, dict(picked))


def parameters(document: Any) -> tuple[EventQuery, str, int]:
    """Filter, seed and number of a sample that somebody drew, to draw it again.

    Raises:
        SampleError: it is no such file.
    """
    try:
        if document["schema"] != SCHEMA:
            raise SampleError(f"it is no {SCHEMA}")
        query = EventQuery.from_dict(document["filter"])
        seed, size = document["seed"], document["size"]
    except (KeyError, TypeError, AttributeError) as error:
        raise SampleError(f"it is no {SCHEMA}: {error!r}") from None
    if not isinstance(seed, str) or type(size) is not int:
        raise SampleError(f"it is no {SCHEMA}: seed or size has another type")
    return query, seed, size


def differences(document: Mapping[str, Any], again: Sample) -> list[str]:
    """Members of a sample that somebody drew which are not what was drawn now."""
    now = again.to_dict()
    return sorted(key for key in now.keys() | document.keys() if document.get(key) != now.get(key))

"""Accounts put together by service, connection, person or agent, page by page.

A grouping is a list of buckets in a fixed order, each with its number of accounts; the newest
account of a bucket comes first. A page takes buckets until it is full, so it costs three queries
at most: what is left of the first, the small ones between, and the beginning of the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db.models import Q, prefetch_related_objects

from connections.inventory.account_filters import Conditions
from connections.inventory.query_parameters import Place
from connections.models import ConnectedAccount, Use

NOBODY = "\0"
"""The bucket of accounts that no agent was seen using."""


type Found = dict[tuple[str, ...], list[ConnectedAccount]]
"""Accounts by the key of their bucket."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One group. `keys` are what its accounts are found by; `sort` is its place among others;
    `detail` is an owner's e-mail address next to the name."""

    keys: tuple[tuple[str, ...], ...]
    title: str
    count: int
    sort: tuple[str, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Slice:
    """What one page shows of a bucket, newest account first."""

    bucket: Bucket
    rows: tuple[ConnectedAccount, ...]
    resumed: bool  # the pages before it showed some of it already


@dataclass(frozen=True, slots=True)
class Page:
    """Slices in order; `next` is where the next page begins, None on the last."""

    slices: tuple[Slice, ...]
    next: Place | None

    @property
    def accounts(self) -> list[ConnectedAccount]:
        """Every account of the page, each once."""
        return list({row.id: row for part in self.slices for row in part.rows}.values())


type Read = Callable[[Sequence[Bucket], UUID | None, int], Found]
"""Finds the newest accounts of some buckets: below an id, at most so many."""


def reader(group: str, conditions: Conditions) -> Read:
    """Reads those that match from the database."""
    return partial(_by_agent if group == "agent" else _by_column, group, conditions)


def page(read: Read, buckets: Sequence[Bucket], after: Place | None, size: int) -> Page:
    """The page of `size` rows behind a place; buckets come in order, from that of the place on."""
    wanted, found, rest = size + 1, list[Slice](), buckets
    if after is not None and rest and rest[0].sort == after.sort:
        ids = read(rest[:1], UUID(after.account), wanted)
        found += _slices(rest[:1], ids, resumed=True)
        rest = rest[1:]
    wanted -= sum(len(part.rows) for part in found)
    for some in _chunks(rest, wanted, size):
        parts = _slices(some, read(some, None, wanted + size), resumed=False)
        wanted -= sum(len(part.rows) for part in parts)
        found += parts
    return _cut([part for part in found if part.rows], size)


def _chunks(buckets: Sequence[Bucket], wanted: int, size: int) -> Iterator[Sequence[Bucket]]:
    """Those that fit whole, and the one after them: together where that one is small too."""
    if wanted <= 0 or not buckets:
        return
    fitting, left = 0, wanted
    while fitting < len(buckets) and buckets[fitting].count <= left:
        left -= buckets[fitting].count
        fitting += 1
    last = buckets[fitting : fitting + 1]
    if not left or not last:
        yield buckets[:fitting]
    elif last[0].count > size:
        yield from (some for some in (buckets[:fitting], last) if some)
    else:
        yield buckets[: fitting + 1]


def _slices(buckets: Sequence[Bucket], found: Found, *, resumed: bool) -> list[Slice]:
    parts = []
    for bucket in buckets:
        rows = {row.id: row for key in bucket.keys for row in found.get(key, ())}
        ordered = tuple(rows[pk] for pk in sorted(rows, reverse=True))
        parts.append(Slice(bucket, ordered, resumed))
    return parts


def _cut(found: list[Slice], size: int) -> Page:
    kept, left = list[Slice](), size
    for part in found:
        if not left:
            break
        kept.append(Slice(part.bucket, part.rows[:left], part.resumed))
        left -= len(kept[-1].rows)
    if sum(len(part.rows) for part in found) <= size:
        return Page(tuple(kept), None)
    last = kept[-1]
    return Page(tuple(kept), Place(last.bucket.sort, str(last.rows[-1].id)))


_COLUMNS = {"service": ("connection",), "connection": ("connection",), "person": ("iss", "sub")}


def _by_column(
    group: str, conditions: Conditions, buckets: Sequence[Bucket], below: UUID | None, limit: int
) -> Found:
    columns = _COLUMNS[group]
    where = conditions.all() & _one_of(columns, [key for bucket in buckets for key in bucket.keys])
    found: Found = {}
    for row in _newest(where, below, limit):
        found.setdefault(tuple(str(getattr(row, name)) for name in columns), []).append(row)
    return found


def _newest(where: Q, below: UUID | None, limit: int) -> list[ConnectedAccount]:
    found = ConnectedAccount.objects.filter(where)
    if below is not None:
        found = found.filter(pk__lt=below)
    return list(found.order_by("-pk")[:limit])


def _one_of(columns: Sequence[str], keys: Sequence[tuple[str, ...]]) -> Q:
    where = Q(**{f"{columns[-1]}__in": sorted({key[-1] for key in keys})})
    if len(columns) > 1:
        where &= Q(**{f"{columns[0]}__in": sorted({key[0] for key in keys})})
    return where


def _by_agent(
    group: str, conditions: Conditions, buckets: Sequence[Bucket], below: UUID | None, limit: int
) -> Found:
    names = [key[0] for bucket in buckets for key in bucket.keys if key != (NOBODY,)]
    found: Found = {}
    if names:
        users = Use.objects.filter(agent__in=names)
        rows = _newest(conditions.all() & Q(pk__in=users.values("account")), below, limit)
        prefetch_related_objects(rows, "uses")
        wanted = set(names)
        for row in rows:
            for name in wanted & {use.agent for use in row.uses.all()}:
                found.setdefault((name,), []).append(row)
    if len(names) < len(buckets):
        found[NOBODY,] = _newest(conditions.all() & Q(used_on=None), below, limit)
    return found

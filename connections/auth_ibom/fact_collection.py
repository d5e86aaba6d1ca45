"""What the document is made of: the rows of now, or the log up to an index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import batched, groupby
from uuid import UUID

from django.db.models import Max, QuerySet

from approvals import clock
from approvals.models import Person
from audit.models import Checkpoint, Entry, EventRow
from audit.recording.actors import Actor
from audit.sequencing import signed_state
from connections import permissions
from connections.auth_ibom import changes_between, log_events
from connections.auth_ibom.changes_between import Change
from connections.auth_ibom.inventory_records import (
    Access,
    Account,
    Decision,
    Declared,
    Reviewed,
    Used,
)
from connections.auth_ibom.log_events import events
from connections.auth_ibom.log_size_at import BadMoment, moment_of, size_at, size_of
from connections.auth_ibom.replay import Inventory
from connections.consistent_read import one_moment
from connections.models import (
    AppAccess,
    ConnectedAccount,
    Manifest,
    ReviewItem,
    Schedule,
    SeenUse,
    Use,
)
from connections.status import account_status, state_filters
from connections.status.account_status import Ground
from connections.sync import connected_accounts

_BATCH = 500
__all__ = ["BadMoment", "between", "events", "moment_of", "read", "size_at", "size_of"]


@dataclass(frozen=True, slots=True)
class Proof:
    """The newest entry about an account: its event and its index."""

    event: str
    index: int


@dataclass(frozen=True, slots=True)
class Facts:
    """The inventory at `taken`.

    Attributes:
        accounts: those that the reader may see, ordered by id; revoked ones too.
        whole: whether everybody's accounts are in it.
        compared: when everybody was last compared with Auth0; None before that.
        unread: how many people could not be read then.
        size: entries of the log that it was rebuilt from; None where it is of the rows of now.
        reviews: closed access reviews, oldest first.
        access: consents and refresh tokens of applications, by whose consent they act.
    """

    taken: datetime
    accounts: tuple[Account, ...]
    manifests: tuple[Declared, ...]
    proofs: Mapping[str, Proof]
    checkpoint: Checkpoint | None
    whole: bool
    compared: datetime | None
    unread: int
    size: int | None = None
    reviews: tuple[Reviewed, ...] = ()
    access: tuple[Access, ...] = ()


def read(actor: Actor, *, own: bool = False) -> Facts:
    """Everything that this person may see, or with `own` their accounts alone."""
    found = permissions.mine(actor) if own else permissions.visible(actor)
    with one_moment():  # of one state: what is signed is not put together from several
        rows = tuple(found.order_by("id"))
        ground, moment = state_filters.now(), clock.now()
        last = Schedule.objects.filter(name=connected_accounts.ACCOUNTS).first()
        access = tuple(_access(None if actor.roles & permissions.SEES_ALL and not own else actor))
        return Facts(
            taken=moment,
            accounts=tuple(
                _standing(
                    _accounts(rows, _uses(found), _seen(found), _people(rows)), ground, moment
                )
            ),
            manifests=tuple(map(_declared, Manifest.objects.prefetch_related("needs"))),
            proofs=proofs([str(row.id) for row in rows])
            | proofs_of_access([one.id for one in access]),
            checkpoint=signed_state.newest_checkpoint(),
            whole=not own and bool(actor.roles & permissions.SEES_ALL),
            compared=last.finished if last else None,
            unread=last.failed if last else 0,
            reviews=tuple(
                _reviews(None if actor.roles & permissions.SEES_ALL and not own else rows)
            ),
            access=access,
        )


def at(size: int, moment: datetime | None = None) -> Facts:
    """Everybody's accounts as the first `size` entries of the log tell.

    Args:
        moment: when they are asked to stand so; that of the last of the entries unless given.
    """
    inventory = log_events.known(size).as_of(moment or _recorded(size))
    accounts = [inventory.accounts[name] for name in sorted(inventory.accounts)]
    return Facts(
        taken=clock.now(),
        accounts=tuple(accounts),
        manifests=tuple(inventory.manifests[key] for key in sorted(inventory.manifests)),
        proofs={name: Proof(event, index) for name, (event, index) in inventory.last.items()},
        checkpoint=signed_state.newest_checkpoint(),
        whole=True,
        compared=None,
        unread=inventory.untold,
        size=size,
        reviews=tuple(
            sorted(
                (one for one in inventory.reviews.values() if one.closed),
                key=lambda one: one.index or 0,
            )
        ),
        access=tuple(inventory.access[name] for name in sorted(inventory.access)),
    )


def _recorded(size: int) -> datetime:
    """When the last of so many entries was recorded; of none, when the first entry was."""
    found = (
        EventRow.objects.filter(seq=max(0, size - 1)).values_list("recorded_at", flat=True).first()
    )
    return found or clock.now()


def _accounts(
    rows: tuple[ConnectedAccount, ...],
    uses: Mapping[UUID, dict[tuple[str, str], Used]],
    seen: Mapping[UUID, dict[str, str]],
    people: Mapping[tuple[str, str], Person],
) -> Iterator[Account]:
    for row in rows:
        owner = people.get((row.iss, row.sub))
        yield Account(
            id=str(row.id),
            connection=row.connection,
            auth0_id=row.auth0_id,
            iss=row.iss,
            sub=row.sub,
            email=owner.email if owner else "",
            named=row.named,
            scopes=tuple(row.scopes),
            state=row.state,
            state_since=row.state_since,
            state_reason=row.state_reason,
            connected_at=row.connected_at,
            expires_at=row.expires_at,
            source=row.source,
            seen_at=row.seen_at,
            watched_since=row.watched_since,
            last_used_at=row.last_used_at,
            uses=uses.get(row.id, {}),
            seen=seen.get(row.id, {}),
        )


def _access(owner: Actor | None) -> Iterator[Access]:
    """Everybody's, or one person's."""
    found = AppAccess.objects.order_by("id")
    if owner is not None:
        found = found.filter(iss=owner.iss, sub=owner.sub)
    people = Person.objects.filter(sub__in=found.order_by().values("sub"))
    mail = {(iss, sub): email for iss, sub, email in people.values_list("iss", "sub", "email")}
    for row in found:
        yield Access(
            id=str(row.id),
            kind=row.kind,
            auth0_id=row.auth0_id,
            client_id=row.client_id,
            client_name=row.client_name,
            iss=row.iss,
            sub=row.sub,
            email=mail.get((row.iss, row.sub), ""),
            audiences=tuple(row.audiences),
            scopes=tuple(row.scopes),
            state=row.state,
            state_since=row.state_since,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
            first_seen=row.first_seen,
            seen_at=row.seen_at,
        )


def _standing(accounts: Iterator[Account], ground: Ground, moment: datetime) -> Iterator[Account]:
    for account in accounts:
        account.stand(account_status.of(account, ground, moment))
        yield account


def _reviews(rows: tuple[ConnectedAccount, ...] | None) -> Iterator[Reviewed]:
    """Closed reviews with their decisions, or with those on some accounts alone."""
    items = ReviewItem.objects.exclude(review__closed_at=None).order_by(
        "review__closed_at", "review_id", "id"
    )
    if rows is not None:
        items = items.filter(account__in=[row.id for row in rows])
    for review, some in groupby(items.select_related("review"), key=lambda item: item.review):
        decided = list(some)
        indexes = _indexes([item.event for item in decided] + [review.closed_event])
        # As in the log, so that a rebuild from the log alone gives the same.
        ended = EventRow.objects.filter(event=review.closed_event)
        closed = ended.values_list("time", flat=True).first() if review.closed_event else None
        yield Reviewed(
            str(review.id),
            review.title,
            {str(item.account): _decision(item, indexes) for item in decided},
            len(decided),
            sum(not item.choice for item in decided),
            closed or review.closed_at,
            review.result_digest,
            review.closed_event,
            indexes.get(review.closed_event),
        )


def _decision(item: ReviewItem, indexes: Mapping[str, int]) -> Decision:
    return Decision(
        str(item.account),
        item.choice,
        item.reason,
        item.decided_at,
        item.self_review,
        item.event,
        indexes.get(item.event),
    )


def _indexes(events: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in batched((event for event in events if event), _BATCH):
        rows = EventRow.objects.filter(event__in=some, seq__isnull=False)
        found |= {
            str(event): seq for event, seq in rows.values_list("event", "seq") if seq is not None
        }
    return found


def _declared(row: Manifest) -> Declared:
    needs = tuple((need.connection, tuple(need.scopes)) for need in row.needs.all())
    return Declared(row.kind, row.name, row.digest, row.declared_at, needs)


def _uses(found: QuerySet[ConnectedAccount]) -> dict[UUID, dict[tuple[str, str], Used]]:
    uses: dict[UUID, dict[tuple[str, str], Used]] = {}
    for use in Use.objects.filter(account__in=found.values("pk")).order_by("id"):
        kept = uses.setdefault(use.account_id, {})
        kept[use.agent, use.skill] = Used(use.agent, use.skill, use.count, use.last)
    return uses


def _seen(found: QuerySet[ConnectedAccount]) -> dict[UUID, dict[str, str]]:
    seen: dict[UUID, dict[str, str]] = {}
    for use in SeenUse.objects.filter(account__in=found.values("pk")).order_by("id"):
        seen.setdefault(use.account_id, {})[use.client_id] = use.day.isoformat()
    return seen


def _people(rows: tuple[ConnectedAccount, ...]) -> dict[tuple[str, str], Person]:
    found = Person.objects.exclude(sub="")
    if len(rows) < _BATCH:
        found = found.filter(sub__in={row.sub for row in rows})
    return {(person.iss, person.sub): person for person in found}


def proofs(names: list[str]) -> dict[str, Proof]:
    """The newest entry about each account; what has no leaf yet is not proven and left out."""
    return _newest(EventRow.objects.filter(target_kind="connection"), names)


def proofs_of_access(names: list[str]) -> dict[str, Proof]:
    """The newest entry about each consent or refresh token of an application, as `proofs`."""
    return _newest(log_events.about_access(), names)


def _newest(rows: QuerySet[EventRow], names: list[str]) -> dict[str, Proof]:
    rows = rows.filter(seq__isnull=False)
    if len(names) < _BATCH:
        rows = rows.filter(target_name__in=names)
    newest = rows.values("target_name").annotate(newest=Max("seq")).values_list("newest", flat=True)
    found = EventRow.objects.filter(seq__in=newest).values_list("target_name", "event", "seq")
    return {name: Proof(str(event), seq) for name, event, seq in found if seq is not None}


@dataclass(frozen=True, slots=True)
class Between:
    """What changed from the first `first` entries to the first `size`, and when those ended."""

    first: int
    size: int
    began: datetime | None
    ended: datetime | None
    changes: tuple[Change, ...]


def between(start: str, end: str) -> Between:
    """What changed between two instants: numbers of entries, dates, or times; "" is now.

    Raises:
        BadMoment: one of them is none, or they are the wrong way round.
    """
    first, size = _range(start, end)
    inventory, items, uses = log_events.between(first, size)
    changes = tuple(changes_between.between(inventory, items))
    inventory.counted(uses)  # the accounts of the changes are its own
    return _between(first, size, changes)


@dataclass(frozen=True, slots=True)
class Compared:
    """The inventory as it stood at two instants, and what changed in between.

    Attributes:
        then, now: the two instants.
    """

    before: Inventory
    after: Inventory
    then: datetime
    now: datetime
    found: Between


def compare(start: str, end: str) -> Compared:
    """Both inventories of `between`, by one walk over the log.

    Raises:
        BadMoment: as `between`.
    """
    first, size = _range(start, end)
    then, now = _instant(start, first), _instant(end, size)
    inventory, items, uses = log_events.between(first, size)
    before = inventory.as_of(then)
    changes = tuple(changes_between.between(inventory, items))
    inventory.counted(uses)
    return Compared(before, inventory.as_of(now), then, now, _between(first, size, changes))


def _range(start: str, end: str) -> tuple[int, int]:
    first, size = _size(start, "from"), _size(end, "to")
    if first > size:
        raise BadMoment(f"from: it has to come before `to` ({first} entries, and {size}).")
    return first, size


def _instant(text: str, size: int) -> datetime:
    """When accounts are asked how they stand: at a date, now, or when an entry was recorded."""
    return (moment_of(text) or _recorded(size)) if text else clock.now()


def _between(first: int, size: int, changes: tuple[Change, ...]) -> Between:
    return Between(
        first,
        size,
        _recorded(first) if first else None,
        _recorded(size) if size else None,
        changes,
    )


def _size(text: str, name: str) -> int:
    try:
        return size_of(text) if text else Entry.objects.count()
    except BadMoment as bad:
        raise BadMoment(f"{name}{str(bad).removeprefix('at')}") from None

"""What the document is made of, read at one moment: a handful of queries for any number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet

from approvals import clock
from approvals.models import Person
from audit import heads
from audit.actor import Actor
from audit.models import Checkpoint, EventRow
from connections import lookup, reconcile
from connections.models import ConnectedAccount, Manifest, Schedule, Use


@dataclass(frozen=True, slots=True)
class Proof:
    """The newest entry about an account: its event and, once it has a leaf, its index."""

    event: UUID
    index: int


@dataclass(frozen=True, slots=True)
class Facts:
    """The inventory at `taken`.

    Attributes:
        accounts: those that the reader may see, ordered by id; revoked ones too.
        uses: account -> who used it, newest first.
        whole: whether everybody's accounts are in it.
        compared: when everybody was last compared with Auth0; None before that.
        unread: how many people could not be read then.
    """

    taken: datetime
    accounts: tuple[ConnectedAccount, ...]
    uses: Mapping[UUID, tuple[Use, ...]]
    people: Mapping[tuple[str, str], Person]
    manifests: tuple[Manifest, ...]
    proofs: Mapping[str, Proof]
    checkpoint: Checkpoint | None
    whole: bool
    compared: datetime | None
    unread: int


def read(actor: Actor, *, own: bool = False) -> Facts:
    """Everything that this person may see, or with `own` their accounts alone."""
    found = lookup.mine(actor) if own else lookup.visible(actor)
    with transaction.atomic():  # one snapshot where the database offers it
        accounts = tuple(found.order_by("id"))
        last = Schedule.objects.filter(name=reconcile.ACCOUNTS).first()
        return Facts(
            taken=clock.now(),
            accounts=accounts,
            uses=_uses(found),
            people=_people(accounts),
            manifests=tuple(Manifest.objects.prefetch_related("needs")),
            proofs=_proofs(accounts),
            checkpoint=heads.newest_checkpoint(),
            whole=not own and bool(actor.roles & lookup.SEES_ALL),
            compared=last.finished if last else None,
            unread=last.failed if last else 0,
        )


def _uses(found: QuerySet[ConnectedAccount]) -> dict[UUID, tuple[Use, ...]]:
    uses: dict[UUID, list[Use]] = {}
    for use in Use.objects.filter(account__in=found.values("pk")).order_by("-last", "id"):
        uses.setdefault(use.account_id, []).append(use)
    return {account: tuple(rows) for account, rows in uses.items()}


def _people(accounts: tuple[ConnectedAccount, ...]) -> dict[tuple[str, str], Person]:
    if len(accounts) < 500:
        found = Person.objects.filter(sub__in={account.sub for account in accounts})
    else:
        found = Person.objects.exclude(sub="")
    return {(person.iss, person.sub): person for person in found}


def _proofs(accounts: tuple[ConnectedAccount, ...]) -> dict[str, Proof]:
    """The newest entry about each account; what has no leaf yet is not proven and left out."""
    rows = EventRow.objects.filter(target_kind="connection", seq__isnull=False)
    if len(accounts) < 500:
        rows = rows.filter(target_name__in=[str(account.id) for account in accounts])
    newest = rows.values("target_name").annotate(newest=Max("seq")).values_list("newest", flat=True)
    found = EventRow.objects.filter(seq__in=newest).values_list("target_name", "event", "seq")
    return {name: Proof(event, seq) for name, event, seq in found if seq is not None}

"""Shapes of what `/v1` answers about access reviews (see `shapes`)."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from api.schemas import Closed, EffectOut, WaitingOut

type Decision = Literal["undecided", "keep", "reduce", "revoke"]


class ReviewPerson(Closed):
    """Somebody by their identity; `name` is how the portal calls them now."""

    iss: str
    sub: str
    name: str


class ReviewCounts(Closed):
    """How many of the accounts that you see came to what."""

    accounts: int
    keep: int
    reduce: int
    revoke: int
    undecided: int


class ReviewIdentity(Closed):
    """Somebody by their identity alone."""

    iss: str
    sub: str


class ReassignedOut(Closed):
    """What `person` decided in a review and an admin, `by`, gave to another reviewer."""

    person: ReviewIdentity
    reviewer: ReviewIdentity
    by: ReviewIdentity
    at: str
    event_id: UUID


class ReviewOut(Closed):
    """One review; `waits_for_you` is how many accounts you have left to decide. Admins and auditors
    see what was reassigned, oldest first."""

    id: UUID
    title: str
    filter: str
    reviewers: Literal["owners", "admins"]
    state: Literal["open", "overdue", "closed"]
    due: str
    opened_at: str
    opened_event: UUID | None
    closed_at: str | None
    closed_event: UUID | None
    counts: ReviewCounts
    waits_for_you: int
    scope_sha256: str
    result_sha256: str | None
    reassignments: list[ReassignedOut]


class ReviewList(Closed):
    """Reviews that you may see, newest first; `next` goes on behind the last."""

    items: list[ReviewOut]
    next: str | None


class ReviewUse(Closed):
    """Who had used an account when the review opened."""

    agent: str
    skill: str
    count: int
    last: str


class ReviewedOut(Closed):
    """One account as it was when the review opened, and what was decided on it.

    `may_decide` says whether you may now, else `why_not` says why. `remedy` is how far what follows
    is, in words; with `can_begin` its revocation can be asked for, also once more.
    """

    id: UUID
    number: int
    connection_id: UUID
    connection: str
    title: str
    account: str | None
    owner: ReviewPerson
    state: str
    scopes: list[str]
    excess: list[str]
    uses: list[ReviewUse]
    last_used_at: str | None
    elsewhere_on: str | None
    watched_since: str
    decision: Decision
    reason: str
    decided_at: str | None
    decided_by: ReviewPerson | None
    self_review: bool
    event_id: UUID | None
    remedy: str
    can_begin: bool
    may_decide: bool
    why_not: str


class ReviewedList(Closed):
    """Accounts of a review in their order; `next` goes on behind the last."""

    items: list[ReviewedOut]
    next: int | None


class RefusedOut(Closed):
    """Why the revocation that a decision asks for was refused; the decision stands."""

    code: str
    detail: str


class DecidedOut(Closed):
    """A decision on the record, and what came of the revocation where one follows at once."""

    event_id: UUID
    decision: Decision
    remedy: str
    operation: UUID | None
    effects: list[EffectOut]
    refused: RefusedOut | None


class DecidedWaitingOut(WaitingOut):
    """A decision on the record whose revocation waits for somebody: poll `poll_url`."""

    event_id: UUID
    decision: Decision

"""What follows from a decision, and how far it is: read from the account, never remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from approvals.errors import Refused
from approvals.models import Approval, Status
from approvals.pipeline.service import Performed, perform
from audit.recording.actors import Actor, Target
from connections.models import NOT_HELD, Choice, ConnectedAccount, ReviewItem, State

NOT_BEGUN = "not begun"
DECIDED_AGAIN = "decided_again"
AGAIN = frozenset({NOT_BEGUN, "not approved", "taken back"})
"""States in which a decided revocation can be asked for, also once more."""
WORDS: Mapping[str, str] = {
    "": "",
    NOT_BEGUN: "the revocation was not asked for yet",
    "waits": "the revocation waits for approval; the broker refuses meanwhile",
    "not approved": "the revocation was not approved",
    "taken back": "its owner took the revocation back",
    "refused": "refused; the deletion at Auth0 is pending",
    "revoked": "revoked",
    "owner asked": "its owner was asked; the grant is as it was",
    "reduced": "none of the scopes that were too many is granted now",
}


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision led to.

    Attributes:
        event: of this very decision.
        item: the account as this decision left it, whatever somebody else decides since.
        refused: why the revocation that it asks for was refused; the decision is on the record.
    """

    event: str
    item: ReviewItem
    revocation: Performed | None = None
    refused: Refused | None = None

    @property
    def remedy(self) -> str:
        """What follows from it, in words."""
        if self.refused is not None and self.refused.code == DECIDED_AGAIN:
            return "someone decided again meanwhile: that answer counts"
        return WORDS[states([self.item])[self.item.id]]


def _nothing(ended: object) -> None:
    """Most callers keep nothing of their own with it."""


def decide(
    actor: Actor,
    item: ReviewItem,
    choice: str,
    reason: str,
    *,
    before_commit: Callable[[Decided], None] = _nothing,
) -> Decided:
    """Decide, and begin what follows. The decision is on the record also where the revocation is
    refused, which `refused` says: also with `decided_again`, where another one counts by then.

    `before_commit` is called inside the transaction that ends it: that of the revocation where one
    follows, else that of the decision. It is not called where the revocation is refused.

    Raises:
        Refused: as the verb `review.decide` says. Nothing was decided.
    """

    def last(done: Performed) -> None:
        item.refresh_from_db()  # here, where it is nobody else's yet
        if choice != Choice.REVOKE:
            before_commit(Decided(str(done.event_id), item))

    target, params = Target("review_item", str(item.id)), {"choice": choice}
    done = perform(actor, "review.decide", target, params=params, reason=reason, before_commit=last)
    event = str(done.event_id)
    if choice != Choice.REVOKE:
        return Decided(event, item)
    try:
        asked = revoke(
            actor, item, before_commit=lambda asked: before_commit(Decided(event, item, asked))
        )
    except Refused as refused:
        return Decided(event, item, refused=refused)
    return Decided(event, item, asked)


def revoke(
    actor: Actor, item: ReviewItem, *, before_commit: Callable[[Performed], None] = _nothing
) -> Performed:
    """Ask for the revocation that was decided: an owner's happens at once, others wait.

    Its own act, under its own rights, so that a review is no way around an approval; `begin` takes
    up what a crash left between the two. `before_commit` is called inside its transaction, and
    `item` says then what was asked for.

    Raises:
        Refused: `decided_again` where the decision that `item` tells counts no more, or as the
            verb `connection.revoke` says.
    """

    def remember(done: Performed) -> None:
        approval = str(done.approval.id) if done.approval else ""
        if not ReviewItem.objects.filter(pk=item.pk, choice=Choice.REVOKE, event=item.event).update(
            operation=done.operation, approval=approval
        ):
            raise Refused(
                DECIDED_AGAIN,
                "Someone decided on this account again meanwhile: that answer counts.",
            )
        item.operation, item.approval = done.operation, approval
        before_commit(done)

    return perform(
        actor,
        "connection.revoke",
        Target("connection", str(item.account)),
        reason=f"Access review “{item.review.title}”: {item.reason}"[:500],
        before_commit=remember,
    )


def begin(
    actor: Actor, item: ReviewItem, *, before_commit: Callable[[Performed], None] = _nothing
) -> Performed:
    """Ask for a decided revocation that did not begin, or that did not hold; see `revoke`.

    Raises:
        Refused: `nothing_to_begin`, or as `revoke`.
    """
    if states([item])[item.id] not in AGAIN:
        raise Refused("nothing_to_begin", "No revocation of this account waits to begin.")
    return revoke(actor, item, before_commit=before_commit)


def states(items: Iterable[ReviewItem]) -> dict[UUID, str]:
    """How far the consequence of each decision is; two queries for any number."""
    rows = list(items)
    accounts = {
        account.id: account
        for account in ConnectedAccount.objects.filter(pk__in=[row.account for row in rows])
    }
    waiting = {
        str(id)
        for id in Approval.objects.filter(
            pk__in=[row.approval for row in rows if row.approval], status=Status.PENDING
        ).values_list("id", flat=True)
    }
    return {row.id: _state(row, accounts.get(row.account), waiting) for row in rows}


def _state(item: ReviewItem, account: ConnectedAccount | None, waiting: set[str]) -> str:
    if item.choice in {"", Choice.KEEP}:
        return ""
    if account is None or account.state in NOT_HELD:
        return "revoked"
    if account.state == State.REVOCATION_PENDING:
        return "refused"
    if item.choice == Choice.REDUCE:
        return "owner asked" if set(item.excess) & set(account.scopes) else "reduced"
    if not item.operation:
        return NOT_BEGUN
    if item.approval:
        return "waits" if item.approval in waiting else "not approved"
    return "taken back"

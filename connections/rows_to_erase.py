"""The store of `connections`: a person's accounts and what was seen of them go; elsewhere they are
taken out of who did what."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from approvals.models import Effect
from approvals.pipeline import locks
from audit.erasure import erase_names_in_text, subject_and_store_registry
from audit.erasure.subject_and_store_registry import (
    MARK,
    Known,
    Repeats,
    Restriction,
    Sealed,
    Store,
    Whose,
    knows,
    register,
    reserves,
)
from audit.recording.actors import Target
from connections.access_reviews import (
    frozen_account_list,
    queued_job_seals,
    signed_result_file,
    store_opening_list,
    work_lease,
)
from connections.lifecycle import restriction_stack
from connections.models import (
    AccessState,
    Allowance,
    AllowRule,
    AppAccess,
    Attempts,
    ConnectedAccount,
    Freeze,
    FrozenKind,
    JustInTime,
    LogFact,
    Manifest,
    Need,
    Notice,
    OwnerLetter,
    PersonLook,
    Review,
    ReviewItem,
    ReviewLines,
    ReviewWork,
    ScopeRule,
    State,
)

_THEIRS: tuple[type[Any], ...] = (
    *(ConnectedAccount, AppAccess, Attempts, Need, Notice, OwnerLetter, LogFact, PersonLook),
)
"""Rows about one person, by `iss` and `sub`; what hangs on an account goes with it."""
_SCRUBBED: tuple[tuple[type[Any], tuple[str, ...]], ...] = (
    (
        ConnectedAccount,
        ("state_reason", "state_by", "earlier", "deletion_detail", "label", "provider_user"),
    ),
    (AppAccess, ("client_name", "detail")),
    (Allowance, ("ended_by",)),
    (Freeze, ("reason", "by", "by_name")),
    (JustInTime, ("changed_by", "changed_name", "also_by")),
    (ScopeRule, ("changed_by",)),
    (AllowRule, ("changed_by",)),
    (Manifest, ("declared_by",)),
    (Notice, ("by", "reason")),
    (OwnerLetter, ("detail",)),
    (Review, ("title", "admins", "opened_by", "closed_by", "reassignments")),
    (ReviewItem, ("reason", "decided_sub", "uses", "sub")),
    (ReviewWork, ("actor", "params", "detail")),
)
_OF_MANY: tuple[tuple[type[Any], tuple[str, ...]], ...] = (
    (Review, ("result",)),
    (ReviewLines, ("text",)),
)
"""Texts about many people: a name could be a word of them."""
_WHO_DECIDES = ("admins", "reassignments")
_OWN = {
    "ConnectedAccount": ("sub", "auth0_id", "label", "provider_user", "scopes", "state_reason"),
    "AppAccess": ("sub", "auth0_id", "client_id", "client_name", "detail"),
    "Attempts": ("sub", "name"),
    "Need": ("sub", "name"),
    "Notice": ("sub",),
    "OwnerLetter": ("sub",),
    "LogFact": ("sub", "log_id", "auth0_id", "agent_id", "reason"),
    "PersonLook": ("sub",),
    "Freeze": ("name",),
    "ReviewItem": ("sub", "auth0_id", "scopes", "excess", "uses"),
}


@knows
def from_accounts(key: str) -> Iterator[Known]:
    """What their accounts are called."""
    for iss, sub in subject_and_store_registry.identities(ConnectedAccount, key):
        for account in ConnectedAccount.objects.filter(iss=iss, sub=sub):
            yield Known(iss, sub, also=(account.label, account.provider_user))


@knows
def from_elsewhere(key: str) -> Iterator[Known]:
    """Who is known by the tenant's log, reviews or applications alone."""
    for model in (AppAccess, LogFact, ReviewItem, OwnerLetter):
        for iss, sub in subject_and_store_registry.identities(model, key):
            yield Known(iss, sub)


@reserves
def from_manifests(_key: str) -> Iterator[str]:
    """What components and connections are called."""
    yield from Manifest.objects.order_by().values_list("name", flat=True).distinct()
    yield from ConnectedAccount.objects.order_by().values_list("connection", flat=True).distinct()


def _restricted_by_others(whose: Whose) -> Iterator[Restriction]:
    """Freezes of the person, what bars them from their accounts, and what is not deleted at Auth0
    yet, by anybody else."""
    frozen = Freeze.objects.filter(kind=FrozenKind.PERSON, name__in=whose.subs)
    for freeze in frozen.exclude(by__in=whose.subs):
        yield Restriction("freeze", f"freeze {freeze.pk}")
    for account in ConnectedAccount.objects.filter(whose.of(), barred=True):
        for one in restriction_stack.of_others(account):
            what = "suspension" if one.state == State.SUSPENDED else "revocation"
            yield Restriction(what, f"{account.pk} {one.id or (one.state, one.by, one.since)}")
    for access in AppAccess.objects.filter(whose.of(), state=AccessState.REVOKING):
        decided = Effect.objects.filter(operation=access.operation)
        by = decided.values_list("actor__sub", flat=True).first()
        if by not in whose.subs:
            yield Restriction("unfinished revocation", f"{access.pk} {access.operation}")


def _lock(whose: Whose) -> None:
    """Nobody freezes the person, suspends or revokes an account of theirs, or changes who decides
    in a review that names them, meanwhile. Reviews before accounts, as decisions lock them."""
    for sub in sorted(whose.subs):
        locks.lock_decisions(Target(FrozenKind.PERSON, sub))
    reviews = erase_names_in_text.naming(Review.objects.select_for_update(), _WHO_DECIDES, whose)
    list(reviews.order_by("pk").values_list("pk", flat=True))
    theirs = ConnectedAccount.objects.filter(whose.of()).select_for_update()
    list(theirs.order_by("pk").values_list("pk", flat=True))


def _rows(whose: Whose) -> Iterator[QuerySet[Any]]:
    for model in _THEIRS:
        yield model._default_manager.filter(whose.of())
    yield Freeze.objects.filter(kind=FrozenKind.PERSON, name__in=whose.subs)


def _reviewed(whose: Whose) -> QuerySet[ReviewItem]:
    return ReviewItem.objects.filter(whose.of())


def _count(whose: Whose) -> int:
    own = sum(rows.count() for rows in _rows(whose)) + _reviewed(whose).count()
    scrubbed = (*_SCRUBBED, *_OF_MANY)
    decided = [(m, tuple(f for f in fields if f != "sub")) for m, fields in scrubbed]
    return own + sum(erase_names_in_text.count(model, fields, whose) for model, fields in decided)


def _reviews(whose: Whose) -> list[Sealed]:
    """Frozen lists that have the person, and signed results that name them."""
    named = erase_names_in_text.naming(ReviewItem.objects.all(), ("uses", "sub", "auth0_id"), whose)
    lists = set(_reviewed(whose).values_list("review", flat=True))
    lists |= set(named.values_list("review", flat=True))
    signed = Review.objects.exclude(result="")
    blocks = erase_names_in_text.naming(ReviewLines.objects.all(), ("text",), whose)
    results = set(erase_names_in_text.naming(signed, ("result",), whose)) | set(
        signed.filter(pk__in=blocks.values("review"))
    )
    frozen = Review.objects.filter(pk__in=lists)
    return [
        *(Sealed(one.digest, partial(frozen_account_list.digest_now, one)) for one in frozen),
        *(Sealed(one.result_digest, partial(_digest_of_result, one.pk)) for one in results),
    ]


def _digest_of_result(pk: UUID) -> str:
    return signed_result_file.digest_now(Review.objects.get(pk=pk))


def _repeated(whose: Whose) -> list[Repeats]:
    named = ("title", "admins", "opened_by", "closed_by", "reassignments")
    decided = ("reason", "decided_sub")
    theirs = whose.of() | whose.of("decided_iss", "decided_sub")
    naming = erase_names_in_text.naming(ReviewItem.objects.all(), decided, whose)
    return [
        Repeats(erase_names_in_text.naming(Review.objects.all(), named, whose), named),
        Repeats(ReviewItem.objects.filter(theirs | Q(pk__in=naming.values("pk"))), decided),
    ]


def _erase(whose: Whose) -> int:
    work_lease.stop_all()
    store_opening_list.take_away(Review.opening.all())
    gone = sum(rows.delete()[0] for rows in _rows(whose))
    # The line of a review stays: that an account was looked at, not whose it was.
    gone += _reviewed(whose).update(
        sub=MARK, auth0_id="", scopes=[], excess=[], uses=[], reason="",
        last_used_at=None, elsewhere_on=None,
    )  # fmt: skip
    ReviewItem.objects.filter(whose.of("decided_iss", "decided_sub")).update(
        decided_sub=MARK, reason=""
    )
    Freeze.objects.filter(by__in=whose.subs).update(by=MARK, by_name="", reason="")
    whole = queued_job_seals.sealed_now()
    gone += _mark_reviewers_apart(whose)
    gone += sum(erase_names_in_text.scrub(model, fields, whose) for model, fields in _SCRUBBED)
    gone += erase_names_in_text.scrub(Review, ("result",), whose, names=False) + _scrub_lines(whose)
    queued_job_seals.reseal(whole)
    return gone


def _mark_reviewers_apart(whose: Whose) -> int:
    """Take the person out of who decides in reviews, by a mark that no other person has in that
    review: one more `[erased]` than before. Else what one erased reviewer was given would count as
    another one's. Returns in how many reviews."""
    changed = 0
    # Locked here as well: a reassignment made by them may have been committed since the first lock.
    reviews = Review.objects.select_for_update().order_by("pk")
    for review in list(erase_names_in_text.naming(reviews, _WHO_DECIDES, whose)):
        moved = [one for one in review.reassignments if isinstance(one, dict)]
        named_in = [*review.admins, *(part for one in moved for part in one.values())]
        people = [one for one in named_in if isinstance(one, dict)]
        theirs = [one for one in people if (one.get("iss"), one.get("sub")) in whose.people]
        mark = MARK * (1 + max((str(one.get("sub")).count(MARK) for one in people), default=0))
        for one in theirs:
            one["sub"] = mark
        if theirs:
            review.save(update_fields=_WHO_DECIDES)
            changed += 1
    return changed


def _scrub_lines(whose: Whose) -> int:
    """Take the person out of their own lines of signed results; in how many blocks."""
    identity, pattern, changed = whose.pattern(), whose.pattern(labels=True), 0
    if identity is None or pattern is None:
        return 0
    for block in list(erase_names_in_text.naming(ReviewLines.objects.all(), ("text",), whose)):
        lines = [
            pattern.sub(MARK, line) if identity.search(line) else line
            for line in block.text.split("\n")
        ]
        if (text := "\n".join(lines)) != block.text:
            ReviewLines.objects.filter(pk=block.pk).update(text=text)
            changed += 1
    return changed


register(
    Store(
        "connections",
        "Connected accounts, applications, notices, letters, reviews and the tenant log",
        10,
        _count,
        _erase,
        sorted(
            {
                f"connections.{m.__name__}.{name}"
                for m, fields in (*_SCRUBBED, *_OF_MANY)
                for name in fields
            }
            | {f"connections.{model}.{name}" for model, names in _OWN.items() for name in names}
        ),
        _reviews,
        _repeated,
        _restricted_by_others,
        _lock,
    )
)

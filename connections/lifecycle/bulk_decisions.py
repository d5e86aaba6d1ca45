"""Several accounts at once: suspend or revoke a selection, with one approval that names them all.

The target is named by the digest of the list, and the list is in the parameters, so that the intent
holds both. Each account gets its own event and its own remote steps (DESIGN 1.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from pydantic import BaseModel, ConfigDict, Field

from approvals import registry
from approvals.errors import NothingToDo, Refused
from approvals.models import Approval, Status
from approvals.pipeline.intent import digest
from approvals.pipeline.service import LONGEST_SENTENCE
from approvals.registry import CommitContext, Committed, Part, Stance, Verb
from audit.ledger.format import safe_display
from audit.ledger.format.allowed_field_values import severity_rank
from audit.recording.actors import Target
from connections import account_names
from connections.lifecycle import (
    approver_sentences,
    connect_revoke_suspend_resume,
    suspend_and_hold,
)
from connections.models import ConnectedAccount
from connections.scopes import catalogue

KIND: Final = "selection"
REVOKE: Final = "selection.revoke"
SUSPEND: Final = "selection.suspend"
MOST: Final = 100
"""Accounts of one selection: as many as one page shows and one approval can name."""


class SelectionParams(BaseModel):
    """The accounts, by id."""

    model_config = ConfigDict(extra="forbid")

    accounts: list[UUID] = Field(min_length=1, max_length=MOST)


class RevokeParams(SelectionParams):
    """`end_sessions` also ends all sessions and refresh tokens of each owner."""

    end_sessions: bool = False


def target_of(accounts: Iterable[str]) -> Target:
    """The target that a list of account ids is: SHA-256 over it, sorted (hex)."""
    return Target(KIND, digest({"accounts": sorted(set(map(str, accounts)))}))


def _accounts(
    target: Target, params: Mapping[str, Any], lock: bool = False
) -> list[ConnectedAccount]:
    """The accounts that a decision names, in a fixed order.

    Raises:
        Refused: `bad_target` where the name is not the digest of the list, `unknown_connection`.
    """
    wanted = sorted(set(map(str, params["accounts"])))
    if target != target_of(wanted):
        raise Refused(
            "bad_target",
            "A selection is named by the SHA-256 of its list of accounts.",
            pointer="/target/name",
        )
    rows = _rows(wanted, lock)
    if len(rows) != len(wanted):
        raise Refused("unknown_connection", "One of these connections is not there any more.")
    return rows


def _rows(accounts: Iterable[object], lock: bool = False) -> list[ConnectedAccount]:
    """Those of these accounts that are still there, in a fixed order."""
    found = ConnectedAccount.objects.filter(pk__in=list(accounts)).order_by("pk")
    return list(found.select_for_update() if lock else found)


def _parts(_target: Target, params: Mapping[str, Any]) -> list[Target]:
    return [Target("connection", str(account)) for account in params["accounts"]]


def listed(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Id and words of each account that a decision names, for the approver."""
    rows = ConnectedAccount.objects.filter(pk__in=params.get("accounts", ())).order_by("pk")
    return [
        (str(row.id), f"{account_names.owner_name(row)}’s {account_names.in_words(row)}")
        for row in rows
    ]


def pending_requests_about(account: str) -> QuerySet[Approval]:
    """Requests that wait and name an account, alone or in a selection; the newest first."""
    waiting = Approval.objects.filter(status=Status.PENDING)
    selections = waiting.filter(target_kind=KIND).values_list("pk", "params")
    listed = [pk for pk, params in selections if account in map(str, params["accounts"])]
    alone = Q(target_kind="connection", target_name=account)
    return waiting.filter(alone | Q(pk__in=listed)).order_by("-created")


def _whole(ctx: CommitContext, parts: Sequence[Part]) -> Committed:
    listed = ctx.params["accounts"]
    left = set(map(str, listed)) - {part.target.name for part in parts}
    data = {"accounts": listed, "number": len(parts), "left_alone": len(left)}
    return Committed(parts=parts, data=data)


def _revoke(ctx: CommitContext) -> Committed:
    """What was revoked by somebody else meanwhile is as it should be, and left alone."""
    parts, ended = [], set()
    for account in _accounts(ctx.target, ctx.params, lock=True):
        if connect_revoke_suspend_resume.is_revoked_for(ctx.actor, account):
            continue
        own = connect_revoke_suspend_resume.begin_revocation(account, ctx)
        end = bool(ctx.params.get("end_sessions")) and account.owner not in ended
        ended.add(account.owner)
        what, whose = account_names.to_approve(account, 55), account_names.owner_name(account)
        steps = connect_revoke_suspend_resume.remote_steps(
            account, ctx, end=end, what=what, whose=whose
        )
        parts.append(
            connect_revoke_suspend_resume.part(
                "connection.revoke", account, effects=steps, data={"own": own}
            )
        )
    if not parts:
        raise NothingToDo("All of these connections are already revoked.")
    return _whole(ctx, parts)


def _suspend(ctx: CommitContext) -> Committed:
    parts = []
    for account in _accounts(ctx.target, ctx.params, lock=True):
        if connect_revoke_suspend_resume.may_be_suspended(ctx.actor, account):
            suspend_and_hold.suspend_now(account, ctx)
            parts.append(connect_revoke_suspend_resume.part("connection.suspend", account))
    if not parts:
        raise Refused("not_connected", "None of these connections can be suspended.")
    return _whole(ctx, parts)


def _hold(ctx: CommitContext) -> Committed:
    """While the approval waits, the broker refuses each of them."""
    parts = []
    for account in _accounts(ctx.target, ctx.params, lock=True):
        if not connect_revoke_suspend_resume.is_revoked_for(ctx.actor, account):
            suspend_and_hold.hold_now(account, ctx)
            parts.append(connect_revoke_suspend_resume.part("connection.suspend", account))
    return _whole(ctx, parts)


def _release(ctx: CommitContext) -> Committed:
    """Undo exactly what `_hold` did: a suspension by another hand stays. Accounts whose owner was
    erased meanwhile are gone."""
    connect_revoke_suspend_resume.lock_connections(_rows(ctx.params["accounts"]))
    released = suspend_and_hold.release_holds(_rows(ctx.params["accounts"], lock=True), ctx)
    return _whole(
        ctx,
        [connect_revoke_suspend_resume.part("connection.resume", account) for account in released],
    )


def _look(target: Target, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Which accounts of whom. That one of them is gone meanwhile changes nothing of the wish."""
    rows = _accounts(target, params)
    return {"accounts": [[account.auth0_id, account.sub] for account in rows]}


def _severity(target: Target, params: Mapping[str, Any]) -> str:
    risky = (catalogue.any_risky(a.connection, a.scopes) for a in _accounts(target, params))
    return max(("HIGH" if one else "MEDIUM" for one in risky), key=severity_rank)


def _short_list(services: Sequence[str]) -> str:
    """At most six services by name, each shortened, and how many more."""
    named = ", ".join(safe_display.short(name, 40) for name in services[:6])
    return f"{named} and {len(services) - 6} more" if len(services) > 6 else named


def _ends(params: Mapping[str, Any]) -> str:
    return " and end all their owners' sessions" if params.get("end_sessions") else ""


def _naming_all(verb: str, rows: Sequence[ConnectedAccount], params: Mapping[str, Any]) -> str:
    """Every account by its owner and name."""
    named = "; ".join(account_names.to_approve(row, account_names.LONGEST_NAME) for row in rows)
    return f"{verb} {_number(rows)}{_ends(params)}: {named}"


def _number(rows: Sequence[ConnectedAccount]) -> str:
    return f"{len(rows)} account{'s' if len(rows) != 1 else ''}"


def _fits(sentence: str) -> bool:
    return len(safe_display.visible(sentence)) <= LONGEST_SENTENCE


def _is_for_portal(target: Target, params: Mapping[str, Any]) -> bool:
    """Whether a phone cannot name every account that would be revoked."""
    return not _fits(_naming_all("Revoke", _accounts(target, params), params))


def _says(verb: str) -> Any:
    def sentence(target: Target, params: Mapping[str, Any]) -> str:
        rows = _accounts(target, params)
        if _fits(whole := _naming_all(verb, rows, params)):
            return whole
        people = {account.owner for account in rows}
        services = sorted({catalogue.title(account.connection) for account in rows})
        owner = safe_display.person_in_sentence(account_names.owner_name(rows[0]))
        whose = owner if len(people) == 1 else f"{len(people)} people"
        return f"{verb} {_number(rows)} ({_short_list(services)}) of {whose}{_ends(params)}"

    return sentence


registry.register(
    Verb(
        name=REVOKE,
        event="selection.revoked",
        label="Revoke all",
        roles=frozenset({"admin"}),
        stance=Stance.FINAL,
        target_kinds=frozenset({KIND}),
        commit=_revoke,
        params=RevokeParams,
        about_others=lambda _actor, _target: True,
        needs_reason=lambda _actor, _target: True,
        parts=_parts,
        hold=_hold,
        release=_release,
        look=_look,
        severity=_severity,
        sentence=_says("Revoke"),
        by_passkey=_is_for_portal,
        risk=lambda _target, _params: "agents lose these accounts until owners connect them again",
        if_approved=approver_sentences.IF_ALL_REVOKED,
        if_denied="They are not revoked, and any other suspension of them stays.",
        if_expired="They stay suspended until someone decides.",
    )
)
registry.register(
    Verb(
        name=SUSPEND,
        event="selection.suspended",
        label="Suspend all",
        roles=frozenset({"admin"}),
        stance=Stance.TIGHTEN,
        target_kinds=frozenset({KIND}),
        commit=_suspend,
        params=SelectionParams,
        needs_reason=lambda _actor, _target: True,
        parts=_parts,
        look=_look,
        severity=_severity,
        sentence=_says("Suspend"),
    )
)

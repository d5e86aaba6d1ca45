"""The decisions about just-in-time access: restrict or relax a connection, and wake an account.

Restricting is immediate. Relaxing and, where the setting says so, waking wait for a phone: they
let agents in again (DESIGN 1.3.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import available_timezones

from django.db.models import Q
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from approvals import clock, registry
from approvals.errors import Refused
from approvals.models import Approval, Outcome, Status
from approvals.pipeline import overtaken_requests
from approvals.registry import CommitContext, Committed, Stance, Verb
from approvals.step_up.rate_limit import OVERTAKEN_BY_REQUESTER
from audit.recording.actors import Actor, Target
from connections import (
    account_names,
    connection_and_agent_names,
    permissions,
)
from connections import phone_sentence_length as fitting
from connections.component_manifests import (
    manifest_store,
)
from connections.idle_access.idle_and_hours_setting_types import (
    LONGEST_IDLE_H,
    OWNER,
    BadHours,
    Setting,
    tightens,
)
from connections.lifecycle import (
    approver_sentences,
    restriction_stack,
)
from connections.lifecycle.connect_revoke_suspend_resume import account_of
from connections.models import ConnectedAccount, JustInTime, State
from connections.scopes import (
    catalogue,
)
from connections.status import (
    state_filters,
)
from connections.status.account_status import Code, Standing

QUIET: Final = timedelta(minutes=15)
"""Who said no, or did not answer, is left in peace for so long: the broker asks nobody to death."""


_WHY: Final = {
    Outcome.DENIED: "Its owner said no",
    Outcome.EXPIRED: "Its owner did not answer",
    Outcome.CANCELLED: "The request was withdrawn",
}
_OVERTAKEN: Final = (overtaken_requests.CODE, OVERTAKEN_BY_REQUESTER)


def why_nobody_is_asked(verb: str, target: Target) -> str:
    """Why nobody is asked again yet; empty when it is time to."""
    last = (
        Approval.objects.filter(
            verb=verb,
            target_kind=target.kind,
            target_name=target.name,
            status=Status.CLOSED,
            closed__gt=clock.now() - QUIET,
        )
        .filter(Q(outcome__in=_WHY) | Q(outcome=Outcome.FAILED, outcome_code__in=_OVERTAKEN))
        .order_by("-closed")
        .first()
    )
    if last is None or last.closed is None:
        return ""
    why = _WHY.get(Outcome(last.outcome), "Another decision ended the request")
    return f"{why}; they are asked again from {clock.stamp(last.closed + QUIET)} on."


RESTRICT: Final = "connection.restrict"
RELAX: Final = "connection.relax"
WAKE: Final = "connection.wake"
KIND: Final = "service"
_ADMIN: Final = frozenset({"admin"})
_ZONES: list[JsonValue] = [*sorted(available_timezones())]
_TIME = Annotated[str, StringConstraints(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class HoursIn(BaseModel):
    """When agents may get tokens: days, from, to and the time zone that is meant."""

    model_config = ConfigDict(extra="forbid")

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = Field(
        min_length=1, max_length=7
    )
    opens: _TIME
    closes: _TIME
    zone: str = Field(min_length=1, max_length=64, json_schema_extra={"enum": _ZONES})


class SettingParams(BaseModel):
    """The whole new setting; what is left out is not set."""

    model_config = ConfigDict(extra="forbid")

    # The bounds belong to the number: on the union with `None` OpenAPI would leave them out.
    idle_h: Annotated[int, Field(ge=1, le=LONGEST_IDLE_H)] | None = None
    hours: HoursIn | None = None
    wake: Literal["use", "owner"] = "use"


def wanted(params: Mapping[str, Any]) -> Setting:
    """The setting that parameters describe.

    Raises:
        Refused: `bad_params`, naming what is wrong with its hours.
    """
    try:
        return Setting.read(params)
    except BadHours as bad:
        raise Refused("bad_params", f"hours/{bad}", pointer="/params/hours") from None


def verb_for(connection: str, setting: Setting) -> str:
    """The decision that leads to a setting from the one in force."""
    return RESTRICT if tightens(state_filters.setting_of(connection), setting) else RELAX


def _checked(target: Target, params: Mapping[str, Any]) -> tuple[Setting, Setting]:
    """The setting in force and the one wanted."""
    if not manifest_store.is_connection(target.name):
        raise Refused("bad_target", "Name a connection, such as github.", pointer="/target/name")
    connection_and_agent_names.check_connection(target.name)
    return state_filters.setting_of(target.name), wanted(params)


def _changing(target: Target, params: Mapping[str, Any]) -> tuple[Setting, Setting]:
    old, new = _checked(target, params)
    if old == new:
        raise Refused("nothing_changes", "That is set already.")
    return old, new


def _set_by(target: Target) -> list[str]:
    """The subjects whose limits are in force, sorted."""
    row = JustInTime.objects.filter(name=target.name).first()
    if row is None or Setting.read(row.as_json()).open_always:
        return []
    return sorted({row.changed_by, *row.also_by})


def _is_of_others(actor: Actor, target: Target) -> bool:
    """Whether relaxing it needs somebody else: another person's limit is in force."""
    return any(sub != actor.sub for sub in _set_by(target))


def _restrict(ctx: CommitContext) -> Committed:
    """Also what is set so already by others alone: then it is this person's limit as well."""
    old, new = _checked(ctx.target, ctx.params)
    if old == new and (new.open_always or ctx.actor.sub in _set_by(ctx.target)):
        raise Refused("nothing_changes", "That is set already.")
    if not tightens(old, new):
        raise Refused(
            "relaxes",
            "This would allow more than what is set now: that is the decision connection.relax, "
            "which waits for an approval.",
        )
    return _set(ctx, old, new)


def _set(ctx: CommitContext, old: Setting, new: Setting) -> Committed:
    name, plain = ctx.target.name, new.as_json()
    also_by = [] if new.open_always else [s for s in _set_by(ctx.target) if s != ctx.actor.sub]
    JustInTime.objects.update_or_create(
        name=name,
        defaults={
            **plain,
            "changed_at": clock.now(),
            "changed_by": ctx.actor.sub,
            "changed_name": (ctx.actor.name or ctx.actor.email)[:254],
            "also_by": also_by,
        },
    )
    return Committed(
        connection=name,
        data={
            "setting": plain,
            "before": old.as_json(),
            "words": new.in_words(catalogue.title(name)),
        },
        changes={"setting": {"before": old.as_json(), "after": plain}},
    )


def _sentence(target: Target, params: Mapping[str, Any]) -> str:
    return f"Set: {wanted(params).in_words(fitting.title(target.name))}"


def _in_force(target: Target, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"setting": state_filters.setting_of(target.name).as_json(), "set_by": _set_by(target)}


def _relaxing(target: Target, params: Mapping[str, Any]) -> str:
    """HIGH; what could not be set is refused before anybody is asked."""
    _changing(target, params)
    return "HIGH"


def asleep(account: ConnectedAccount) -> Standing:
    """How an account sleeps that can be woken.

    Raises:
        Refused: `not_asleep`, `outside_hours`.
    """
    stands = state_filters.of(account)
    if stands.code != Code.ASLEEP:
        raise Refused("not_asleep", f"This connection is {stands.code.label}, not paused.")
    if stands.opens is not None:
        title = catalogue.title(account.connection)
        raise Refused("outside_hours", f"{title} opens again at {clock.stamp(stands.opens)}.")
    return stands


def _wake(ctx: CommitContext) -> Committed:
    account = ConnectedAccount.objects.select_for_update().get(pk=account_of(ctx.target).pk)
    slept = asleep(account)
    by_owner = state_filters.setting_of(account.connection).wake == OWNER
    restriction_stack.check(ctx, *([restriction_stack.A_SETTING] if by_owner else []))
    account.turn(State.CONNECTED, clock.now(), reason=ctx.reason, by=ctx.actor.sub)
    account.sleep_recorded_at = None
    restriction_stack.keep(account)
    return Committed(
        connection=account.connection,
        data={
            **account_names.facts_of(account),
            "slept_since": clock.stamp(slept.since) if slept.since else None,
            "why": "its owner approved" if ctx.approval else "used or woken by its owner",
        },
        private=account_names.private_of(account),
    )


def _check_not_denied_lately(actor: Actor, target: Target, _params: Mapping[str, Any]) -> None:
    """An agent holds its owner's access token too: it rings no phone again after a denial.

    Raises:
        Refused: `denied_lately`.
    """
    if actor.via == "web" or not permissions.owns(actor, target) or _wakes_freely(actor, target):
        return
    if why := why_nobody_is_asked(WAKE, target):
        raise Refused("denied_lately", why)


def _wakes_freely(actor: Actor, target: Target) -> bool:
    account = permissions.by_id(target.name)
    return (
        account is not None
        and permissions.is_owner(actor, account)
        and state_filters.setting_of(account.connection).wake != OWNER
    )


def _wake_in_words(target: Target, _params: Mapping[str, Any]) -> str:
    return f"Resume {account_names.to_approve(account_of(target))} for agents"


def _sleeps(target: Target, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    account = account_of(target)
    asleep(account)
    return {"account": account.auth0_id, "owner": account.sub, "since": str(account.state_since)}


for _name, _event, _label, _stance, _commit in (
    (RESTRICT, "connection.restricted", "Restrict", Stance.TIGHTEN, _restrict),
    (
        RELAX,
        "connection.relaxed",
        "Relax",
        Stance.LOOSEN,
        lambda ctx: _set(ctx, *_changing(ctx.target, ctx.params)),
    ),
):
    registry.register(
        Verb(
            name=_name,
            event=_event,
            label=_label,
            roles=_ADMIN,
            stance=_stance,
            target_kinds=frozenset({KIND}),
            commit=_commit,
            params=SettingParams,
            look=_in_force,
            about_others=_is_of_others,
            severity=_relaxing if _name == RELAX else lambda _t, _p: "MEDIUM",
            sentence=_sentence,
            risk=lambda _t, _p: "agents can use these accounts at times when they are paused now",
            if_approved="It applies from the next token request.",
            if_denied="The setting stays as it is.",
            if_expired="The setting stays as it is.",
        )
    )
registry.register(
    Verb(
        name=WAKE,
        event="connection.woken",
        label="Wake",
        roles=_ADMIN,
        stance=Stance.LOOSEN,
        target_kinds=frozenset({"connection"}),
        commit=_wake,
        owns=_wakes_freely,
        may_ask=permissions.owns,
        validate=_check_not_denied_lately,
        about_others=lambda actor, target: not permissions.owns(actor, target),
        look=_sleeps,
        severity=lambda _t, _p: "HIGH",
        sentence=_wake_in_words,
        risk=approver_sentences.risk_of_letting_in,
        account=approver_sentences.account,
        if_approved="Agents get its tokens again; the caller tries once more.",
        if_denied="It stays paused.",
        if_expired="It stays paused.",
    )
)

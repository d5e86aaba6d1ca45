"""The decisions about scopes beyond manifests: grant one for a while, withdraw it, set the rules.

`scope.grant` is asked for by the broker in the name of the account's owner, never committed at
once: the owner approves it on their own device, then somebody else who may (DESIGN 1.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from approvals import clock, registry
from approvals.errors import Refused
from approvals.pipeline.service import LONGEST_SENTENCE
from approvals.policy.sentences import duration, named
from approvals.registry import CommitContext, Committed, Stance, Verb
from audit.ledger.format import safe_display
from audit.recording.actors import Target
from connections import account_names, connection_and_agent_names, permissions
from connections import phone_sentence_length as fitting
from connections.broker.component_checks import Component
from connections.component_manifests import manifest_store
from connections.lifecycle import approver_sentences
from connections.lifecycle.connect_revoke_suspend_resume import account_of
from connections.models import NOT_HELD, Allowance, ConnectedAccount, Escalation, ScopeRule, State
from connections.notifications import notices_on_owner_pages
from connections.scope_escalation import (
    allowances_in_force,
    attempt_limits,
    connection_rules,
    refuse_or_ask,
)
from connections.scope_escalation.connection_rules import Rules
from connections.scopes import catalogue, containment

_SECURITY = frozenset({"operator", "admin"})
_ACCOUNT = frozenset({"connection"})
_GONE = frozenset({State.REVOCATION_PENDING, *NOT_HELD})
_Id = Annotated[str, StringConstraints(max_length=36)]


class GrantParams(BaseModel):
    """What is asked for: exactly one escalation that was tried, and for how long."""

    model_config = ConfigDict(extra="forbid")

    escalation: _Id
    component: Annotated[str, StringConstraints(max_length=231)]
    scopes: list[manifest_store.ScopeName] = Field(min_length=1, max_length=100)
    agent: Annotated[str, StringConstraints(max_length=100)] = ""
    for_s: int = Field(ge=connection_rules.SHORTEST_S, le=connection_rules.LONGEST_S)


class WithdrawParams(BaseModel):
    """The allowance to end."""

    model_config = ConfigDict(extra="forbid")

    allowance: _Id


def _tried(target: Target, params: Mapping[str, Any]) -> Escalation:
    """The escalation that was really tried; nothing else can be granted.

    Raises:
        Refused: `unknown_escalation`, `too_long`.
    """
    account = account_of(target)
    row = Escalation.objects.filter(pk=permissions.id_of(params["escalation"])).first()
    said = (f"{row.kind}:{row.name}", row.account_id, row.scopes) if row else ()
    if row is None or said != (params["component"], account.id, params["scopes"]):
        raise Refused("unknown_escalation", "Nothing asked for that.", pointer="/params/escalation")
    longest = connection_rules.of(account.connection).allow_for_s
    if params["for_s"] > longest:
        raise Refused(
            "too_long", f"Here it lasts {duration(longest)} at most.", pointer="/params/for_s"
        )
    return row


def _look(target: Target, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What those who approve are shown: the account, and the manifest that it goes beyond."""
    row, account = _tried(target, params), account_of(target)
    component = Component(row.kind, row.name)
    if refuse_or_ask.quiet_until(account, component, row.scopes, clock.now()):
        raise Refused("denied_lately", "This was denied or taken back; no one is asked again yet.")
    manifest = manifest_store.find(row.kind, row.name)
    return {
        "account": account.auth0_id,
        "owner": account.sub,
        "gone": account.state in _GONE,
        "manifest": manifest.digest if manifest else "",
    }


def _severity(target: Target, params: Mapping[str, Any]) -> str:
    risky = catalogue.any_risky(account_of(target).connection, params["scopes"])
    return "CRITICAL" if risky else "HIGH"


def _sentence(target: Target, params: Mapping[str, Any]) -> str:
    """What is wanted of the account; by name alone where the words take too much space."""
    account = account_of(target)
    kind, _, name = str(params["component"]).partition(":")
    component, beware = named(kind, safe_display.in_sentence(name)), safe_display.warning(name)
    whose = account_names.to_approve(account, account_names.LONGEST_NAME)
    begin = f"Let {component} use {whose} for {duration(params['for_s'])}"
    said = [
        fitting.permissions(account.connection, params["scopes"], words=words, separator="; ")
        for words in (True, False)
    ]
    end = f" ⚠ The name {beware}" if beware else ""
    sentences = [f"{begin}: {wanted}{end}" for wanted in said]
    return next((one for one in sentences if len(one) <= LONGEST_SENTENCE), sentences[-1])


def _risk(target: Target, params: Mapping[str, Any]) -> str:
    account = account_of(target)
    beyond = "its manifest does not declare it"
    if catalogue.any_risky(account.connection, params["scopes"]):
        return f"it can change, send or delete things at large, and {beyond}"
    if catalogue.any_to_be_named(account.connection, params["scopes"]):
        return f"what it allows is not known here, and {beyond}"
    return beyond


def _expects(target: Target, params: Mapping[str, Any]) -> str:
    """Whether the owner has to connect the account again first, and what goes on after the time:
    the provider keeps the permission, so that later tokens carry it."""
    account = account_of(target)
    lasts, title = duration(params["for_s"]), fitting.title(account.connection)
    begin = f"The portal lets this through for {lasts}, then refuses it again."
    if not account.scopes:
        begin = f"{begin} The owner may have to connect {title} again first."
    elif containment.beyond(account.connection, params["scopes"], account.scopes):
        begin = f"First the owner has to connect {title} again. {begin}"
    flagged = connection_rules.of(account.connection).excess == "flag"
    later = "still carry it and are flagged" if flagged else "that carry it are refused"
    return f"{begin} {title} keeps the permission: later tokens {later}."


def _grant(ctx: CommitContext) -> Committed:
    account = ConnectedAccount.objects.select_for_update().get(pk=account_of(ctx.target).pk)
    if account.state in _GONE:
        raise Refused("already_revoked", "This connection is revoked.")
    row, now = _tried(ctx.target, ctx.params), clock.now()
    made = Allowance.objects.create(
        account=account,
        kind=row.kind,
        name=row.name,
        scopes=row.scopes,
        agent=str(ctx.params.get("agent", "")),
        escalation=str(row.id),
        approval=ctx.approval,
        granted_at=now,
        expires_at=now + timedelta(seconds=int(ctx.params["for_s"])),
    )
    return _committed(made)


def _count_request(target: Target, params: Mapping[str, Any]) -> None:
    """Every new request counts, withdrawn or not and from any requester."""
    component = Component.parse(str(params["component"]))
    if component is not None:
        attempt_limits.count_ask(account_of(target), component, clock.now())


def _withdraw(ctx: CommitContext) -> Committed:
    made = allowances_in_force.by_id(str(ctx.params["allowance"]))
    if made is None or str(made.account_id) != str(account_of(ctx.target).id):
        raise Refused(
            "unknown_allowance", "There is no such allowance.", pointer="/params/allowance"
        )
    ended = allowances_in_force.in_force(made.account).filter(pk=made.pk)
    if not ended.update(ended_at=clock.now(), ended_by=ctx.actor.sub):
        raise Refused("already_over", "This allowance is over already.")
    if not permissions.is_owner(ctx.actor, made.account):
        notices_on_owner_pages.tell_owners([made.account], "scope_withdrawn", ctx.actor, ctx.reason)
    return _committed(made)


def _committed(made: Allowance) -> Committed:
    account = made.account
    return Committed(
        connection=account.connection,
        data={
            **account_names.facts_of(account),
            "allowance": str(made.id),
            "component": f"{made.kind}:{made.name}",
            "allowed_scopes": made.scopes,
            "until": clock.stamp(made.expires_at),
            "attribution": "asserted",
            **({"asked_by_agent": made.agent} if made.agent else {}),
        },
        private=account_names.private_of(account),
    )


def _configure(ctx: CommitContext) -> Committed:
    connection_and_agent_names.check_connection(ctx.target.name)
    before, wanted = connection_rules.of(ctx.target.name), Rules.model_validate(ctx.params)
    ScopeRule.objects.update_or_create(
        name=ctx.target.name,
        defaults={
            **wanted.model_dump(),
            "changed_at": clock.now(),
            "changed_by": ctx.actor.sub,
        },
    )
    return Committed(
        connection=ctx.target.name,
        data={"scope_rules": wanted.model_dump()},
        changes={"before": before.model_dump(), "after": wanted.model_dump()},
    )


def _rules_relax(target: Target, params: Mapping[str, Any]) -> bool:
    """Whether these rules let through anything that those in force do not."""
    return Rules.model_validate(params).looser_than(connection_rules.of(target.name))


def _rules_severity(target: Target, params: Mapping[str, Any]) -> str:
    return "HIGH" if _rules_relax(target, params) else "LOW"


def _rules_look(target: Target, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    return connection_rules.of(target.name).model_dump()


def _rules_sentence(target: Target, params: Mapping[str, Any]) -> str:
    excess = "refuse" if params["excess"] == "refuse" else "flag"
    nameless = "give" if params["anonymous"] else "refuse"
    return (
        f"For {fitting.title(target.name)}: {excess} tokens with undeclared scopes, {nameless} "
        f"tokens to callers without manifest, let approved escalations last "
        f"{duration(params['allow_for_s'])}"
    )


registry.register(
    Verb(
        name=refuse_or_ask.VERB,
        event="scope.granted",
        label="Allow beyond the manifest",
        roles=_SECURITY,
        stance=Stance.LOOSEN,
        target_kinds=_ACCOUNT,
        commit=_grant,
        params=GrantParams,
        may_ask=permissions.owns,
        first=lambda target: account_names.owner(account_of(target)),
        about_others=lambda _actor, _target: True,  # the agent's owner is not who watches over it
        look=_look,
        count_request=_count_request,
        lock=manifest_store.lock,
        severity=_severity,
        sentence=_sentence,
        risk=_risk,
        account=approver_sentences.account,
        expects=_expects,
        if_approved="The component may use these permissions too until the time is over.",
        if_denied="It stays refused, and no one is asked again for a day.",
        if_expired="It stays refused.",
    )
)
registry.register(
    Verb(
        name="scope.withdraw",
        event="scope.withdrawn",
        label="Withdraw",
        roles=_SECURITY,
        stance=Stance.TIGHTEN,
        target_kinds=_ACCOUNT,
        commit=_withdraw,
        params=WithdrawParams,
        owns=permissions.owns,
        sentence=lambda target, _p: (
            f"Withdraw what was allowed on {account_names.to_approve(account_of(target))}"
        ),
    )
)
registry.register(
    Verb(
        name="scope.configure",
        event="scope.configured",
        label="Set the rules",
        roles=frozenset({"admin"}),
        stance=Stance.LOOSEN,
        target_kinds=frozenset({"service"}),
        commit=_configure,
        params=Rules,
        relaxes=_rules_relax,
        about_others=lambda _actor, _target: True,  # everybody's accounts of the connection
        look=_rules_look,
        severity=_rules_severity,
        sentence=_rules_sentence,
        risk=lambda _target, _params: "agents get tokens that are refused to them now",
        if_approved="The broker follows the new rules from the next request on.",
        if_denied="The rules stay.",
        if_expired="The rules stay.",
    )
)

"""The decisions about manifests: declare one, or remove it.

What gains anything waits for another person, as does what would open a connection to undeclared
callers; what gains nothing commits at once (DESIGN 1.3.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from approvals import clock, registry
from approvals.errors import Refused
from approvals.pipeline.service import LONGEST_SENTENCE
from approvals.policy.sentences import named
from approvals.registry import CommitContext, Committed, Stance, Verb
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target
from connections import connection_and_agent_names
from connections import phone_sentence_length as fitting
from connections.account_names import minute
from connections.broker.component_checks import Component
from connections.component_manifests import manifest_store, permission_gains
from connections.component_manifests.manifest_store import Declaration
from connections.component_manifests.permission_gains import Gains
from connections.models import NOT_HELD, ConnectedAccount, Manifest, State
from connections.notifications import notices_on_owner_pages
from connections.scope_escalation import refuse_or_ask
from connections.scopes import catalogue

_SECURITY = frozenset({"operator", "admin"})


class DeclareParams(Declaration):
    """A declaration; `new` confirms names that no connection, account or manifest knows."""

    new: bool = False


def _declared(params: Mapping[str, Any]) -> Declaration:
    return Declaration.model_validate({key: params[key] for key in params if key != "new"})


def gains_of_declaration(target: Target, params: Mapping[str, Any]) -> Gains:
    """What these parameters would relax now."""
    return permission_gains.by_declaring(target.kind, target.name, _declared(params))


def _gains_of_removal(target: Target, _params: Mapping[str, Any]) -> Gains:
    return permission_gains.by_removing(target.kind, target.name)


def _validate_declaration(actor: Actor, target: Target, params: Mapping[str, Any]) -> None:
    if not manifest_store.NAME.fullmatch(target.name):
        raise Refused("bad_target", "name: letters, digits and . _ @ / : -", pointer="/target/name")
    gains, now = gains_of_declaration(target, params), clock.now()
    component = Component(target.kind, target.name)
    if until := refuse_or_ask.denied_until(actor, component, gains.scopes, now):
        raise Refused(
            "denied_lately",
            f"Someone denied you these permissions for {target.name}. Until {minute(until)} "
            "someone else has to declare them.",
        )
    if not params.get("new"):
        connection_and_agent_names.check(gains.scopes)


def _validate_removal(_actor: Actor, target: Target, _params: Mapping[str, Any]) -> None:
    if manifest_store.find(target.kind, target.name) is None:
        raise Refused(
            "unknown_manifest",
            f"The {named(target.kind, target.name)} has no manifest.",
            pointer="/target",
        )


def _declare(ctx: CommitContext) -> Committed:
    gains = gains_of_declaration(ctx.target, ctx.params)
    _check_approved(ctx, gains)
    written = manifest_store.write(
        ctx.actor, ctx.target.kind, ctx.target.name, _declared(ctx.params)
    )
    _notify_owners(ctx, gains, written.manifest)
    return Committed(
        data=manifest_store.facts(written.manifest) | _gained(gains),
        changes=manifest_store.changes(written),
    )


def _remove(ctx: CommitContext) -> Committed:
    gains = _gains_of_removal(ctx.target, ctx.params)
    _check_approved(ctx, gains)
    before = manifest_store.remove(ctx.target.kind, ctx.target.name)
    if before is None:
        raise Refused("unknown_manifest", f"The {_component(ctx.target)} has no manifest.")
    return Committed(data=_gained(gains), changes={"before": before, "after": None})


def _check_approved(ctx: CommitContext, gains: Gains) -> None:
    """Nothing is gained without an approval, whatever was so when the decision was begun."""
    if gains and not ctx.approval:
        raise Refused("changed_meanwhile", "Another manifest changed at the same time. Try again.")


def _gained(gains: Gains) -> dict[str, Any]:
    """Plain facts of what was relaxed, for the event."""
    found: dict[str, Any] = {}
    if gains.scopes:
        found["gained"] = {name: list(more) for name, more in gains.scopes.items()}
    if gains.opened:
        found["opened"] = list(gains.opened)
    return found


def _notify_owners(ctx: CommitContext, gains: Gains, manifest: Manifest) -> None:
    """Everybody whose account the component may use otherwise than before."""
    names = set(gains.scopes) | set(gains.env)
    if gains.url:
        names |= {need.connection for need in manifest.needs.all()}
    usable = ConnectedAccount.objects.filter(connection__in=names).exclude(
        state__in=[*NOT_HELD, State.REVOCATION_PENDING]
    )
    others = usable.exclude(iss=ctx.actor.iss, sub=ctx.actor.sub)
    notices_on_owner_pages.tell_owners(
        others, "manifest_widened", ctx.actor, _in_short(ctx.target, gains)
    )


def _in_short(target: Target, gains: Gains) -> str:
    name = safe_display.short(target.name)
    gained = [scope for more in gains.scopes.values() for scope in more]
    where = f" at {gains.url}" if gains.url else ""
    return safe_display.visible(
        f"{name}{where}: {', '.join(gained)}" if gained else f"{name}{where}"
    )


def _look(gains_of: Any) -> Any:
    """What is shown: the manifest in force, and what would be open to undeclared callers."""

    def look(target: Target, params: Mapping[str, Any]) -> Mapping[str, Any]:
        known = manifest_store.find(target.kind, target.name)
        return {
            "manifest": known.digest if known else "",
            "opened": list(gains_of(target, params).opened),
        }

    return look


def _severity_of_declaration(target: Target, params: Mapping[str, Any]) -> str:
    gains = gains_of_declaration(target, params)
    if not gains:
        return "LOW"
    return "CRITICAL" if gains.risky else "HIGH"


def _severity_of_removal(target: Target, params: Mapping[str, Any]) -> str:
    return "HIGH" if _gains_of_removal(target, params) else "LOW"


def _sentence_of_declaration(target: Target, params: Mapping[str, Any]) -> str:
    """What is gained, the riskiest connection first; with permissions by name alone where their
    words take too much space."""
    gains = gains_of_declaration(target, params)
    component = _component(target)
    if not gains:
        return f"Declare the connections of {component}"
    sentence = _of_gains(component, gains, words=True)
    if len(sentence) > LONGEST_SENTENCE:
        return _of_gains(component, gains, words=False)
    return sentence


def _of_gains(component: str, gains: Gains, *, words: bool) -> str:
    always = {name for name, more in gains.scopes.items() if catalogue.any_to_be_named(name, more)}
    plain = [name for name in gains.scopes if name not in always]
    plain.sort(key=lambda name: not catalogue.known_of(name))  # a service that is known comes first
    end = [f"its tokens go to {gains.url}"] if gains.url else []
    end += [_of_variable(name, variable, gains.held) for name, variable in gains.env.items()]
    begin = f"Let {component} use" if gains.scopes else f"Change the manifest of {component}:"
    return fitting.fit(
        begin,
        [
            _in_words(name, gains.scopes[name], words=words)
            for name in gains.scopes
            if name in always
        ],
        [_in_words(name, gains.scopes[name], words=words) for name in plain],
        [*end, *_opening(gains)],
    )


def _of_variable(connection: str, variable: str, held: Mapping[str, tuple[str, ...]]) -> str:
    said = f"{fitting.title(connection)}'s token in {variable}"
    others = " and ".join(f"{fitting.title(name)}'s" for name in held.get(connection, ()))
    return f"{said}, declared for {others} before" if others else said


def _component(target: Target) -> str:
    return named(target.kind, safe_display.short(target.name))


def _in_words(connection: str, gained: tuple[str, ...], *, words: bool) -> str:
    wanted = fitting.permissions(connection, gained, words=words)
    title = fitting.title(connection)
    return f"{title}: {wanted}" if wanted else title


def _sentence_of_removal(target: Target, params: Mapping[str, Any]) -> str:
    opening = _opening(_gains_of_removal(target, params))
    return "; ".join([f"Remove the manifest of {_component(target)}", *opening])


def _opening(gains: Gains) -> list[str]:
    titles = ", ".join(fitting.title(name) for name in gains.opened)
    return [f"open {titles} to undeclared components"] if titles else []


def _risk_of_declaration(target: Target, params: Mapping[str, Any]) -> str:
    """What agents can then do that they cannot now, and with whose accounts."""
    gains = gains_of_declaration(target, params)
    said = []
    if gains.scopes:
        does = "change, send or delete things at large" if gains.risky else "do more"
        said.append(f"agents that name it can {does} with everyone's accounts of these services")
    if gains.url or gains.env:
        said.append("tokens go where they do not go now")
    if gains.opened:
        said.append(_RISK_OF_OPENING)
    return ", and ".join(said)


_RISK_OF_OPENING = "agents that name no component get tokens that are refused to them now"


registry.register(
    Verb(
        name="manifest.declare",
        event="manifest.declared",
        label="Declare",
        roles=_SECURITY,
        stance=Stance.LOOSEN,
        target_kinds=manifest_store.KINDS,
        commit=_declare,
        params=DeclareParams,
        validate=_validate_declaration,
        relaxes=lambda target, params: bool(gains_of_declaration(target, params)),
        about_others=lambda _actor, _target: True,  # it may use everybody's accounts
        look=_look(gains_of_declaration),
        lock=manifest_store.lock,
        severity=_severity_of_declaration,
        sentence=_sentence_of_declaration,
        risk=_risk_of_declaration,
        if_approved="It may use this from its next request on. Everyone whose account it can then "
        "use is notified of what it gained.",
        if_denied="The manifest in force stays.",
        if_expired="The manifest in force stays.",
    )
)
registry.register(
    Verb(
        name="manifest.remove",
        event="manifest.removed",
        label="Remove",
        roles=_SECURITY,
        stance=Stance.LOOSEN,
        target_kinds=manifest_store.KINDS,
        commit=_remove,
        validate=_validate_removal,
        relaxes=lambda target, params: bool(_gains_of_removal(target, params)),
        about_others=lambda _actor, _target: True,
        look=_look(_gains_of_removal),
        lock=manifest_store.lock,
        severity=_severity_of_removal,
        sentence=_sentence_of_removal,
        risk=lambda _target, _params: _RISK_OF_OPENING,
        if_approved="Any caller gets tokens of a connection that no manifest names any more.",
        if_denied="The manifest stays, and the connection stays closed to undeclared callers.",
        if_expired="The manifest stays, and the connection stays closed to undeclared callers.",
    )
)

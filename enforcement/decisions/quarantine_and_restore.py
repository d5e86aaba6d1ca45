"""Taking a skill or plugin out of use on a gateway's host, and bringing it back (ADR 43).

`disable` and `enable` are about its use, `quarantine` and `restore` about its files. Only a person
at the terminal of the gateway can do them, so the portal keeps no state of them: it decides, and
waits for the row of the real command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Literal

from approvals import registry
from approvals.registry import CommitContext, Committed, Stance, Verb
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target
from enforcement.component_kinds import called, where
from enforcement.decisions import (
    decision_severity,
    hold_and_block_owners,
    restrictions_of_wider_scope,
)
from enforcement.decisions.decision_params import Params
from enforcement.decisions.steps import terminal_steps
from enforcement.gateways.effects_at_gateways import INSTALLED
from enforcement.outposts import command_recipients


class QuarantineParams(Params):
    """`act`: what `ata dc` runs; it is done at a terminal or not at all."""

    terminal: Literal[True]
    act: Literal["disable", "quarantine"]


class RestoreParams(Params):
    """As `QuarantineParams`."""

    terminal: Literal[True]
    act: Literal["enable", "restore"]


_WORDS: Final = {
    "disable": "Disable {}",
    "quarantine": "Quarantine the files of {}",
    "enable": "Enable {} again",
    "restore": "Restore the files of {} from quarantine",
}


def _sentence(target: Target, params: Mapping[str, Any]) -> str:
    thing = called(target.kind, safe_display.in_sentence(target.name))
    at = f"{where(target.instance)}, carried out at the terminal there"
    return f"{_WORDS[params['act']].format(thing)} {at}"


def _commit(ctx: CommitContext, *, relaxes: bool) -> Committed:
    if relaxes:
        restrictions_of_wider_scope.check_unrestricted(ctx.target)
    act = ctx.params["act"]
    step = terminal_steps.command_step(ctx, act, f"{ctx.target.kind}-{act}", act.capitalize())
    return Committed(effects=[step], data={"gateways": 1, "act": act})


def _validate_restoring(actor: Actor, target: Target, params: Mapping[str, Any]) -> None:
    terminal_steps.check_gateway(actor, target, params)
    restrictions_of_wider_scope.check_unrestricted(target)


def _risk_of_restoring(target: Target, params: Mapping[str, Any]) -> str:
    return f"agents there can use it again; {decision_severity.why_risky(target, params)}"


def _after_restoring(target: Target, _params: Mapping[str, Any]) -> str:
    thing = called(target.kind, safe_display.in_sentence(target.name))
    return (
        f"A person runs DefenseClaw's command at {target.instance}; then agents there may use "
        f"{thing} again."
    )


def _has_outpost(target: Target) -> bool:
    return command_recipients.outpost_of(target.instance) is not None


def _register(kind: str, name: str, event: str, commit: Callable[..., Any], **rest: Any) -> None:
    registry.register(
        Verb(
            name=f"{kind}.{name}",
            event=f"{kind}.{event}",
            label=name.capitalize(),
            roles=frozenset({"operator"}),
            target_kinds=frozenset({kind}),
            commit=commit,
            sentence=_sentence,
            if_denied="It stays as it is.",
            if_expired="It stays as it is.",
            needs_proof=_has_outpost,
            **rest,
        )
    )


for _kind in sorted(INSTALLED):
    _register(
        _kind,
        "quarantine",
        "quarantined",
        partial(_commit, relaxes=False),
        stance=Stance.TIGHTEN,
        params=QuarantineParams,
        severity=decision_severity.of_tightening,
        validate=terminal_steps.check_gateway,
    )
    _register(
        _kind,
        "restore",
        "restored",
        partial(_commit, relaxes=True),
        stance=Stance.LOOSEN,
        params=RestoreParams,
        severity=decision_severity.of_loosening,
        risk=_risk_of_restoring,
        expects=_after_restoring,
        look=decision_severity.look_before_loosening,
        validate=_validate_restoring,
        about_others=hold_and_block_owners.brings_back_from_others,
        if_approved="A person runs DefenseClaw's command there, and its agents may use it again.",
    )

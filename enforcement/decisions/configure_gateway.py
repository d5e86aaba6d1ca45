"""`gateway.configure`: the baseline that a gateway's settings are compared with (ADR 45).

It changes nothing at the gateway. It decides what counts as a difference, so another person
approves, as for the policy. A base that is no longer in force is refused at the request, and fails
at commit. With `terminal` a person also sets the guardrail so, with `ata dc` on the gateway's host;
what restricts then counts at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from approvals import clock, registry
from approvals.errors import Refused
from approvals.registry import CommitContext, Committed, EffectSpec, Stance, Verb
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target
from enforcement.decisions.steps import terminal_steps
from enforcement.gateways import instances
from enforcement.models import Outpost, PostureBaseline
from enforcement.posture import drift, readings, settings_catalogue
from enforcement.posture.baseline_changes import changes

VERB: Final = "gateway.configure"
_WORDS: Final = {
    "guardrail on": "Turn on the guardrail of the gateway {}",
    "guardrail off": "Turn off the guardrail of the gateway {}",
    "mode action": "Set the guardrail of the gateway {} to action for every agent",
    "mode observe": "Set the guardrail of the gateway {} to observe for every agent",
}
_LONGEST: Final = 400
"""Characters of a sentence that a phone shows whole, with a warning about the gateway's name."""


class ConfigureParams(BaseModel):
    """`settings`: every value that is approved; `base`: number of the baseline that it was made
    from, 0 where there is none. In place of both `terminal`: what `ata dc` changes there."""

    model_config = ConfigDict(extra="forbid")

    settings: dict[str, str] | None = Field(
        None, min_length=1, max_length=settings_catalogue.MOST_SETTINGS
    )
    base: int | None = Field(None, ge=0, le=2**31 - 1)
    terminal: Literal["guardrail on", "guardrail off", "mode action", "mode observe"] | None = None

    @model_validator(mode="after")
    def _is_one_form(self) -> Self:
        if len({self.settings is None, self.base is None, self.terminal is not None}) != 1:
            raise ValueError("give settings and base, or terminal")
        return self


_LOGGED_AS: Final = {
    "guardrail on": "guardrail-enable",
    "guardrail off": "guardrail-disable",
    "mode action": "setup-guardrail mode=action",
    "mode observe": "setup-guardrail mode=observe",
}
"""The rows of what a person does at a terminal; that of a mode also says which."""
_RESTRICTS: Final = frozenset({"guardrail on", "mode action"})


def is_gateway(name: str) -> bool:
    """Whether a gateway of that name is registered, or has an outpost."""
    registered = instances.fleet().named(name) is not None
    return registered or Outpost.objects.filter(instance=name, revoked_at=None).exists()


def in_force(instance: str) -> tuple[int, Mapping[str, str]]:
    """Number and settings of the baseline; 0 and none where there is none."""
    found = readings.baseline(instance)
    return (found.number, found.settings) if found else (0, {})


def _wanted(target: Target, params: Mapping[str, Any]) -> Mapping[str, str]:
    """The settings that are then approved. A mode is set for every agent, and turns it on."""
    if not params.get("terminal"):
        wanted: Mapping[str, str] = params["settings"]
        return wanted
    setting, _, value = params["terminal"].partition(" ")
    approved = in_force(target.name)[1]
    if setting == "guardrail":
        return {**approved, "guardrail": value}
    modes = {
        one: value
        for one, seen in approved.items()
        if one.startswith("mode.") and seen != settings_catalogue.ABSENT
    }
    return {**approved, **modes, "guardrail": settings_catalogue.ON}


def _validate_terminal(target: Target) -> None:
    if not in_force(target.name)[0]:
        raise Refused(
            "no_baseline",
            "Approve the settings of this gateway first, on its page: what is changed there is "
            "compared with them.",
            pointer="/target/name",
        )


def _validate(_actor: Actor, target: Target, params: Mapping[str, Any]) -> None:
    if target.instance not in {"", target.name} or not is_gateway(target.name):
        raise Refused("unknown_gateway", "No gateway has this name.", pointer="/target/name")
    if not target.instance:  # a second way to name it would let two requests wait
        raise Refused("bad_target", "Name the gateway in both.", pointer="/target/instance")
    if params.get("terminal"):
        return _validate_terminal(target)
    for setting, value in params["settings"].items():
        if not settings_catalogue.is_valid(setting, value):
            raise Refused(
                "bad_setting",
                _what_is_right(setting, value),
                pointer=f"/params/settings/{_token(setting)}",
            )
    number, settings = in_force(target.name)
    if params["base"] != number:
        raise Refused(
            "stale_baseline",
            "The baseline was changed meanwhile. Look at what is approved now and change that.",
            pointer="/params/base",
        )
    if not changes(settings, params["settings"]):
        raise Refused("nothing_changes", "That is the approved baseline already.")


def _what_is_right(setting: str, value: str) -> str:
    family = settings_catalogue.family_of(setting)
    if family is None:
        return f"{safe_display.short(setting)!r} is no setting of a gateway."
    label = settings_catalogue.label(setting)
    if setting.endswith(f".{settings_catalogue.BEYOND}"):
        most = settings_catalogue.MOST_LISTED
        return f"This gateway has more than {most} of one kind, and the others cannot be approved."
    if family.values:
        return f"{label} is one of: {', '.join(family.values)}; not {safe_display.short(value)!r}."
    return f"{label} needs a short text of plain characters."


def _token(text: str) -> str:
    return text.replace("~", "~0").replace("/", "~1")


def _sentence(target: Target, params: Mapping[str, Any]) -> str:
    """Every change, the gravest first; of many the first ones and how many more there are."""
    act, changed = _act_and_changes(target, params)
    if params.get("terminal"):
        return act
    if _fits(act, changed):
        return act + "; ".join(changed)
    shown = list(changed)
    while shown and not _fits(act, [*shown, _more(changed, shown)]):
        shown.pop()
    return act + "; ".join([*shown, _more(changed, shown)])


def _more(changed: list[str], shown: list[str]) -> str:
    return f"and {len(changed) - len(shown)} more, which the page of the request lists"


def _act_and_changes(target: Target, params: Mapping[str, Any]) -> tuple[str, list[str]]:
    if at_terminal := params.get("terminal"):
        to = _WORDS[at_terminal].format(safe_display.short(target.name))
        return f"{to}, carried out at the terminal there, and approve it as its setting", []
    number, settings = in_force(target.name)
    act = "Change the approved settings of" if number else "Approve the settings of"
    changed = [
        f"{settings_catalogue.label(setting)} {f'from {before} to ' if number else ''}{after}"
        for setting, before, after in changes(settings, _wanted(target, params))
    ]
    return f"{act} the gateway {safe_display.short(target.name)}: ", changed


def _fits(act: str, changed: list[str]) -> bool:
    return len(safe_display.visible(act + "; ".join(changed))) <= _LONGEST


def _is_too_long(target: Target, params: Mapping[str, Any]) -> bool:
    return not _fits(*_act_and_changes(target, params))


def _commit(ctx: CommitContext) -> Committed:
    _validate(ctx.actor, ctx.target, ctx.params)
    number, settings = in_force(ctx.target.name)
    wanted = _wanted(ctx.target, ctx.params)
    PostureBaseline.objects.create(
        instance=ctx.target.name,
        number=number + 1,
        settings=wanted,
        operation=ctx.operation,
        created=clock.now(),
    )
    return Committed(
        effects=_steps(ctx),
        data={"number": number + 1},
        changes={
            setting: {"before": before, "after": after}
            for setting, before, after in changes(settings, wanted)
        },
    )


def _steps(ctx: CommitContext) -> list[EffectSpec]:
    at_terminal = ctx.params.get("terminal")
    if not at_terminal:
        return []
    action = _LOGGED_AS[at_terminal]
    return [terminal_steps.command_step(ctx, "guardrail", action, at_terminal.capitalize())]


def _risk(_target: Target, params: Mapping[str, Any]) -> str:
    if params.get("terminal"):
        return "the gateway then stops less than now"
    return "what is approved counts as no difference any more"


def _relaxes(_target: Target, params: Mapping[str, Any]) -> bool:
    return params.get("terminal") not in _RESTRICTS


def _recorded(ctx: CommitContext, event_id: UUID) -> None:
    PostureBaseline.objects.filter(operation=ctx.operation).update(event_id=event_id)
    drift.update(ctx.target.name, clock.now())


registry.register(
    Verb(
        name=VERB,
        event="gateway.configured",
        label="Configure",
        roles=frozenset({"admin"}),
        needs_fresh_sign_in=lambda _actor, _target: True,
        stance=Stance.FINAL,
        target_kinds=frozenset({"gateway"}),
        commit=_commit,
        recorded=_recorded,
        params=ConfigureParams,
        validate=_validate,
        look=lambda target, _params: {"baseline": in_force(target.name)[0]},
        severity=lambda _target, _params: "CRITICAL",
        sentence=_sentence,
        by_passkey=_is_too_long,
        relaxes=_relaxes,
        risk=_risk,
        if_approved="Its settings are compared with these. "
        "The portal changes nothing at the gateway.",
        if_denied="Its settings are compared with what was approved before.",
        if_expired="Its settings are compared with what was approved before.",
    )
)

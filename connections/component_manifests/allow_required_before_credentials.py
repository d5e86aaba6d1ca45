"""Whether a component needs an allow before it gets a credential, and the decision about that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from approvals import clock, registry
from approvals.errors import Refused
from approvals.registry import CommitContext, Committed, Stance, Verb
from audit.recording.actors import Target
from connections.models import AllowRule

EVERYTHING: Final = "*"
VERB: Final = "component.configure"


class RuleParams(BaseModel):
    """What happens to components nobody decided on."""

    model_config = ConfigDict(extra="forbid")

    undecided: Literal["refuse", "open"]


def is_open() -> bool:
    """Whether components nobody decided on get credentials; one indexed read."""
    return AllowRule.objects.filter(pk=1, open=True).exists()


def _said(is_open_: bool) -> str:
    return "open" if is_open_ else "refuse"


def _configure(ctx: CommitContext) -> Committed:
    if ctx.target.name != EVERYTHING:
        raise Refused("bad_target", f"{VERB} acts on the service called {EVERYTHING}.")
    before, wanted = _said(is_open()), str(ctx.params["undecided"])
    if wanted == "open" and not ctx.approval:
        raise Refused("changed_meanwhile", "Someone changed it at the same time. Try again.")
    AllowRule.objects.update_or_create(
        pk=1,
        defaults={
            "open": wanted == "open",
            "changed_at": clock.now(),
            "changed_by": ctx.actor.sub,
        },
    )
    return Committed(
        data={"undecided": wanted},
        changes={"before": {"undecided": before}, "after": {"undecided": wanted}},
    )


def _opens(_target: Target, params: Mapping[str, Any]) -> bool:
    return bool(params["undecided"] == "open")


def _sentence(target: Target, params: Mapping[str, Any]) -> str:
    if _opens(target, params):
        return "Give credentials to components that no one allowed"
    return "Refuse credentials to components that no one allowed"


registry.register(
    Verb(
        name=VERB,
        event="component.configured",
        label="Set the rule",
        roles=frozenset({"admin"}),
        stance=Stance.LOOSEN,
        target_kinds=frozenset({"service"}),
        commit=_configure,
        params=RuleParams,
        relaxes=_opens,
        about_others=lambda _actor, _target: True,
        look=lambda _target, _params: {"undecided": _said(is_open())},
        severity=lambda target, params: "HIGH" if _opens(target, params) else "LOW",
        sentence=_sentence,
        risk=lambda _target, _params: "no one has to allow a component before it gets tokens",
        if_approved="Components that no one decided on get credentials by their manifest.",
        if_denied="Only components that someone allowed get credentials.",
        if_expired="Only components that someone allowed get credentials.",
    )
)

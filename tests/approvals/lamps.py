"""A small room of lamps: one verb of each stance, with a hold, an owner and remote steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import BaseModel

from approvals import registry
from approvals.registry import (
    CommitContext,
    Committed,
    EffectResult,
    EffectRun,
    EffectSpec,
    Stance,
    Verb,
)
from audit.recording import action_registry
from audit.recording.actors import Actor, Target
from audit.recording.sentences import phrase

OPERATOR = frozenset({"operator"})
KINDS = frozenset({"lamp"})


class Params(BaseModel):
    """`watt`: how bright."""

    model_config = {"extra": "forbid"}
    watt: int | None = None


@dataclass
class Lamps:
    """What the room knows; `remote` answers its remote steps, one result a call."""

    lit: dict[str, bool] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    severity: str = "LOW"
    owner: str = ""
    effects: list[EffectSpec] = field(default_factory=list)
    remote: list[EffectResult | Exception] = field(default_factory=list)
    calls: list[EffectRun] = field(default_factory=list)
    refuse: BaseException | None = None

    def switch(self, ctx: CommitContext) -> Committed:
        """Commit of every verb."""
        if self.refuse is not None:
            raise self.refuse
        before = self.lit.get(ctx.target.name, True)
        self.lit[ctx.target.name] = False
        changes = {"lit": {"before": before, "after": False}}
        return Committed(effects=list(self.effects), changes=changes)

    def hold(self, ctx: CommitContext) -> Committed:
        """Held while somebody decides."""
        self.held.append(ctx.target.name)
        return Committed()

    def release(self, ctx: CommitContext) -> Committed:
        """The hold ends."""
        self.held.remove(ctx.target.name)
        return Committed()

    def look(self, target: Target, params: Any) -> dict[str, Any]:
        """What the actor was shown."""
        return {"lit": self.lit.get(target.name, True), "severity": self.severity}

    def owns(self, actor: Actor, target: Target) -> bool:
        """Whether the lamp is the actor's own."""
        return bool(self.owner) and actor.sub == self.owner

    def step(self, payload: dict[str, Any], run: EffectRun) -> EffectResult:
        """The remote step."""
        self.calls.append(run)
        result = self.remote.pop(0) if self.remote else EffectResult("done")
        if isinstance(result, Exception):
            raise result
        return result


def furnish(monkeypatch: pytest.MonkeyPatch) -> Lamps:
    """Register the room's verbs and events for the length of a test."""
    room = Lamps()
    block = Verb(
        name="lamp.block",
        event="lamp.blocked",
        label="Block",
        roles=OPERATOR,
        stance=Stance.FINAL,
        target_kinds=KINDS,
        commit=room.switch,
        sentence=lambda target, _params: f"Block lamp {target.name} everywhere",
        look=room.look,
        severity=lambda _target, _params: room.severity,
        params=Params,
        owns=room.owns,
        hold=room.hold,
        release=room.release,
        if_approved="The lamp stays dark.",
        if_denied="Nothing happens.",
    )
    others: Callable[[Actor, Target], bool] = lambda actor, target: actor.sub != room.owner  # noqa: E731
    verbs = (
        block,
        replace(block, name="lamp.allow", event="lamp.allowed", label="Allow", stance=Stance.LOOSEN,
                hold=None, release=None),
        replace(block, name="lamp.hold", event="lamp.held", label="Hold", stance=Stance.TIGHTEN,
                hold=None, release=None),
        replace(block, name="lamp.note", event="lamp.noted", label="Note", stance=Stance.RECORD,
                hold=None, release=None),
        replace(block, name="lamp.remove", event="lamp.removed", label="Remove", hold=None,
                release=None, about_others=others),
    )  # fmt: skip
    for verb in verbs:
        monkeypatch.setitem(registry._VERBS, verb.name, verb)
    monkeypatch.setitem(registry._HANDLERS, "lamp.step", room.step)
    for past in ("blocked", "allowed", "held", "released", "noted", "removed", "override_logged"):
        name = f"lamp.{past}"
        spec = action_registry.ActionSpec(name, name, phrase(f"{past} {{target}}"))
        monkeypatch.setitem(action_registry._ACTIONS, name, spec)
    return room

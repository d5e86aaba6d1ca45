"""Events about effects: what a gateway does about a decision, and that it changed or differs.

The event of an acknowledged step has the effect already, so that is only kept (`keep`). After each
answer of a gateway the effect of every decision there is concluded again and, where it is another
one, recorded once: `effect.differs` where the gateway does less than was decided, else
`effect.changed`; `effect.observed` where no step was sent and the gateway does it all the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from django.db import transaction

from approvals import clock
from approvals.models import Effect, EffectState
from audit.clock import rfc3339
from audit.recording.actors import SYSTEM, Target
from audit.recording.record import record
from enforcement.decisions.steps.later_decision_wins import STEPS
from enforcement.effects import sentences
from enforcement.effects.conclude_effect import AgentEffect, Summary, conclude
from enforcement.effects.gateway_facts import IN_DATABASE, GatewayFacts
from enforcement.gateways import decided_and_enforced_state, effects_at_gateways, instances
from enforcement.gateways.instances import Instance
from enforcement.models import Asset, ConcludedEffect, Decision, Watch
from enforcement.outposts import command_recipients

_INSTALL: Final = {"hold": "block", "block": "block", "allow": "allow"}
_CONCLUDED: Final = ("wanted", "agents", "sentences", "differs", "since", "read_at")
_LESS: Final = frozenset(
    {Summary.OPEN, Summary.RULES_OFF, Summary.ONLY_IN_ACTION_MODE, Summary.RECORDED_ONLY}
)
"""Summaries of an agent for which nothing is stopped, now or later."""


def keep(instance: str, facts: GatewayFacts, wanted: str, effects: Sequence[AgentEffect]) -> None:
    """Remember the effect that the event of an acknowledged step has."""
    found = ConcludedEffect.objects.filter(instance=instance, kind=facts.kind, name=facts.name)
    if not wanted:
        found.delete()
        return
    now, agents = clock.now(), _plain(effects)
    ConcludedEffect.objects.update_or_create(
        instance=instance,
        kind=facts.kind,
        name=facts.name,
        defaults={
            "wanted": wanted,
            "decided": agents,
            "agents": agents,
            "sentences": sentences.in_words(effects),
            "differs": False,
            "since": now,
            "read_at": now,
        },
    )


def look(instance: Instance, watch: Watch, read_at: datetime) -> None:
    """Conclude the effect of every decision at a gateway that just answered, and record what is
    another one than before. `read_at`: when it was asked."""
    if command_recipients.outpost_of(instance.name) is not None:
        return  # an outpost holds by other entries, and reports them itself
    wanted = _wanted_at(instance.name)
    kept = {
        (row.kind, row.name): row for row in ConcludedEffect.objects.filter(instance=instance.name)
    }
    for thing, row in kept.items():
        if thing not in wanted:
            row.delete()
    if not wanted:
        return
    for facts in effects_at_gateways.facts_of_all(instance, watch, wanted):
        # What only the database says is not taken for gone while that cannot be read.
        if facts.outdated or (instance.audit_db is not None and facts.source != IN_DATABASE):
            continue
        thing = (facts.kind, facts.name)
        now = _Now.of(facts, wanted[thing], kept.get(thing))
        if not now.is_known(kept.get(thing)):
            _note(instance.name, now, read_at)


@dataclass(frozen=True, slots=True)
class _Now:
    """What is concluded now. `differs`: the gateway has not the entry that was decided, or there is
    an agent for which a hold or block stops less than it came to at first."""

    facts: GatewayFacts
    wanted: str
    agents: list[dict[str, str]]
    sentences: list[str]
    differs: bool

    @classmethod
    def of(cls, facts: GatewayFacts, wanted: str, row: ConcludedEffect | None) -> Self:
        """Conclude it; `row` has what the decision came to at first."""
        effects = conclude(facts)
        lost = (
            facts.entries is not None
            and (facts.for_all.install if facts.for_all else "") != _INSTALL[wanted]
        )
        at_first = {one["agent"]: one["summary"] for one in row.decided} if row else {}
        less = wanted != Decision.ALLOW and any(
            one.summary in _LESS and at_first.get(one.agent) not in _LESS for one in effects
        )
        words = sentences.in_words(effects)
        return cls(facts, wanted, _plain(effects), words, lost or (row is not None and less))

    def is_known(self, row: ConcludedEffect | None) -> bool:
        """Whether this was concluded before."""
        return row is not None and (_INSTALL[row.wanted], row.agents, row.differs) == (
            _INSTALL[self.wanted],
            self.agents,
            self.differs,
        )


def _wanted_at(instance: str) -> dict[tuple[str, str], str]:
    """What the portal wants of each thing there, for all on which somebody decided."""
    scope = instances.fleet().scope_of(instance)
    rows: dict[tuple[str, str], dict[str, Asset]] = defaultdict(dict)
    for asset in Asset.objects.filter(instance__in={instance, scope}):
        rows[(asset.kind, asset.name)][asset.instance] = asset
    found = {
        thing: decided_and_enforced_state.wanted_at(some, instance, scope)
        for thing, some in rows.items()
    }
    return {thing: wanted for thing, wanted in found.items() if wanted != Decision.NONE}


@transaction.atomic
def _note(instance: str, now: _Now, read_at: datetime) -> None:
    """Keep what is concluded now, with its event."""
    facts = now.facts
    step = _newest_step(instance, facts)
    if step is not None and (step.state != EffectState.DONE or step.updated >= read_at):
        return  # its event says what came of it, or will
    found = ConcludedEffect.objects.select_for_update()
    row = found.filter(instance=instance, kind=facts.kind, name=facts.name).first()
    if row is not None and (row.read_at >= read_at or now.is_known(row)):
        return  # of another worker
    if row is None:
        action, before = "" if step is not None else "observed", []
        row = ConcludedEffect(instance=instance, kind=facts.kind, name=facts.name)
        row.decided = now.agents
    else:
        action, before = "changed", row.agents
    row.wanted, row.agents, row.differs = now.wanted, now.agents, now.differs
    row.sentences, row.since, row.read_at = now.sentences, read_at, read_at
    if row.pk is None:
        row.save(force_insert=True)
    else:
        row.save(update_fields=_CONCLUDED)
    if action or now.differs:
        _record("differs" if now.differs else action, row, facts, before)


def _newest_step(instance: str, facts: GatewayFacts) -> Effect | None:
    sent = Effect.objects.filter(target_kind=facts.kind, target_name=facts.name, kind__in=STEPS)
    return sent.filter(instance=instance).order_by("-id").first()


def _plain(effects: Sequence[AgentEffect]) -> list[dict[str, str]]:
    return [{"agent": one.agent, "summary": str(one.summary)} for one in effects]


def _record(
    action: str, row: ConcludedEffect, facts: GatewayFacts, before: list[dict[str, str]]
) -> None:
    differs = action == "differs"
    data: dict[str, Any] = {
        "decided": row.wanted,
        "effect": row.agents,
        "facts": [
            {"fact": "entries", "source": facts.source, "read_at": rfc3339(row.read_at)},
            {"fact": "agents and modes", "source": "/status", "read_at": rfc3339(row.read_at)},
        ],
    }
    if before:
        data["before"] = before
    record(
        SYSTEM,
        f"effect.{action}",
        outcome="failure" if differs else "success",
        severity="HIGH" if differs and row.wanted != Decision.ALLOW else "",
        instance=row.instance,
        target=Target(row.kind, row.name, row.instance),
        data=data,
        private={"detail": " ".join(row.sentences)},
    )

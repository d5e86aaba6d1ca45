"""Steps of a sequence that restrict and relax a component, at every gateway or at one: by holds and
blocks, and by what a person carries out at the terminal of a gateway."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from approvals.errors import Refused
from approvals.models import Effect, EffectState
from approvals.pipeline.service import perform
from audit.clock import uuid7
from audit.recording.actors import Target
from enforcement.decisions.hold_and_block_owners import brings_back_from_others
from enforcement.decisions.hold_and_release_at_gateway import holder_of, is_hold
from enforcement.gateways import decided_and_enforced_state
from enforcement.gateways.instances import Fleet, Instance
from enforcement.models import AdministrativeAct, Asset, Scan
from tests.sequences.stopped import GATEWAYS, SCOPES, Stopped
from tests.sequences.taken_out import ACTS, ENDED_BY, ENDS

if TYPE_CHECKING:
    from tests.sequences.world import World

OPERATORS = ("operator", "colleague")
CARRIED_OUT = 0.8
"""How often a step at a terminal is carried out and not given up."""
FLEET = Fleet(
    tuple(
        Instance(name=name, base_url="http://127.0.0.1:1", gateway_token_file=Path("none"))
        for name in GATEWAYS
    )
)


class Stopping:
    """The component of one sequence, in the product and in the model."""

    def __init__(self, world: World) -> None:
        self.world, self.model = world, Stopped(set(OPERATORS))
        self.name = f"skill of {world.service}"
        now = world.time.now()
        for name in GATEWAYS:  # never scanned would count as HIGH
            Scan.objects.create(
                instance=name, scan_id=self.name, scanner="s", kind="skill", name=self.name,
                severity="LOW", at=now, seen=now,
            )  # fmt: skip

    def decides(self) -> bool:
        """An operator, or an admin who may not, restricts or relaxes."""
        choose = self.world.choose
        who = choose.choice([*OPERATORS * 6, "first"])
        act, scope = self.model.likely(choose)
        expected = self.model.decide(who, act, scope)
        key, found = self._performs(who, act, scope)
        self.world.told.append(f"{who} {act} {scope or 'all'}: {found}")
        assert found == expected, f"{found}, and the model says {expected}"
        if found == "asked":
            self.model.asked(key, who, act, scope)
        return found == "done"

    def at_the_terminal(self) -> bool:
        """A person carries out a step there, perhaps one that was given up; or it is given up."""
        taken, now = self.model.taken, self.world.time.at
        number = self.world.choose.choice(taken.not_carried_out())
        step, effect = taken.steps[number], self._commands()[number]
        assert (effect.instance, effect.payload["act"]) == (step.gateway, step.act)
        step.waits = False
        if self.world.choose.random() < CARRIED_OUT:
            step.at = now
            _row_of(effect, self.world.time.now())
        if effect.state == EffectState.PENDING:
            state = EffectState.DONE if step.at == now else EffectState.FAILED
            Effect.objects.filter(pk=effect.pk).update(state=state)
        self.world.told.append(f"{step.act} of {step.by} at {step.gateway}: {effect.state}, {step}")
        return False

    def _commands(self) -> list[Effect]:
        steps = Effect.objects.filter(target_name=self.name, kind="gateway.command")
        return list(steps.order_by("id"))

    def _performs(self, who: str, act: str, scope: str) -> tuple[str, str]:
        target = Target("skill", self.name, scope)
        verb, params = act, {}
        if act in ACTS:
            verb = "quarantine" if act in ENDED_BY else "restore"
            params = {"terminal": True, "act": act}
        try:
            done = perform(
                self.world.actor(who), f"skill.{verb}", target, params=params, reason=f"by {who}"
            )
        except Refused:
            return "", "refused"
        return (str(done.approval.pk), "asked") if done.approval else ("", "done")

    def check_same(self) -> None:
        """Product and model say the same of holds, blocks, and what the gateways are asked for."""
        rows = {row.instance: row for row in Asset.objects.filter(name=self.name)}
        for scope, one in self.model.scopes.items():
            row = rows.get(scope) or Asset()
            assert len(row.holds) == len(one.holds), f"holds of {scope or 'all'}: {row.holds}"
            assert row.decision == (one.decided or "none"), f"{scope or 'all'}: {row.decision}"
            hands = {row.decided_sub, *row.also_by} if row.decision == "block" else set()
            assert hands == one.hands, f"block of {scope or 'all'} by {hands}"
        for gateway in GATEWAYS:
            stopped, expected = self._is_stopped(gateway), self.model.is_stopped(gateway)
            assert stopped == expected, f"{gateway} stopped: {stopped}"
            wanted = decided_and_enforced_state.wanted_at(rows, gateway)
            assert (wanted in {"hold", "block"}) == expected, f"wanted at {gateway}: {wanted}"
        self._check_same_whose()

    def _check_same_whose(self) -> None:
        """What others took out of use, for another operator and scope at each step."""
        who = OPERATORS[self.world.steps % 2]
        scope = SCOPES[self.world.steps % 3]
        found = brings_back_from_others(self.world.actor(who), Target("skill", self.name, scope))
        hands = self.model.taken.hands({scope} if scope else GATEWAYS)
        assert found == bool(hands - {who}), f"out of use at {scope or 'all'} by {hands}"

    def _is_stopped(self, gateway: str) -> bool:
        """As a gateway that carries out every step ends: by what stands on its list."""
        reason = ""
        steps = Effect.objects.filter(target_name=self.name, instance=gateway).order_by("id")
        for kind, payload in steps.values_list("kind", "payload"):
            ours = is_hold(reason) or not reason
            if kind == "gateway.block" or (kind == "gateway.hold" and ours):
                reason = payload["reason"]
            lifts = kind == "gateway.release" and holder_of(reason) in payload["holders"]
            if lifts or kind in {"gateway.unblock", "gateway.allow"}:
                reason = ""
        return bool(reason)


def _row_of(effect: Effect, now: datetime) -> None:
    """The row that the command leaves in the gateway's database, as an import records it."""
    AdministrativeAct.objects.create(
        event=uuid7(), instance=effect.instance, action=f"skill-{effect.payload['act']}",
        act=effect.payload["act"], kind="skill", name=effect.target_name, at=now,
        relaxes=effect.payload["act"] in ENDS, operation=effect.operation,
    )  # fmt: skip

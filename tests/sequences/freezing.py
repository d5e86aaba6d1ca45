"""Steps of a sequence that freeze and unfreeze: an agent, the person, their service, everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from connections.broker.errors import TokenRefusal
from connections.lifecycle import freezes
from connections.models import Freeze
from connections.status.account_status import EVERYTHING
from tests.sequences import frozen
from tests.sequences.frozen import Freezes

if TYPE_CHECKING:
    from tests.sequences.world import World


class Freezing:
    """The freezes that touch the owner of one sequence, in the product and in the model."""

    def __init__(self, world: World, admins: set[str]) -> None:
        self.world, self.model = world, Freezes(world.owner, admins)
        self.agent = f"agent of {world.service}"
        self.targets = {
            frozen.AGENT: Target("agent", self.agent),
            frozen.PERSON: Target("person", world.owner),
            frozen.SERVICE: Target("service", world.service),
            frozen.EVERYTHING: Target("service", EVERYTHING),
        }

    def decides(self) -> bool:
        """Somebody freezes, or asks to unfreeze."""
        choose, placed = self.world.choose, self.model.placed
        who = self.world.somebody()
        what = choose.choice([*sorted(placed) * 3, *frozen.WHAT])
        more = ["freeze", "freeze", *["unfreeze"] * 4]
        act = choose.choice(more if what in placed else ["freeze"])
        expected = getattr(self.model, act)(who, what)
        key, found = self._performs(who, act, what)
        self.world.told.append(f"{who} {act} {what}: {found}")
        assert found == expected, f"{found}, and the model says {expected}"
        if found == "asked":
            self.model.asked(key, who, what)
        return found == "done"

    def _performs(self, who: str, act: str, what: str) -> tuple[str, str]:
        target = self.targets[what]
        try:
            done = perform(self.world.actor(who), freezes.verb_of(target.kind, act), target)
        except Refused:
            return "", "refused"
        return (str(done.approval.pk), "asked") if done.approval else ("", "done")

    def stops(self) -> bool:
        """Whether the broker refuses an agent, the one that may be frozen or another."""
        named = self.world.choose.random() < 0.5
        expected = self.model.stops(agent=named)
        agent = self.agent if named else "another agent"
        try:
            freezes.check(agent, self.world.owner, self.world.service)
        except TokenRefusal as refusal:
            assert expected, f"{refusal.code}, and nothing is frozen"
            self.world.told.append(f"broker: {refusal.code}")
            return True
        assert not expected, "a token of what is frozen"
        return False

    def check_same(self) -> None:
        """Product and model say the same of every freeze."""
        found = Freeze.objects.order_by().values_list("kind", "name", "by")
        rows = sorted(found)
        placed = sorted(
            (self.targets[what].kind, self.targets[what].name, one.hand)
            for what, several in self.model.placed.items()
            for one in several
        )
        assert rows == placed, f"frozen are {rows}, and the model says {placed}"

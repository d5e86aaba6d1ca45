"""Steps of a sequence that limit a connection and relax its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from approvals.errors import Refused
from approvals.pipeline.service import perform
from audit.recording.actors import Target
from connections.models import JustInTime
from tests.sequences.limits import Limits

if TYPE_CHECKING:
    from tests.sequences.world import World

SERVICE: Final = "github"


class Limiting:
    """The limit of a service that nobody of the sequence uses, in the product and in the model."""

    def __init__(self, world: World, admins: set[str]) -> None:
        self.world, self.model = world, Limits(admins)

    def decides(self) -> bool:
        """An admin, or an operator who may not, restricts or relaxes."""
        choose = self.world.choose
        who = choose.choice(["first", "second"] * 4 + ["operator"])
        act = choose.choice(["restrict", *["relax"] * (self.model.days is not None)])
        days = choose.choice([1, 2, 3, *[None] * (act == "relax")])
        expected = getattr(self.model, act)(who, days)
        params = {"idle_h": 24 * days} if days else {}
        try:
            target = Target("service", SERVICE)
            done = perform(self.world.actor(who), f"connection.{act}", target, params=params)
            found = "asked" if done.approval else "done"
        except Refused:
            done, found = None, "refused"
        self.world.told.append(f"{who} {act} to {days} days: {found}")
        assert found == expected, f"{found}, and the model says {expected}"
        if done is not None and done.approval:
            self.model.asked(str(done.approval.pk), who, days)
        return found == "done"

    def check_same(self) -> None:
        """Product and model say the same of the limit, and whose it is."""
        row = JustInTime.objects.filter(name=SERVICE).first()
        days = row.idle_h // 24 if row is not None and row.idle_h else None
        assert days == self.model.days, f"limited to {days} days"
        hands = {row.changed_by, *row.also_by} if row is not None and days else set()
        assert hands == self.model.hands, f"limited by {hands}"

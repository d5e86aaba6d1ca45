"""What people disable and move to quarantine at the terminals of gateways, without the product.

A decision restricts once it was taken, and until its opposite is carried out there. A step waits
for the person at the terminal, who may carry out an older one last, or none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

ENDED_BY = {"disable": "enable", "quarantine": "restore"}
ENDS = {"enable": "disable", "restore": "quarantine"}
ACTS = (*ENDED_BY, *ENDS)


@dataclass
class Step:
    """What somebody decided to do at one gateway.

    Attributes:
        at: when it was carried out, in seconds of the sequence; negative where it was not.
        waits: whether it may still come.
    """

    act: str
    gateway: str
    by: str
    at: float = -1.0
    waits: bool = True


class TakenOut:
    """One component at every gateway."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def hands(self, gateways: Collection[str], acts: Collection[str] = tuple(ENDED_BY)) -> set[str]:
        """Whose disables and quarantines stand at one of these."""
        return {one.by for one in self._standing() if one.gateway in gateways and one.act in acts}

    def decided(self, who: str, act: str, gateway: str) -> None:
        """A step waits for the person at the terminal."""
        self.steps.append(Step(act, gateway, who))

    def not_carried_out(self) -> list[int]:
        """Numbers of the steps that a person could still carry out."""
        return [n for n, one in enumerate(self.steps) if one.at < 0]

    def _standing(self) -> Iterator[Step]:
        for one in self.steps:
            if one.act in ENDED_BY and (one.waits or (one.at >= 0 and not self._is_ended(one))):
                yield one

    def _is_ended(self, step: Step) -> bool:
        opposite = (step.gateway, ENDED_BY[step.act])
        later = (one for one in self.steps if one.at >= step.at)
        return any((one.gateway, one.act) == opposite for one in later)

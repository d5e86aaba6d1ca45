"""The limits of a connection, said once more without the product: who relaxes whose.

Admins limit at once, also what somebody else limited so already; relaxing waits for an approval,
by somebody else where a limit of somebody else is in force.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Request:
    """Somebody asked to relax the limit that they were shown, to so many days or to none."""

    by: str
    days: int | None
    shown: tuple[int | None, tuple[str, ...]]
    verb: str = "relax"


class Limits:
    """Days without use after which one service falls asleep. Answers: done, asked or refused."""

    def __init__(self, admins: set[str]) -> None:
        self.admins, self.now = admins, 0.0
        self.days: int | None = None
        self.hands: set[str] = set()
        self.requests: dict[str, Request] = {}
        self.covered: set[tuple[str, str, str]] = set()

    def restrict(self, who: str, days: int | None) -> str:
        """Allow less, or the same in one's own name too."""
        same = days == self.days and (days is None or who in self.hands)
        wider = self.days is not None and (days is None or days > self.days)
        if who not in self.admins or same or wider:
            return "refused"
        for hand in self.hands:
            self.covered.add((hand, who, "limit"))
        self.days = days
        self.hands.add(who)
        self._overtake()
        return "done"

    def relax(self, who: str, days: int | None) -> str:
        """Allow more, or something else, which always waits for an approval."""
        if who not in self.admins or days == self.days:
            return "refused"
        for hand in self.hands:
            self.covered.add((hand, who, "relax a limit"))
        return "asked"

    def asked(self, key: str, who: str, days: int | None) -> None:
        """A request waits."""
        self.requests.setdefault(key, Request(who, days, self._shown()))

    def needs_another(self, key: str) -> bool:
        """Whether who asked may not answer alone."""
        return bool(self.hands - {self.requests[key].by})

    def approve(self, key: str) -> bool:
        """Whether it commits; what is left of a limit stays the limit of those who set it."""
        asked = self.requests.pop(key)
        assert asked.shown == self._shown()
        self.days = asked.days
        self.hands = {*self.hands, asked.by} if asked.days is not None else set()
        self._overtake()
        return True

    def deny(self, key: str) -> None:
        """It stays limited."""
        del self.requests[key]

    def _shown(self) -> tuple[int | None, tuple[str, ...]]:
        return self.days, tuple(sorted(self.hands))

    def _overtake(self) -> None:
        for key, asked in list(self.requests.items()):
            if asked.shown != self._shown():
                del self.requests[key]

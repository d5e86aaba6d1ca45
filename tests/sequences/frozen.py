"""Freezes, said once more without the product: what is frozen gets no token until an approval.

Admins freeze, and a person themselves, also what others froze; only admins ask to unfreeze. What
somebody else froze, or what stops everything or a person, waits for somebody else than who asks.
"""

from __future__ import annotations

from dataclasses import dataclass

AGENT, PERSON, SERVICE, EVERYTHING = "agent", "person", "service", "everything"
WHAT = (AGENT, PERSON, SERVICE, EVERYTHING)


@dataclass
class Freeze:
    """In force since then, by somebody's hand."""

    hand: str
    since: float


@dataclass
class Request:
    """Somebody asked to end the freeze that they were shown."""

    what: str
    by: str
    shown: tuple[tuple[str, float], ...]
    verb: str = "unfreeze"


class Freezes:
    """The freezes that touch one person at one service. Answers are done, asked or refused."""

    def __init__(self, owner: str, admins: set[str]) -> None:
        self.owner, self.admins, self.now = owner, admins, 0.0
        self.placed: dict[str, list[Freeze]] = {}
        self.requests: dict[str, Request] = {}
        self.covered: set[tuple[str, str, str]] = set()

    def freeze(self, who: str, what: str) -> str:
        """Restrict, also what somebody else froze already."""
        may = who in self.admins or (what == PERSON and who == self.owner)
        placed = self.placed.get(what, [])
        if not may or any(one.hand == who for one in placed):
            return "refused"
        for one in placed:
            self.covered.add((self._role(one.hand), self._role(who), f"freeze {what}"))
        self.placed[what] = [*placed, Freeze(who, self.now)]
        self._overtake(what)
        return "done"

    def unfreeze(self, who: str, what: str) -> str:
        """Relax, which always waits for an approval."""
        placed = self.placed.get(what)
        if not placed:
            return "refused"
        for one in placed:
            self.covered.add((self._role(one.hand), self._role(who), f"unfreeze {what}"))
        return "asked" if who in self.admins else "refused"

    def asked(self, key: str, who: str, what: str) -> None:
        """A request waits."""
        self.requests.setdefault(key, Request(what, who, self._shown(what)))

    def needs_another(self, key: str) -> bool:
        """Whether who asked may not answer alone."""
        asked = self.requests[key]
        own = {one.hand for one in self.placed[asked.what]} == {asked.by}
        return not own or asked.what in {PERSON, EVERYTHING}

    def approve(self, key: str) -> bool:
        """Whether it commits; what else waits about the same freeze is closed then."""
        asked = self.requests.pop(key)
        assert self._shown(asked.what) == asked.shown
        for one in self.placed.pop(asked.what):
            self.covered.add(("approval", self._role(one.hand), f"unfreeze {asked.what}"))
        self._overtake(asked.what)
        return True

    def _shown(self, what: str) -> tuple[tuple[str, float], ...]:
        return tuple((one.hand, one.since) for one in self.placed.get(what, []))

    def _overtake(self, what: str) -> None:
        """Close the requests that were shown other freezes."""
        for key, asked in list(self.requests.items()):
            if asked.what == what and asked.shown != self._shown(what):
                del self.requests[key]

    def deny(self, key: str) -> None:
        """It stays frozen."""
        del self.requests[key]

    def holds_accounts(self) -> bool:
        """Whether the accounts themselves are frozen, and not only an agent that asks."""
        return bool(self.placed.keys() - {AGENT})

    def stops(self, *, agent: bool) -> bool:
        """Whether the broker refuses, for the agent that may be frozen or another one."""
        stopping = [what for what in self.placed if agent or what != AGENT]
        for what in stopping:
            for one in self.placed[what]:
                self.covered.add((self._role(one.hand), "broker", f"use of {what}"))
        return bool(stopping)

    def _role(self, who: str) -> str:
        return "owner" if who == self.owner else who

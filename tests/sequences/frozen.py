"""Freezes, said once more without the product: what is frozen gets no token until an approval.

Admins freeze, and a person themselves; only admins ask to unfreeze. What somebody else froze, or
what stops everything or a person, waits for somebody else than who asks.
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
    since: float
    verb: str = "unfreeze"


class Freezes:
    """The freezes that touch one person at one service. Answers are done, asked or refused."""

    def __init__(self, owner: str, admins: set[str]) -> None:
        self.owner, self.admins, self.now = owner, admins, 0.0
        self.placed: dict[str, Freeze] = {}
        self.requests: dict[str, Request] = {}
        self.covered: set[tuple[str, str, str]] = set()

    def freeze(self, who: str, what: str) -> str:
        """Restrict; what is frozen stays so by the hand that did it first."""
        may = who in self.admins or (what == PERSON and who == self.owner)
        if not may or what in self.placed:
            return "refused"
        self.placed[what] = Freeze(who, self.now)
        return "done"

    def unfreeze(self, who: str, what: str) -> str:
        """Relax, which always waits for an approval."""
        frozen = self.placed.get(what)
        if frozen is None:
            return "refused"
        self.covered.add((self._role(frozen.hand), self._role(who), f"unfreeze {what}"))
        return "asked" if who in self.admins else "refused"

    def asked(self, key: str, who: str, what: str) -> None:
        """A request waits."""
        self.requests.setdefault(key, Request(what, who, self.placed[what].since))

    def needs_another(self, key: str) -> bool:
        """Whether who asked may not answer alone."""
        asked = self.requests[key]
        own = self.placed[asked.what].hand == asked.by
        return not own or asked.what in {PERSON, EVERYTHING}

    def approve(self, key: str) -> bool:
        """Whether it commits; what else waits about the same freeze is closed then."""
        asked = self.requests.pop(key)
        frozen = self.placed[asked.what]
        assert frozen.since == asked.since
        self.covered.add(("approval", self._role(frozen.hand), f"unfreeze {asked.what}"))
        del self.placed[asked.what]
        for other in [k for k, one in self.requests.items() if one.what == asked.what]:
            del self.requests[other]
        return True

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
            self.covered.add((self._role(self.placed[what].hand), "broker", f"use of {what}"))
        return bool(stopping)

    def _role(self, who: str) -> str:
        return "owner" if who == self.owner else who

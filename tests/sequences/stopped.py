"""Holds and blocks, said once more without the product: what operators stop at gateways.

A hold or a block is for every gateway or for one. Operators restrict at once, also what somebody
else restricted already; what is theirs alone they relax alone, and what is somebody else's too by
an approval. Nothing lifts at one gateway what is on hold at all of them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from tests.sequences.taken_out import ACTS, ENDED_BY, ENDS, TakenOut

ALL = ""
GATEWAYS = ("edge-1", "edge-2")
SCOPES = (ALL, *GATEWAYS)
RELAXING = ("release", "unblock", "allow", *ENDS)
AT_A_TERMINAL = 0.3
"""How often somebody decides about what a person carries out there."""


@dataclass
class Scope:
    """What stands for every gateway, or for one.

    Attributes:
        decided: empty while nobody decided; none, block or allow.
        hands: whose the block is.
        number: of the decision, so that the same one taken again is another.
    """

    holds: list[tuple[str, int]] = field(default_factory=list)
    decided: str = ""
    hands: set[str] = field(default_factory=set)
    number: int = 0


@dataclass
class Request:
    """Somebody asked to relax what they were shown."""

    act: str
    scope: str
    by: str
    shown: object

    @property
    def verb(self) -> str:
        return f"{self.act} {self.scope or 'all'}"


class Stopped:
    """One component. Answers are done, asked or refused."""

    def __init__(self, operators: set[str]) -> None:
        self.operators, self.now = operators, 0.0
        self.scopes = {scope: Scope() for scope in SCOPES}
        self.taken = TakenOut()
        self.requests: dict[str, Request] = {}
        self.covered: set[tuple[str, str, str]] = set()
        self._number = 0

    def likely(self, choose: random.Random) -> tuple[str, str]:
        """What somebody does next and where: what stands is what is decided on more often."""
        if choose.random() < AT_A_TERMINAL:
            return self._likely_at_a_terminal(choose)
        held = [name for name, one in self.scopes.items() if one.holds]
        blocked = [name for name, one in self.scopes.items() if one.decided == "block"]
        act = choose.choice(
            [
                *("hold", "hold", "block", "unblock", "allow"),
                *["release"] * 3 * len(held),
                *["unblock", "hold"] * 2 * len(blocked),
            ]
        )
        under = GATEWAYS if ALL in blocked else ()
        often = {"release": held, "unblock": blocked, "hold": under}.get(act, ())
        return act, choose.choice([*SCOPES, *[one for one in often for _ in range(3)]])

    def _likely_at_a_terminal(self, choose: random.Random) -> tuple[str, str]:
        gateway = choose.choice(GATEWAYS)
        taken = [ENDED_BY[act] for act in ENDED_BY if self.taken.hands({gateway}, {act})]
        return choose.choice([*ACTS, *taken * 3]), gateway

    def decide(self, who: str, act: str, scope: str) -> str:
        """Restrict or relax; where the answer is asked, a request has to wait."""
        if who not in self.operators or self._is_needless(who, act, scope):
            return "refused"
        if act in RELAXING:
            if self._is_under_another(who, act, scope):
                return "refused"
            for hand in sorted(self.whose(act, scope)):
                self._cover(hand, who, act)
            for hand in sorted(self._taken_out_by(act, scope)):
                self._cover(hand, who, f"{act} what is out of use")
            if self.whose(act, scope) - {who}:
                return "asked"
        self._do(who, act, scope)
        return "done"

    def asked(self, key: str, who: str, act: str, scope: str) -> None:
        """A request waits."""
        self.requests.setdefault(key, Request(act, scope, who, self._shown(act, scope)))

    def needs_another(self, key: str) -> bool:
        """Whether who asked may not answer alone: what is somebody else's is asked about."""
        return True

    def approve(self, key: str) -> bool:
        """Whether it commits: not where nothing of anybody else's is left to ask about."""
        asked = self.requests.pop(key)
        assert asked.shown == self._shown(asked.act, asked.scope)
        if not self.whose(asked.act, asked.scope) - {asked.by}:
            return False
        self._do(asked.by, asked.act, asked.scope)
        return True

    def deny(self, key: str) -> None:
        """It stays stopped."""
        del self.requests[key]

    def whose(self, act: str, scope: str) -> set[str]:
        """Whose holds and blocks this would end, or be an exception from."""
        if act == "release":
            return {hand for hand, _ in self.scopes[scope].holds}
        taken = self._taken_out_by(act, scope)
        if act in ENDS:
            return taken
        ended = self._replaced(scope)
        blocks = [*ended, self.scopes[ALL]]
        held = {hand for one in ended for hand, _ in one.holds}
        return held.union(taken, *(one.hands for one in blocks if one.decided == "block"))

    def is_stopped(self, gateway: str) -> bool:
        """Whether the component does not run there."""
        held = self.scopes[gateway].holds or self.scopes[ALL].holds
        return bool(held) or self._deciding(gateway).decided == "block"

    # Inside

    def _taken_out_by(self, act: str, scope: str) -> set[str]:
        """Whose disables and quarantines this could end: an unblock or allow may end a disable."""
        if act not in {"unblock", "allow", *ENDS}:
            return set()
        return self.taken.hands({scope} if scope else GATEWAYS)

    def _is_under_another(self, who: str, act: str, scope: str) -> bool:
        """Whether a hold or block that this does not end is in its way."""
        if act in ENDS:
            covering = (self.scopes[ALL], self.scopes[scope])
            return any(one.holds or one.decided == "block" for one in covering)
        if act == "release" or not scope or not self.scopes[ALL].holds:
            return False
        self._cover(self.scopes[ALL].holds[-1][0], who, f"{act} one under a hold of all")
        return True

    def _is_needless(self, who: str, act: str, scope: str) -> bool:
        own, deciding = self.scopes[scope], self._deciding(scope)
        if act == "release":
            return not own.holds
        if act in {"unblock", *ACTS}:
            return False
        seen = [own, self.scopes[ALL]] if scope else list(self.scopes.values())
        stands = [deciding] if scope else [one for one in seen if one.decided]
        wanted = "allow" if act == "allow" else "block"
        so = bool(deciding.decided) and all(one.decided == wanted for one in stands)
        so = so and not any(one.holds for one in seen)
        if act == "allow":
            return so
        theirs = so and who in deciding.hands
        return theirs or (act == "hold" and any(hand == who for hand, _ in own.holds))

    def _do(self, who: str, act: str, scope: str) -> None:
        own = self.scopes[scope]
        self._number += 1
        if act in ACTS:
            self.taken.decided(who, act, scope)
        elif act == "hold":
            for hand in self.whose("unblock", scope):
                self._cover(hand, who, "hold")
            own.holds.append((who, self._number))
        elif act == "release":
            own.holds.clear()
            own.decided = "none" if own.decided == "allow" else own.decided
        else:
            self._decide(who, act, scope)
        for key, asked in list(self.requests.items()):
            if asked.shown != self._shown(asked.act, asked.scope):
                del self.requests[key]

    def _decide(self, who: str, act: str, scope: str) -> None:
        hands: set[str] = set()
        if act == "block":
            ended = self._replaced(scope)
            hands = {who, *(hand for one in ended for hand, _ in one.holds)}
            hands = hands.union(*(one.hands for one in ended if one.decided == "block"))
            for hand in hands:
                self._cover(hand, who, "block")
        for one in SCOPES if not scope else (scope,):
            self.scopes[one] = Scope()
        decided = "none" if act == "unblock" else act
        self.scopes[scope] = Scope(decided=decided, hands=hands, number=self._number)

    def _replaced(self, scope: str) -> list[Scope]:
        return [self.scopes[scope]] if scope else list(self.scopes.values())

    def _deciding(self, scope: str) -> Scope:
        own = self.scopes[scope]
        return own if own.decided else self.scopes[ALL]

    def _shown(self, act: str, scope: str) -> object:
        """Every hold, and every block and allow."""
        holds = [(name, list(one.holds)) for name, one in self.scopes.items()]
        decided = [
            (name, one.decided, one.number)
            for name, one in self.scopes.items()
            if one.decided in {"block", "allow"}
        ]
        return holds, decided

    def _cover(self, hand: str, who: str, act: str) -> None:
        self.covered.add((hand, who, act))

"""What may happen to accounts, said once more without the product: plain rules over plain lists.

What somebody else restricted, only they or an approval relaxes. An account has restrictions, each
by somebody's hand, and may be ending: being revoked, revoked, or gone at Auth0.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

UNDO_S = 10.0
IDLE_S = 7 * 86_400.0
_next_id = count(1).__next__


@dataclass
class Restriction:
    """A suspension by a hand; `hold` is the request whose hold it is, `why` what it stands for
    where it is no plain suspension: revoked, still held."""

    hand: str
    since: float
    hold: str = ""
    why: str = ""
    id: int = field(default_factory=_next_id)  # of its copies on other accounts, too


@dataclass
class Account:
    """One account; times in seconds of the sequence."""

    name: str
    owner: str
    since: float  # when the working state began: the clock of idle access
    seen: float
    restrictions: list[Restriction] = field(default_factory=list)
    ending: str = ""  # revoking, revoked, gone
    ended_by: str = ""
    ended: float = 0.0  # when that began
    ended_id: int = 0  # of the restriction that a revocation is
    until: float = 0.0  # the end of the undo window
    barred: bool = False
    used: float = -1.0

    @property
    def changed(self) -> float:
        """When the state in force began."""
        if self.ending:
            return self.ended
        return self.restrictions[-1].since if self.restrictions else self.since

    @property
    def state(self) -> str:
        """In the product's words."""
        if self.ending:
            return {"revoking": "revocation_pending"}.get(self.ending, self.ending)
        return "suspended" if self.restrictions else "connected"

    @property
    def hand(self) -> str:
        """Whose hand the state in force is; empty where that does not matter."""
        if self.ending:
            return self.ended_by
        return self.restrictions[-1].hand if self.restrictions else ""

    def others(self) -> list[Restriction]:
        """What somebody else restricted."""
        found = [one for one in self.restrictions if one.hand != self.owner]
        if self.ending in {"revoking", "revoked"} and self.ended_by != self.owner:
            found.append(Restriction(self.ended_by, self.ended, why="revoked", id=self.ended_id))
        return found

    def is_over(self) -> bool:
        """Whether nothing is left to revoke for somebody else than its owner."""
        if self.ending == "revoking":
            return self.ended_by != self.owner
        return self.ending == "revoked"

    def shown(self) -> tuple[object, ...]:
        """What a request to resume ends."""
        placed = tuple((one.hand, one.hold) for one in self.restrictions)
        return placed, self.ending, self.ended_by, self.changed

    def asleep(self, now: float) -> bool:
        """Whether nobody used it for too long."""
        return self.state == "connected" and now - max(self.since, self.used) >= IDLE_S


@dataclass
class Request:
    """What waits for somebody's answer."""

    verb: str
    account: Account
    by: str
    shown: tuple[object, ...]


class Model:
    """The accounts of one person at one service. Methods answer done, asked or refused."""

    def __init__(self, owner: str, admins: set[str], now: float) -> None:
        self.owner, self.admins, self.now = owner, admins, now
        self.accounts: dict[str, Account] = {}
        self.requests: dict[str, Request] = {}
        self.wake_by_owner, self.frozen = False, False
        self.covered: set[tuple[str, str, str]] = set()

    # What people decide

    def suspend(self, who: str, account: Account) -> str:
        """Restrict, also what only a request holds, which its end lets go."""
        own = any(one.hand == who and not one.hold for one in account.restrictions)
        if who == self.owner:
            able = account.state in {"connected", "suspended"} and not own
        elif who in self.admins:
            back = account.state in {"connected", "suspended", "gone"}
            back |= account.ending == "revoking" and self.now < account.until
            able = back and not own
        else:
            able = False
        if able:
            for one in account.restrictions:
                if not one.hold:
                    self.covered.add((self._role(one.hand), self._role(who), "suspend"))
            account.restrictions.append(Restriction(who, self.now))
            self._turned(account)
        return "done" if able else "refused"

    def alone(self, who: str, account: Account) -> bool:
        """Whether somebody resumes without anybody's approval: only what is theirs."""
        if who != self.owner or account.hand != who:
            return False
        if account.ending:
            return account.ending == "revoking" and self.now < account.until
        return account.state == "suspended" and not self._held(account)

    def resume(self, who: str, account: Account) -> str:
        """Relax a suspension, or take back a revocation."""
        self._cover(who, account, "undo" if account.ending else "resume")
        if self.alone(who, account):
            self._lift(account, everything=False)
            self._turned(account)
            return "done"
        return "asked" if who in self.admins else "refused"

    def revoke(self, who: str, account: Account) -> str:
        """End for good, or ask to; `asked` places the hold."""
        if who == self.owner:
            if account.ending:
                return "refused"
            self._end(account, who, self.now + UNDO_S)
            return "done"
        if who not in self.admins or account.is_over():
            return "refused"
        return "asked"

    def wake(self, who: str, account: Account) -> str:
        """Wake idle access, by its owner or for them."""
        if not self._sleeps(account):
            return "refused"
        by = "broker" if who == "broker" else "owner"
        self.covered.add(("setting" if self.wake_by_owner else "use", "owner", f"wake by {by}"))
        if self.wake_by_owner:
            return "asked"
        account.since = self.now
        self._overtake(account)
        return "done"

    def asked(self, key: str, verb: str, who: str, account: Account) -> None:
        """A request waits; that of a revocation holds its account."""
        if key in self.requests:
            return
        if verb == "revoke":
            account.restrictions.append(Restriction(who, self.now, key))
            account.barred = True
        self.requests[key] = Request(verb, account, who, account.shown())

    def needs_another(self, key: str) -> bool:
        """Whether who asked may not answer alone."""
        return self.requests[key].verb != "wake"

    # How requests end

    def approve(self, key: str) -> bool:
        """Whether it commits."""
        asked = self.requests.pop(key)
        account = asked.account
        if asked.verb == "revoke":
            if account.is_over():
                return False
            self._end(account, asked.by, self.now)
            return True
        if asked.verb == "wake":
            if not self._sleeps(account) or asked.shown != account.shown():
                return False
            account.since = self.now
            self._overtake(account)
            return True
        undoable = account.ending == "revoking" and self.now < account.until
        if asked.shown != account.shown() or not (account.state == "suspended" or undoable):
            return False
        if not undoable and self._held(account):
            return False
        self.covered.add(("approval", self._role(account.hand), "resume"))
        before = {one.id for one in account.others()}
        self._lift(account, everything=True)
        self._turned(account)
        ended = before - {one.id for one in account.others()}
        for one in self.accounts.values():
            if one.ending and not (one.ending == "revoking" and self.now < one.until):
                one.barred &= bool({other.id for other in one.others()} - ended)
        return True

    def deny(self, key: str) -> None:
        """What it held is as it was before."""
        asked = self.requests.pop(key)
        if asked.verb != "revoke":
            return
        for account in self.accounts.values():
            kept = [one for one in account.restrictions if one.hold != key]
            if len(kept) != len(account.restrictions):
                account.restrictions = kept
                account.barred = bool(account.others())

    # What Auth0 tells

    def connected(self, name: str, owner: bool) -> Account:
        """An account arrives, connected here by its owner or found by a comparison."""
        known = self.accounts.get(name)
        barred = [one for one in self.accounts.values() if one.barred]
        placed = sorted((one for each in barred for one in each.others()), key=lambda o: o.since)
        own = known.others() if known else []
        barriers: dict[int, Restriction] = {}
        for one in (*own, *placed):
            barriers.setdefault(one.id, one)
        for one in barriers.values():
            self.covered.add((self._role(one.hand), "owner" if owner else "sync", "connect"))
        if known and known.ending == "revoking" and known.ended_by != self.owner:
            known.seen = self.now
            return known
        account = Account(name, self.owner, self.now, self.now)
        account.restrictions = [replace(one, since=self.now) for one in barriers.values()]
        account.barred = bool(barriers)
        self.accounts[name] = account
        for asked in list(self.requests.values()):
            if known and asked.account is known:
                asked.account = account
        return account

    def vanished(self, account: Account, seen: float) -> None:
        """Auth0 does not list it."""
        if account.ending in {"gone", "revoked"} or account.seen > seen:
            return
        if account.ending == "revoking":
            account.ending = "revoked"
        else:
            account.ending, account.ended_by = "gone", ""
        account.ended = self.now
        self._turned(account)

    def listed(self, account: Account, as_of: float) -> None:
        """Auth0 lists it, as of a moment."""
        if max(account.changed, account.seen) >= as_of:
            return
        account.seen = self.now
        if account.ending == "gone":
            self.covered.add((self._role(account.others()[-1].hand) if account.others() else "-",
                              "sync", "back"))  # fmt: skip
            account.ending = ""
            account.barred = bool(account.others())
        elif account.ending == "revoked":
            account.restrictions.append(Restriction(account.ended_by, self.now, why="still held"))
            account.ending = account.ended_by = ""
            account.barred = bool(account.others())

    # Inside

    def _sleeps(self, account: Account) -> bool:
        return account.asleep(self.now) and not self.frozen

    def _held(self, account: Account) -> bool:
        return any(one.hold in self.requests for one in account.restrictions)

    def _lift(self, account: Account, *, everything: bool) -> None:
        if account.ending:
            account.ending = account.ended_by = ""
            return
        mine = account.restrictions[-1].hand
        while account.restrictions and (everything or account.restrictions[-1].hand == mine):
            account.restrictions.pop()

    def _end(self, account: Account, who: str, until: float) -> None:
        account.ending, account.ended_by, account.until = "revoking", who, until
        account.ended, account.ended_id = self.now, _next_id()
        self._turned(account)

    def _turned(self, account: Account) -> None:
        account.barred = bool(account.others())
        self._overtake(account)

    def _overtake(self, account: Account) -> None:
        """Close what a decision made pointless."""
        for key, asked in list(self.requests.items()):
            if asked.account is not account:
                continue
            gone = account.is_over() if asked.verb == "revoke" else asked.shown != account.shown()
            if asked.verb == "wake":
                gone = gone or not self._sleeps(account)
            if gone:
                del self.requests[key]

    def _cover(self, who: str, account: Account, verb: str) -> None:
        self.covered.add((self._role(account.hand), self._role(who), verb))

    def _role(self, who: str) -> str:
        return "owner" if who == self.owner else who

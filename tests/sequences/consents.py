"""Consents to applications, said once more without the product.

The owner ends one at once, an admin once another admin approved. It is being revoked until Auth0
deleted it; no comparison that began before a decision undoes it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Consent:
    """One consent: live, revoking or gone; `step` is the revocation that is under way."""

    name: str
    since: float
    state: str = "live"
    by: str = ""
    step: str = ""


@dataclass
class Request:
    """An admin asked to revoke."""

    consent: Consent
    by: str
    verb: str = "revoke consent"


class Consents:
    """The consents of one person. Answers are done, asked or refused."""

    def __init__(self, owner: str, admins: set[str]) -> None:
        self.owner, self.admins, self.now = owner, admins, 0.0
        self.all: dict[str, Consent] = {}
        self.requests: dict[str, Request] = {}
        self.covered: set[tuple[str, str, str]] = set()

    def revoke(self, who: str, consent: Consent) -> str:
        """End it, or ask to."""
        self.covered.add((consent.state, self._role(who), "revoke consent"))
        if consent.state != "live":
            return "refused"
        if who == self.owner:
            return "done"
        return "asked" if who in self.admins else "refused"

    def begun(self, consent: Consent, who: str, step: str) -> None:
        """The revocation committed."""
        consent.state, consent.since, consent.by, consent.step = "revoking", self.now, who, step

    def asked(self, key: str, who: str, consent: Consent) -> None:
        """A request waits."""
        self.requests.setdefault(key, Request(consent, who))

    def needs_another(self, _key: str) -> bool:
        """It is about somebody else's."""
        return True

    def approve(self, key: str) -> bool:
        """Whether it commits: it did not end in another way meanwhile."""
        return self.requests.pop(key).consent.state == "live"

    def deny(self, key: str) -> None:
        """It stays as it is."""
        del self.requests[key]

    def deleted(self, consent: Consent, step: str, *, refused: bool) -> None:
        """Auth0 deleted it, or refused for good; an earlier revocation's step changes nothing."""
        if consent.step != step or consent.state != "revoking":
            return
        consent.state, consent.since = ("live" if refused else "gone"), self.now
        if refused:
            consent.step = ""

    def listed(self, name: str, as_of: float) -> None:
        """Auth0 lists it, as of a moment."""
        known = self.all.get(name)
        if known is None:
            self.all[name] = Consent(name, as_of)
        elif known.since < as_of and known.state == "gone":
            self.covered.add((self._role(known.by) or "-", "sync", "consent back"))
            known.state, known.since, known.step, known.by = "live", as_of, "", ""
        elif known.state == "revoking":
            late = "late" if known.since >= as_of else "timely"
            self.covered.add((self._role(known.by), "sync", f"{late} comparison of a consent"))

    def missing(self, consent: Consent, since: float, as_of: float) -> None:
        """Auth0 does not list it; `since` is when its state began as it was read."""
        if since < as_of and consent.state != "gone":
            consent.state, consent.since = "gone", self.now

    def _role(self, who: str) -> str:
        return "owner" if who == self.owner else who

"""The inventory at any index of the log, from its entries and openings alone.

Every event about an account names it (`data.account_id`) and says in which state it left it
(`data.state`), so a walk over the events in order of index gives the inventory of any moment.
Values whose openings were destroyed read as erased. How an account stands at a moment follows from
that, from the settings and freezes that the same events tell, and from the moment (`as_of`). Events
about consents and refresh tokens name one likewise (`data.access_id`); when a refresh token was
exchanged is no event. Pure Python: no database, no Django.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from connections.auth_ibom.inventory_records import (
    ERASED,
    Access,
    Account,
    Decision,
    Declared,
    Reviewed,
    Used,
    moment,
    owner,
    text,
)
from connections.idle_access.idle_and_hours_setting_types import Setting
from connections.status import account_status
from connections.status.account_status import EVERYTHING, Frozen, Ground

_OF_ACCESS: Final = ("access.reconciled", "access.revoked")


def access_of(event: Mapping[str, Any], known: Mapping[str, Access]) -> Access | None:
    """What an event about access makes of the one that it names; None where it names none."""
    data, when = event["data"], moment(event["time"])
    name, state = data.get("access_id"), data.get("state")
    if not isinstance(name, str) or not isinstance(state, str):
        return None  # asked, and not agreed to
    was = known.get(name) or Access(
        id=name,
        kind=str(data["kind"]),
        auth0_id=str(data["auth0_id"]),
        client_id=str(data["client_id"]),
        state_since=when,
        first_seen=when,
        seen_at=when,
        use_known=False,
    )
    iss, sub, email = owner(data) or (was.iss, was.sub, was.email)
    application = str(data.get("application", ""))
    return replace(
        was,
        iss=was.iss if iss is None else iss,
        sub=sub,
        email=email,
        client_name="" if application == was.client_id else application,
        audiences=tuple(map(str, data["audiences"])),
        scopes=tuple(map(str, data["scopes"])),
        state=state,
        state_since=when if state != was.state else was.state_since,
        seen_at=when if event["action"] == "access.reconciled" else was.seen_at,
        created_at=_moment(data, "created_at", was.created_at),
        expires_at=_moment(data, "expires_at", was.expires_at),
    )


def _moment(data: Mapping[str, Any], name: str, known: datetime | None) -> datetime | None:
    """Entries that are older than these fields do not have them."""
    if name not in data:
        return known
    return moment(data[name]) if data[name] else None


_ACCOUNTS: Final = (
    "connection.connected",
    "connection.reconciled",
    "connection.suspended",
    "connection.resumed",
    "connection.revoked",
    "connection.fell_asleep",
    "connection.awake",
    "connection.woken",
)
_BEGINS: Final = frozenset({"connection.connected", "connection.woken"})
_FREEZES: Final = (
    "agent.frozen",
    "agent.unfrozen",
    "connection.frozen",
    "connection.unfrozen",
    "person.frozen",
    "person.unfrozen",
)
_SETTINGS: Final = ("connection.restricted", "connection.relaxed")
USE: Final = "token.exchanged"
ACTIONS: Final = (
    *_ACCOUNTS,
    *_FREEZES,
    *_SETTINGS,
    "manifest.declared",
    "manifest.removed",
    "review.decided",
    "review.closed",
    *_OF_ACCESS,
    "connection.use_seen",
    USE,
    "token.refused",
)
"""The events that tell something about the inventory; others may be left out of a walk."""

type Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Counted:
    """Uses of an account by one agent through one component, as many as `number`.

    Attributes:
        index, last, event: of the newest of them.
    """

    account: str
    agent: str
    skill: str
    number: int
    index: int
    last: datetime
    event: str


@dataclass(slots=True)
class Inventory:
    """What is known from the events so far.

    Attributes:
        accounts: by public id.
        manifests: by `(kind, name)`.
        size: one more than the index of the last event taken.
        last: account id -> `(event id, index)` of the newest event about it.
        untold: events that name no account any more, since what named it was erased.
        settings: just-in-time settings by connection.
        frozen: freezes in force of agents, services and people, by kind and name.
        reviews: access reviews by id.
        access: consents and refresh tokens of applications by public id.
    """

    accounts: dict[str, Account] = field(default_factory=dict)
    manifests: dict[tuple[str, str], Declared] = field(default_factory=dict)
    size: int = 0
    last: dict[str, tuple[str, int]] = field(default_factory=dict)
    untold: int = 0
    settings: dict[str, Setting] = field(default_factory=dict)
    frozen: dict[tuple[str, str], Frozen] = field(default_factory=dict)
    reviews: dict[str, Reviewed] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Go on by one event; they have to come in order of index."""
        index = event["index"]
        if index is not None:
            self.size = index + 1
        action = event["action"]
        if action in _ALONE:
            _ALONE[action](self, event)
        elif action in _ACCOUNTS and event["outcome"] in {"success", "pending"}:
            self._count(event)
        elif action in _OF_ACCESS:
            self._accessed(event)
        elif action == "connection.use_seen":
            self._seen(event)
        elif action.startswith("token."):
            self._asked(event)
        elif action in _FREEZES and event["outcome"] == "success":
            self._froze(event)
        elif action in _SETTINGS and event["outcome"] == "success":
            self.settings[str(event["connection"])] = Setting.read(event["data"]["setting"])

    def counted(self, uses: Iterable[Counted]) -> None:
        """Make up for uses that were not taken: of each kind in a range, only the first was."""
        newest: dict[str, int] = {}
        for use in uses:
            account = self.accounts[use.account]
            taken = account.uses[use.agent, use.skill].count
            account.uses[use.agent, use.skill] = Used(
                use.agent, use.skill, taken + use.number - 1, use.last
            )
            if use.index > newest.get(use.account, -1):
                newest[use.account], account.last_used_at = use.index, use.last
            if use.index > self.last[use.account][1]:
                self.last[use.account] = (use.event, use.index)
            self.size = max(self.size, use.index + 1)

    def _count(self, event: Event) -> None:
        data = event["data"]
        account = self._account(event)
        if account is None:
            return
        when = moment(event["time"])
        if known := owner(data):
            iss, account.sub, account.email = known
            account.iss = account.iss if iss is None else iss
        if "account" in data:
            account.named = text(data["account"])
        if isinstance(data.get("scopes"), list):
            account.scopes = tuple(map(str, data["scopes"]))
            account.seen_at = when
        account.auth0_id = str(data.get("auth0_id") or account.auth0_id)
        for name in ("connected_at", "expires_at"):
            if name in data:
                setattr(account, name, moment(data[name]) if data[name] else None)
        state = data.get("state")
        since = moment(data["since"]) if isinstance(data.get("since"), str) else None
        if isinstance(state, str) and since is not None:
            account.turn(state, since, text(event["reason"]))
        elif isinstance(state, str) and (state != account.state or event["action"] in _BEGINS):
            account.turn(state, when, text(event["reason"]))

    def _account(self, event: Event) -> Account | None:
        data, target = event["data"], event["target"]
        name = data.get("account_id") or (target or {}).get("name")
        if not isinstance(name, str) or not name:
            self.untold += 1
            return None
        known = self.accounts.get(name)
        if known is None:
            when = moment(event["time"])
            source = "management" if event["action"] == "connection.reconciled" else "my_account"
            known = Account(
                id=name,
                connection=str(event["connection"] or data.get("connection") or ""),
                source=source,
                state_since=when,
                watched_since=when,
                seen_at=when,
            )
            self.accounts[name] = known
        if event["index"] is not None:
            self.last[name] = (str(event["id"]), event["index"])
        return known

    def _asked(self, event: Event) -> None:
        """A token that was given out, or a refusal that tells of a dead grant."""
        if event["target"] is None:
            return
        account = self._account(event)
        if account is None:
            return
        when = moment(event["time"])
        if event["action"] == "token.refused":
            if event["data"].get("code") == "reconnect_required" and account.state == "connected":
                account.state, account.state_since = "needs_reconnect", when
                account.state_reason = "the provider refused the stored grant"
            return
        key = (event["agent"], event["skill"])
        before = account.uses.get(key)
        count = before.count + 1 if before else 1
        account.uses[key] = Used(event["agent"], event["skill"], count, when)
        account.last_used_at = when

    def _accessed(self, event: Event) -> None:
        """A consent or refresh token of an application that came, changed or went."""
        known = access_of(event, self.access)
        if known is None:
            return
        self.access[known.id] = known
        if event["index"] is not None:
            self.last[known.id] = (str(event["id"]), event["index"])

    def _froze(self, event: Event) -> None:
        """A freeze of a person whose name was erased can no longer be attributed."""
        kind, data = str(event["data"].get("frozen", "")), event["data"]
        if kind == "service":
            name = EVERYTHING if data.get("everything") else str(event["connection"])
        else:
            name = text((event["target"] or {}).get("name"))
        if name == ERASED:
            return
        if event["action"].endswith(".frozen"):
            first = Frozen(moment(event["time"]), text(event["reason"]))
            self.frozen.setdefault((kind, name), first)
        else:
            self.frozen.pop((kind, name), None)

    def _seen(self, event: Event) -> None:
        """What Auth0's tenant log has; with several accounts on a connection, of each of them."""
        data = event["data"]
        for name in data["accounts"]:
            account = self.accounts.get(name)
            if account is None:
                continue
            if event["index"] is not None and event["target"] is not None:
                self.last[name] = (str(event["id"]), event["index"])
            if event["outcome"] == "success":
                client, day = str(data["client_id"]), str(data["day"])
                account.seen[client] = max(day, account.seen.get(client, ""))

    def _declared(self, event: Event) -> None:
        target, changes = event["target"] or {}, event["changes"]
        after = changes.get("after") if isinstance(changes, Mapping) else None
        kind, name = str(target.get("kind", "")), text(target.get("name"))
        needs: tuple[tuple[str, tuple[str, ...]], ...] = ()
        if isinstance(after, Mapping):
            kind, name = str(after["kind"]), str(after["name"])
            needs = tuple(
                (str(one["connection"]), tuple(map(str, one["scopes"])))
                for one in after["connections"]
            )
        self.manifests[kind, name] = Declared(
            kind, name, str(event["data"].get("manifest", "")), moment(event["time"]), needs
        )

    def _removed(self, event: Event) -> None:
        target = event["target"] or {}
        self.manifests.pop((str(target.get("kind", "")), text(target.get("name"))), None)

    def _decided(self, event: Event) -> None:
        data = event["data"]
        account, review = str(data.get("account_id", "")), str(data.get("review", ""))
        known = self.reviews.setdefault(review, Reviewed(review, text(data.get("title"))))
        known.decisions[account] = Decision(
            account,
            str(data.get("choice", "")),
            text(event["reason"]),
            moment(event["time"]),
            data.get("self_review") is True,
            str(event["id"]),
            event["index"],
        )

    def _closed(self, event: Event) -> None:
        data, name = event["data"], text((event["target"] or {}).get("name"))
        known = self.reviews.setdefault(name, Reviewed(name))
        known.title = text(data.get("title"))
        known.accounts, known.undecided = int(data["accounts"]), int(data["undecided"])
        known.closed, known.result_sha256 = moment(event["time"]), str(data["result_sha256"])
        known.event, known.index = str(event["id"]), event["index"]

    def copy(self) -> Inventory:
        """A state to compare with later, which further events do not change."""
        accounts = {
            name: replace(
                account,
                uses=dict(account.uses),
                seen=dict(account.seen),
                reasons=dict(account.reasons),
            )
            for name, account in self.accounts.items()
        }
        return replace(
            self,
            accounts=accounts,
            manifests=dict(self.manifests),
            last=dict(self.last),
            settings=dict(self.settings),
            frozen=dict(self.frozen),
            access=dict(self.access),
        )

    def as_of(self, at: datetime) -> Inventory:
        """A copy whose accounts say how they stand at a moment, rather than what was decided."""
        found = self.copy()
        ground = Ground(found.settings, found.frozen)
        for account in found.accounts.values():
            account.stand(account_status.of(account, ground, at))
        return found


_ALONE: Final[Mapping[str, Callable[[Inventory, Event], None]]] = {
    "manifest.declared": Inventory._declared,
    "manifest.removed": Inventory._removed,
    "review.decided": Inventory._decided,
    "review.closed": Inventory._closed,
}

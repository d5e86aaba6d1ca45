"""What changed in the inventory between two instants, each change with the entry that tells it.

Pure Python, as the replay: `ata ibom` asks it about an export, the portal about its own log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from connections.auth_ibom.inventory_records import Access, Account, Declared
from connections.auth_ibom.replay import Event, Inventory

WORDS: Final = {
    "appeared": "appeared",
    "vanished": "ended",
    "state": "state changed",
    "scopes": "scopes changed",
    "apis": "APIs changed",
    "first_use": "first use",
    "manifest": "manifest",
    "frozen": "frozen",
    "unfrozen": "unfrozen",
    "setting": "sleep and hours",
}
"""Every kind of change, in the order in which pages count them."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        what: a key of WORDS.
        name: the public id of the account or access; `kind:name` of a manifest or a freeze; a
            connection.
        account: as it was at the later instant; None where it is about no account.
        access: likewise, of a consent or refresh token of an application.
        before, after: in the inventory's own codes; empty where there was nothing.
        gained, lost: scopes, where those changed, or APIs.
        event, index: the newest entry that tells it; empty and None where no entry does.
    """

    what: str
    name: str
    account: Account | None = None
    before: str = ""
    after: str = ""
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    event: str = ""
    index: int | None = None
    access: Access | None = None


@dataclass(slots=True)
class _Causes:
    """The newest entry that changed a thing, by what changed and its name."""

    causes: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def note(self, event: Event, before: _Seen, after: _Seen) -> None:
        """Compare what an event could have changed."""
        cause = {"event": str(event["id"]), "index": event["index"]}
        for key in before.keys() | after.keys():
            if before.get(key) != after.get(key):
                self.causes[key] = cause

    def of(self, what: str, name: str) -> dict[str, Any]:
        """The `event` and `index` of a change; empty where no entry made it."""
        return self.causes.get((what, name), {})


type _Seen = dict[tuple[str, str], object]


def between(inventory: Inventory, events: Iterable[Event]) -> list[Change]:
    """Walk on from an inventory (which moves along) and say what the events changed.

    What was undone in between is left out, and so is what time alone changes. An account that
    appeared and ended in between has appeared, in the state in which it ended.
    """
    before, causes = inventory.copy(), _Causes()
    for event in events:
        seen = _seen(inventory, event)
        inventory.take(event)
        causes.note(event, seen, _seen(inventory, event))
    return [
        *_accounts(before, inventory, causes),
        *_access(before, inventory, causes),
        *_manifests(before, inventory, causes),
        *_grounds(before, inventory, causes),
    ]


def _touched(event: Event) -> tuple[str, ...]:
    data, target = event["data"], event["target"] or {}
    named = data.get("accounts")
    if isinstance(named, list):
        return tuple(map(str, named))
    name = data.get("account_id") or data.get("access_id") or target.get("name")
    return (name,) if isinstance(name, str) else ()


def _seen(inventory: Inventory, event: Event) -> _Seen:
    """What there is now of all that an event could change."""
    found: _Seen = {}
    for name in _touched(event):
        account = inventory.accounts.get(name)
        if thing := account or inventory.access.get(name):
            found["appeared", name] = True
            found["state", name] = thing.state
            found["scopes", name] = frozenset(thing.scopes)
        if access := inventory.access.get(name):
            found["apis", name] = frozenset(access.audiences)
        for agent, skill in account.uses if account else ():
            found["first_use", f"{name} {agent} {skill}"] = True
    action = event["action"]
    if action in {"manifest.declared", "manifest.removed"}:
        manifests = inventory.manifests.items()
        found |= {("manifest", ":".join(key)): declared.digest for key, declared in manifests}
    elif action.endswith("frozen"):
        found |= {("frozen", ":".join(key)): True for key in inventory.frozen}
    elif action in {"connection.restricted", "connection.relaxed"}:
        found |= {("setting", name): setting for name, setting in inventory.settings.items()}
    return found


def _accounts(before: Inventory, after: Inventory, causes: _Causes) -> list[Change]:
    found: list[Change] = []
    for name, now in sorted(after.accounts.items()):
        then = before.accounts.get(name)
        if then is None:
            found.append(
                Change(
                    "appeared",
                    name,
                    now,
                    after=now.state,
                    gained=now.scopes,
                    **causes.of("appeared", name),
                )
            )
            then = Account(name, now.connection, scopes=now.scopes, state=now.state)
        if then.state != now.state:
            what = "vanished" if now.state in {"gone", "revoked"} else "state"
            found.append(Change(what, name, now, then.state, now.state, **causes.of("state", name)))
        scopes = _set("scopes", name, then.scopes, now.scopes, causes)
        found += [replace(change, account=now) for change in scopes]
        found += _first_uses(name, then, now, causes)
    return found


def _access(before: Inventory, after: Inventory, causes: _Causes) -> list[Change]:
    found: list[Change] = []
    for name, now in sorted(after.access.items()):
        then = before.access.get(name)
        if then is None:
            found.append(
                Change(
                    "appeared",
                    name,
                    after=now.state,
                    gained=now.scopes,
                    **causes.of("appeared", name),
                    access=now,
                )
            )
            continue
        if then.state != now.state:
            what = "vanished" if now.state == "gone" else "state"
            found.append(
                Change(
                    what, name, None, then.state, now.state, **causes.of("state", name), access=now
                )
            )
        sets = [
            *_set("scopes", name, then.scopes, now.scopes, causes),
            *_set("apis", name, then.audiences, now.audiences, causes),
        ]
        found += [replace(change, access=now) for change in sets]
    return found


def _set(
    what: str, name: str, then: tuple[str, ...], now: tuple[str, ...], causes: _Causes
) -> list[Change]:
    gained, lost = sorted(set(now) - set(then)), sorted(set(then) - set(now))
    if not gained and not lost:
        return []
    before, after = " ".join(then), " ".join(now)
    return [
        Change(what, name, None, before, after, tuple(gained), tuple(lost), **causes.of(what, name))
    ]


def _first_uses(name: str, then: Account, now: Account, causes: _Causes) -> list[Change]:
    found = []
    for agent, skill in sorted(now.uses.keys() - then.uses.keys()):
        words = f"{agent or 'unnamed'} {skill}".rstrip()
        found.append(
            Change(
                "first_use",
                name,
                now,
                after=words,
                **causes.of("first_use", f"{name} {agent} {skill}"),
            )
        )
    return found


def _manifests(before: Inventory, after: Inventory, causes: _Causes) -> list[Change]:
    found = []
    for key, declared in sorted(after.manifests.items()):
        old, name = before.manifests.get(key), ":".join(key)
        if old is None or old.digest != declared.digest:
            was = _needs(old) if old else ""
            found.append(
                Change("manifest", name, None, was, _needs(declared), **causes.of("manifest", name))
            )
    for key in sorted(before.manifests.keys() - after.manifests.keys()):
        name = ":".join(key)
        was = _needs(before.manifests[key])
        found.append(Change("manifest", name, None, was, "removed", **causes.of("manifest", name)))
    return found


def _needs(declared: Declared) -> str:
    return "; ".join(f"{name} {' '.join(scopes)}".rstrip() for name, scopes in declared.needs)


def _grounds(before: Inventory, after: Inventory, causes: _Causes) -> list[Change]:
    found = []
    for what, keys in (
        ("frozen", after.frozen.keys() - before.frozen.keys()),
        ("unfrozen", before.frozen.keys() - after.frozen.keys()),
    ):
        for key in sorted(keys):
            found.append(Change(what, ":".join(key), **causes.of("frozen", ":".join(key))))
    for connection, setting in sorted(after.settings.items()):
        old = before.settings.get(connection)
        if old != setting:
            was = old.in_words(connection) if old else ""
            found.append(
                Change(
                    "setting",
                    connection,
                    None,
                    was,
                    setting.in_words(connection),
                    **causes.of("setting", connection),
                )
            )
    return found

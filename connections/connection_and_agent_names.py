"""Which connections and scopes the tenant, an account, a manifest or the catalogue knows, and which
agents were seen."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Final

from approvals.errors import Refused, UnknownName
from audit.ledger.format import safe_display
from audit.ledger.query import EventQuery
from audit.recording.actors import Actor, Target
from audit.search import event_search
from connections.models import ConnectedAccount, ConnectionSetting, ManifestNeed, Use
from connections.scopes import catalogue

FREEZE_AGENT: Final = "agent.freeze"
LONGEST_AGENT: Final = 100
_AGENT: Final = re.compile(r"[ -~]+")
"""What the broker takes as `ATA-Agent`."""
_COMPARED: Final = 2000
"""Names that a typo is compared with: comparing takes time for each."""
_OFFERED: Final = 3
_LISTED: Final = 8
"""Seen names that the answer lists where none is near."""
COMPONENTS: Final = frozenset({"skill", "mcp", "plugin", "tool"})
"""Kinds of what an operator blocks; an agent is none of them."""
_OIDC: Final = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})


def check_agent(actor: Actor, verb: str, target: Target, *, new: bool) -> None:
    """Ask for a confirmation (`new`) where an admin freezes an agent that nobody saw.

    Raises:
        UnknownName: no event and no use has the name, and `new` is not set.
    """
    name = target.name
    if new or verb != FREEZE_AGENT or "admin" not in actor.roles or name != name.strip():
        return
    if not can_be_an_agent(name):  # the decision refuses it, and says why
        return
    if Use.objects.filter(agent=name).exists() or _is_in_an_event(name):
        return
    known = seen_agents(_COMPARED)
    by_letters = {one.casefold(): one for one in known}
    near = get_close_matches(name.casefold(), by_letters, n=_OFFERED, cutoff=0.7)
    words = f"No agent was seen with the name {safe_display.short(name)}"
    if known and not near:
        words += f". Seen: {', '.join(map(safe_display.short, known[:_LISTED]))}"
        words += f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    raise UnknownName(words, tuple(by_letters[one] for one in near))


def seen_agents(most: int) -> list[str]:
    """Names of agents that used an account, by name."""
    seen = Use.objects.filter(first_of_agent=True).exclude(agent="")
    return list(seen.order_by("agent").values_list("agent", flat=True).distinct()[:most])


def components_named(name: str) -> list[tuple[str, str]]:
    """The kind of each skill, MCP server, plugin or tool that used an account or is in an event
    under this name, and its name."""
    used = {f"{kind}:{name}": kind for kind in COMPONENTS}
    skills = Use.objects.filter(skill__in=used).values_list("skill", flat=True).distinct()
    rows = event_search.page(EventQuery().including("target", name)).rows
    about = {row.target_kind for row in rows if row.target_name == name}
    kinds = {used[skill] for skill in skills} | (about & COMPONENTS)
    return [(kind, name) for kind in sorted(kinds)]


def can_be_an_agent(name: str) -> bool:
    """Whether a caller of the broker can have this name."""
    return len(name) <= LONGEST_AGENT and _AGENT.fullmatch(name) is not None


def _is_in_an_event(agent: str) -> bool:
    """By the index of search: at 200,000 events the rows themselves take 130 to 300 ms."""
    query = EventQuery().including("agent", agent)
    return not query.errors and bool(event_search.page(query, 1).rows)


def check(wanted: Mapping[str, Collection[str]]) -> None:
    """Refuse names that nobody knows, by connection.

    Raises:
        Refused: `unknown_target`, with the nearest known name.
    """
    for connection, named in wanted.items():
        known = _connections()
        if known and connection not in known:
            raise _unknown(f"There is no connection {connection}", connection, known)
        for scope in unknown_scopes(connection, named):
            title = catalogue.title(connection)
            raise _unknown(f"{title} has no known permission {scope}", scope, scopes_of(connection))


def check_connection(name: str) -> None:
    """Refuse a connection that nobody knows: a decision about it would have no effect.

    Raises:
        Refused: `unknown_target`, with the nearest known name.
    """
    known = _connections()
    if known and name not in known:
        words = f"There is no connection {name}.{did_you_mean(name, known)}"
        raise Refused("unknown_target", words, pointer="/target/name")


def unknown_scopes(connection: str, named: Collection[str]) -> tuple[str, ...]:
    """Those of a connection's scopes that neither catalogue, account nor manifest has; none where
    the catalogue does not have the service."""
    if not catalogue.known_of(connection):
        return ()
    unsure = [s for s in named if s not in _OIDC and not catalogue.describe(connection, s).known]
    seen = _seen_scopes(connection) if unsure else frozenset()
    return tuple(scope for scope in unsure if scope not in seen)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A question with the known name that is written most like this one; empty where none is."""
    near = get_close_matches(name, known, n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _connections() -> frozenset[str]:
    """Every known connection; empty as long as the tenant listed none."""
    return every_connection() if ConnectionSetting.objects.exists() else frozenset()


def every_connection() -> frozenset[str]:
    """Every connection that the tenant listed, an account is of or a manifest names."""
    listed = ConnectionSetting.objects.values_list("name", flat=True)
    accounts = ConnectedAccount.objects.values_list("connection", flat=True).distinct()
    declared = ManifestNeed.objects.values_list("connection", flat=True).distinct()
    return frozenset({*listed, *accounts, *declared})


def scopes_of(connection: str) -> frozenset[str]:
    """Every known permission of a connection."""
    return frozenset({*catalogue.known_of(connection), *_seen_scopes(connection)})


def _seen_scopes(connection: str) -> frozenset[str]:
    granted = ConnectedAccount.objects.filter(connection=connection).values_list(
        "scopes", flat=True
    )
    declared = ManifestNeed.objects.filter(connection=connection).values_list("scopes", flat=True)
    return frozenset(scope for some in (*granted.distinct(), *declared) for scope in some)


def _unknown(words: str, name: str, known: Collection[str]) -> Refused:
    return Refused(
        "unknown_target",
        f"{words}.{did_you_mean(name, known)} Confirm with --new, or params.new, if it is right.",
        pointer="/connections",
    )

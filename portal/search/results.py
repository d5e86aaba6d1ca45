"""What search finds, as far as the pages of each would show it to the same person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import Case, Q, QuerySet, When
from django.urls import NoReverseMatch, reverse

from approvals import clock
from approvals.models import Approval, Person, Status
from approvals.views import inbox
from audit.recording.actors import Actor
from audit.search import filter_parsing
from audit.views.read_permissions import reads_everything
from connections import account_names, permissions
from connections.models import ConnectedAccount, FrozenKind, State, Use
from connections.status import account_status, state_filters
from connections.status.account_status import Code, Ground
from enforcement import known_component_names
from enforcement.component_kinds import KINDS, noun
from enforcement.models import Asset
from portal.pages import navigation
from portal.pages.context import Counts
from ui import person_links

SHORTEST = 2
"""Characters of a search; one would match nearly everything."""
MOST = 6
"""Results of one group. Frozen agents and people and restricted accounts come first, so that no
list is cut before them."""
_ICONS = {"skill": "puzzle", "mcp": "server", "plugin": "plug", "tool": "wrench"}
_STANDING = {"hold": "on hold", "block": "decision: block", "allow": "decision: allow"}


@dataclass(frozen=True, slots=True)
class Result:
    """One row: `note` says what it is, `state` how it is now."""

    name: str
    url: str
    icon: str
    note: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Results of one kind."""

    title: str
    results: list[Result]


def find(me: Actor, text: str) -> list[Group]:
    """The groups that have a result; a fixed number of queries, however much is stored."""
    if len(text) < SHORTEST:
        return []
    ground = state_filters.now()
    groups = [
        Group("Skills, servers, plugins and tools", list(_things(me, text))),
        Group("Requests", list(_requests(me, text))),
        Group("Accounts", list(_accounts(me, text, ground))),
        Group("People", list(_people(me, text, ground))),
        Group("Agents", list(_agents(me, text, ground))),
        Group("Pages", list(_pages(me, text))),
        Group("Block or allow by name", list(_decisions(me, text))),
        Group("Filter the audit trail", list(_trail(me, text))),
    ]
    return [group for group in groups if group.results]


def _things(me: Actor, text: str) -> Iterator[Result]:
    if not reads_everything(me):
        return
    found = known_component_names.find(text, MOST)
    names = {name for _, name in found}
    standings = _standings(names)
    asked = set(
        Approval.objects.filter(
            status=Status.PENDING, target_kind__in=KINDS, target_name__in=names
        ).values_list("target_kind", "target_name")
    )
    for kind, name in found:
        if url := _page_of(kind, name):
            state = _STANDING.get(standings.get((kind, name), ""), "no decision")
            waits = ", request waiting" if (kind, name) in asked else ""
            yield Result(name, url, _ICONS[kind], noun(kind), f"{state}{waits}")


def _standings(names: Iterable[str]) -> dict[tuple[str, str], str]:
    """The strictest standing of each item by kind and name."""
    found: dict[tuple[str, str], str] = {}
    for asset in Asset.objects.filter(name__in=names):
        key = (asset.kind, asset.name)
        known = [*_STANDING, "none"]
        found[key] = min(found.get(key, "none"), asset.standing, key=known.index)
    return found


def _requests(me: Actor, text: str) -> Iterator[Result]:
    about = Q(sentence__icontains=text) | Q(target_name__icontains=text)
    for approval in inbox.visible(me).filter(about).order_by("-created")[:MOST]:
        state = approval.get_outcome_display() if approval.outcome else "waiting"
        yield Result(approval.sentence, f"/approvals/{approval.pk}/", "stamp", "", state)


def _accounts(me: Actor, text: str, ground: Ground) -> Iterator[Result]:
    about = Q(connection__icontains=text) | Q(label__icontains=text)
    about |= Q(provider_user__icontains=text)
    if me.roles & permissions.SEES_ALL:
        people = Person.objects.filter(Q(name__icontains=text) | Q(email__icontains=text))
        about |= Q(sub__in=people.values("sub"))
    found = permissions.visible(me).filter(about).exclude(state=State.GONE)
    now = clock.now()
    rows = _restricted_first(found.order_by("connection", "pk"), ground, now)
    names = account_names.people_names(row.sub for row in rows)
    for row in rows:
        own = (row.iss, row.sub) == (me.iss, me.sub)
        owner = "yours" if own else names.get((row.iss, row.sub), row.sub)
        state = account_status.of(row, ground, now).code.label
        words = account_names.in_words(row)
        yield Result(words, f"/connections/{row.pk}/", "workflow", owner, state)


def _restricted_first(
    found: QuerySet[ConnectedAccount], ground: Ground, now: datetime
) -> list[ConnectedAccount]:
    """The first `MOST` accounts, suspended and frozen ones before others. Two queries, so that an
    index gives the order and neither reads on once it has enough."""
    restricted = state_filters.stands_as((Code.SUSPENDED, Code.FROZEN), ground, now)
    first = {row.pk: row for row in found.filter(restricted)[:MOST]}
    if len(first) < MOST:
        first |= {row.pk: row for row in found[:MOST] if row.pk not in first}
    return list(first.values())[:MOST]


def _people(me: Actor, text: str, ground: Ground) -> Iterator[Result]:
    if not reads_everything(me):
        return
    about = Q(name__icontains=text) | Q(email__icontains=text)
    frozen = [name for kind, name in ground.frozen if kind == FrozenKind.PERSON]
    first = [Case(When(sub__in=frozen, then=0), default=1)] if frozen else []
    for person in Person.objects.filter(about).order_by(*first, "listed_as", "pk")[:MOST]:
        url = person_links.page_of(me, person)
        url = url or f"/audit/?{urlencode({'actor': person.sub})}"
        state = ", ".join(person.roles) or "member"
        if (FrozenKind.PERSON, person.sub) in ground.frozen:
            state += ", access frozen"
        yield Result(person.name or person.email, url, "user", person.email, state)


def _agents(me: Actor, text: str, ground: Ground) -> Iterator[Result]:
    """Agents that were seen using accounts that this person may see, and for who sees all of them
    also those that were only frozen."""
    uses = Use.objects.filter(agent__icontains=text, account__in=permissions.visible(me))
    seen = uses.order_by("agent").values_list("agent", flat=True).distinct()
    sees_all = bool(me.roles & permissions.SEES_ALL)
    frozen = {name for name in ground.frozen_agents if text.casefold() in name.casefold()}
    if not sees_all:
        frozen = set(seen.filter(agent__in=frozen))
    names = frozen.union(seen[:MOST])
    for name in sorted(names, key=lambda name: (name not in frozen, name))[:MOST]:
        url = f"/connections/inventory/?{urlencode({'agent': name, 'group': 'agent'})}"
        state = "frozen" if name in ground.frozen_agents else ""
        yield Result(name, url if sees_all else "/connections/", "bot", "agent", state)


def _pages(me: Actor, text: str) -> Iterator[Result]:
    wanted = text.casefold()
    for entry in navigation.entries(me.roles, Counts(), ""):
        for tab in entry["tabs"]:
            if wanted in tab["label"].casefold():
                yield Result(tab["label"], tab["url"], entry["icon"], entry["label"])


def _decisions(me: Actor, text: str) -> Iterator[Result]:
    if "operator" not in me.roles:
        return
    for kind in KINDS:
        if url := _page_of(kind, text):
            yield Result(f"Block or allow {noun(kind)} {text}…", f"{url}#decide", _ICONS[kind])


def _trail(me: Actor, text: str) -> Iterator[Result]:
    """The trail under what reads as a filter, such as `after:30d`; words alone are none."""
    if not reads_everything(me) or ":" not in text:
        return
    query = filter_parsing.from_bar(text)
    if not query.errors and any(clause.key != "q" for clause in query.clauses):
        yield Result(text, f"/audit/?{urlencode({'bar': text})}", "scroll", "filter")


def _page_of(kind: str, name: str) -> str:
    """The page of an item; empty where the name fits no address."""
    try:
        return reverse("enforcement-asset", args=[kind, name])
    except NoReverseMatch:
        return ""

"""Freezing: one agent, one person, one service or everything gets no token from the next moment.

It needs no step-up, since a compromised thing must stop now; ending it does, since the attacker
may hold the session too. Agents name themselves (`ATA-Agent` is asserted): one that takes
another name is stopped by freezing its person or service.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from django.db.models import Q, QuerySet

from approvals import clock, registry
from approvals.errors import NothingToDo, Refused
from approvals.models import Person
from approvals.registry import CommitContext, Committed, Stance, Verb
from audit.ledger.format import safe_display
from audit.recording.actors import Actor, Target
from connections import account_names, connection_and_agent_names
from connections.broker.errors import TokenRefusal
from connections.lifecycle import restriction_stack
from connections.models import ConnectedAccount, Freeze, FrozenKind
from connections.notifications import freeze_notices
from connections.scopes import catalogue
from connections.status.account_status import EVERYTHING

_ADMIN = frozenset({"admin"})
LONGEST_SERVICE: Final = 128


def in_force(agent: str, sub: str, connection: str) -> Freeze | None:
    """The freeze that stops this request, the widest first; one indexed read."""
    wanted = Q(kind=FrozenKind.SERVICE, name__in=[EVERYTHING, connection])
    wanted |= Q(kind=FrozenKind.PERSON, name=sub)
    # Nobody freezes an agent without a name.
    found = list(Freeze.objects.filter(wanted | Q(kind=FrozenKind.AGENT, name=agent)))
    order = [FrozenKind.SERVICE, FrozenKind.PERSON, FrozenKind.AGENT]
    found.sort(key=lambda freeze: (freeze.name != EVERYTHING, order.index(FrozenKind(freeze.kind))))
    return found[0] if found else None


def stopped_services(sub: str, connections: Collection[str]) -> frozenset[str]:
    """Those of these connections of which this person's agents get no token; one read, none where
    there are none."""
    if not connections:
        return frozenset()
    stops = Q(kind=FrozenKind.SERVICE, name__in=[EVERYTHING, *connections])
    stops |= Q(kind=FrozenKind.PERSON, name=sub)
    found = set(Freeze.objects.filter(stops).values_list("kind", "name"))
    whole = {(FrozenKind.SERVICE.value, EVERYTHING), (FrozenKind.PERSON.value, sub)}
    if found & whole:
        return frozenset(connections)
    return frozenset(name for _, name in found)


def check(agent: str, sub: str, connection: str) -> None:
    """Refuse what is frozen.

    Raises:
        TokenRefusal: `frozen`.
    """
    freeze = in_force(agent, sub, connection)
    if freeze is None:
        return
    what = {
        FrozenKind.AGENT: f"The agent {safe_display.short(agent)} is",
        FrozenKind.PERSON: "All connections of this person are",
        FrozenKind.SERVICE: f"All {catalogue.title(connection)} connections are",
    }[FrozenKind(freeze.kind)]
    if freeze.name == EVERYTHING:
        what = "All connections of everyone are"
    raise TokenRefusal(403, "frozen", f"{what} frozen. An admin can unfreeze them.")


def everything_is() -> bool:
    """Whether everything is frozen."""
    return Freeze.objects.filter(kind=FrozenKind.SERVICE, name=EVERYTHING).exists()


def title(kind: str, name: str) -> str:
    """`agent claw`, `Mia Member`, `GitHub` or `everything`, as people read it."""
    if kind == FrozenKind.SERVICE:
        return "everything" if name == EVERYTHING else safe_display.short(catalogue.title(name))
    if kind == FrozenKind.PERSON:
        person = _person(name)
        return safe_display.person_in_sentence(str(person) if person else name)
    return f"agent {safe_display.in_sentence(name)}"


def titles(targets: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """`title` of each kind and name; people are read together."""
    listed = list(targets)
    subs = [name for kind, name in listed if kind == FrozenKind.PERSON]
    people = {one.sub: str(one) for one in Person.objects.filter(sub__in=subs)}
    return {
        (kind, name): safe_display.person_in_sentence(people.get(name, name))
        if kind == FrozenKind.PERSON
        else title(kind, name)
        for kind, name in listed
    }


def suggestions() -> dict[str, list[tuple[str, str]]]:
    """What there is to freeze, as `(name, words)`, for the form."""
    services = ConnectedAccount.objects.values_list("connection", flat=True).distinct()
    return {
        "agent": [(name, name) for name in connection_and_agent_names.seen_agents(200)],
        "service": [(name, catalogue.title(name)) for name in sorted(set(services))],
        "person": sorted(
            ((person.sub, _name_and_email(person)) for person in _holders().order_by("pk")[:200]),
            key=lambda pair: pair[1].casefold(),
        ),
    }


def _name_and_email(person: Person) -> str:
    return f"{person.name} · {person.email}" if person.name and person.email else str(person)


def _holders() -> Any:
    return Person.objects.filter(sub__in=ConnectedAccount.objects.values("sub"))


def _person(sub: str) -> Person | None:
    return Person.objects.filter(sub=sub).first()


def _is_somebody(sub: str, actor: Actor) -> bool:
    """Not a typing mistake: in the directory, an owner of accounts, or the caller.

    Who only ever came to the broker, or joined after the last look at the directory, is frozen
    like anybody else.
    """
    if sub == actor.sub or _person(sub) is not None:
        return True
    return ConnectedAccount.objects.filter(sub=sub).exists()


def _commit_freeze(ctx: CommitContext) -> Committed:
    kind, name = FrozenKind(ctx.target.kind), ctx.target.name
    if kind == FrozenKind.PERSON and not _is_somebody(name, ctx.actor):
        raise Refused("unknown_person", "No one of that subject is known.", pointer="/target/name")
    _check_name(kind, name)
    if own := _freeze_of(ctx.actor, ctx.target):
        raise NothingToDo(_frozen_since(own))
    Freeze.objects.create(
        kind=kind,
        name=name,
        reason=ctx.reason[:500],
        by=ctx.actor.sub,
        by_name=(ctx.actor.name or ctx.actor.email)[:254],
        since=clock.now(),
    )
    freeze_notices.tell_owners(ctx, "frozen")
    return _committed(ctx)


def placed(target: Target) -> QuerySet[Freeze]:
    """What everybody placed on it, the oldest first."""
    return Freeze.objects.filter(kind=target.kind, name=target.name).order_by("since", "id")


def _freeze_of(actor: Actor, target: Target) -> Freeze | None:
    return placed(target).filter(by=actor.sub).first()


def _check_name(kind: FrozenKind, name: str) -> None:
    """A freeze of a name that no caller can have stops nothing."""
    if kind == FrozenKind.SERVICE and name != EVERYTHING:
        connection_and_agent_names.check_connection(name)
    if name != name.strip():  # the broker strips what callers send
        words = "A name has no space at its beginning or end."
        raise Refused("bad_target", words, pointer="/target/name")
    if kind == FrozenKind.SERVICE and len(name) > LONGEST_SERVICE:
        words = f"A connection has at most {LONGEST_SERVICE} characters."
        raise Refused("bad_target", words, pointer="/target/name")
    if kind == FrozenKind.AGENT and not connection_and_agent_names.can_be_an_agent(name):
        words = (
            f"The name of an agent has at most {connection_and_agent_names.LONGEST_AGENT} "
            "printable ASCII characters: no caller can have this one."
        )
        raise Refused("bad_target", words, pointer="/target/name")


def _commit_unfreeze(ctx: CommitContext) -> Committed:
    freezes = list(placed(ctx.target).select_for_update())
    if not freezes:
        raise NothingToDo(_not_frozen(ctx.target))
    restriction_stack.check(ctx, *(one.by for one in freezes))
    placed(ctx.target).delete()
    freeze_notices.tell_owners(ctx, "unfrozen")
    return _committed(ctx)


def _frozen_since(freeze: Freeze) -> str:
    what = title(freeze.kind, freeze.name)
    by = freeze.by_name or freeze.by
    since = account_names.minute(freeze.since)
    return f"{what[:1].upper()}{what[1:]} is already frozen by {by} since {since}."


def _not_frozen(target: Target) -> str:
    what = title(target.kind, target.name)
    return f"{what[:1].upper()}{what[1:]} is not frozen."


def _already_frozen(
    actor: Actor, target: Target, _params: Mapping[str, Any], _severity: str
) -> str:
    """Since when this person freezes it; what only others froze they freeze as well."""
    own = _freeze_of(actor, target)
    return _frozen_since(own) if own else ""


def _already_unfrozen(
    _actor: Actor, target: Target, _params: Mapping[str, Any], _severity: str
) -> str:
    return "" if placed(target).exists() else _not_frozen(target)


def _committed(ctx: CommitContext) -> Committed:
    kind, name = ctx.target.kind, ctx.target.name
    service = name if kind == FrozenKind.SERVICE and name != EVERYTHING else ""
    return Committed(
        connection=service,
        data={"frozen": kind, "everything": name == EVERYTHING},
        private={"what": title(kind, name)},
    )


def _look(target: Target, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Every freeze that an unfreeze would end."""
    return {"frozen": [[one.by, clock.stamp(one.since)] for one in placed(target)]}


def _severity(target: Target, _params: Mapping[str, Any]) -> str:
    return "CRITICAL" if target.name == EVERYTHING else "HIGH"


def _risk_of_unfreezing(target: Target, _params: Mapping[str, Any]) -> str:
    """What gets tokens again, and who froze it, when and why."""
    what = title(target.kind, target.name)
    again = {
        FrozenKind.AGENT: f"{what} gets tokens again",
        FrozenKind.PERSON: f"agents get tokens for {what}'s accounts again",
        FrozenKind.SERVICE: f"agents get tokens for everyone's {what} accounts again",
    }[FrozenKind(target.kind)]
    if target.name == EVERYTHING:
        again = "agents get tokens for everyone's accounts again"
    return "; ".join([again, *map(_in_words, placed(target))])


def _in_words(freeze: Freeze) -> str:
    by = safe_display.person_in_sentence(freeze.by_name or freeze.by)
    why = f" ({safe_display.quoted(freeze.reason, 80)})" if freeze.reason else ", no reason given"
    return f"frozen by {by} on {freeze.since:%d %b %Y}{why}"


_STAYS: Final = {
    FrozenKind.AGENT: "The agent stays frozen.",
    FrozenKind.PERSON: "Their access stays frozen.",
    FrozenKind.SERVICE: "It stays frozen.",
}


def _is_of_others(actor: Actor, target: Target) -> bool:
    """Whether unfreezing needs somebody else: it is a person, or another one's freeze."""
    if target.kind == FrozenKind.PERSON:
        return True
    return any(by != actor.sub for by in placed(target).values_list("by", flat=True))


def _family(kind: FrozenKind) -> str:
    return "connection" if kind == FrozenKind.SERVICE else kind.value


def verb_of(kind: str, act: str) -> str:
    """`agent.freeze`, `person.unfreeze`, `connection.freeze`, …; services are connections."""
    return f"{_family(FrozenKind(kind))}.{act}"


def _verbs(kinds: Iterable[FrozenKind]) -> None:
    for kind in kinds:
        family, targets = _family(kind), frozenset({kind.value})
        registry.register(
            Verb(
                name=f"{family}.freeze",
                event=f"{family}.frozen",
                label="Freeze",
                roles=_ADMIN,
                stance=Stance.TIGHTEN,
                target_kinds=targets,
                commit=_commit_freeze,
                already=_already_frozen,
                owns=(lambda actor, target: bool(actor.sub) and target.name == actor.sub)
                if kind == FrozenKind.PERSON
                else None,
                severity=_severity,
                sentence=lambda target, _p: f"Freeze {title(target.kind, target.name)}",
            )
        )
        registry.register(
            Verb(
                name=f"{family}.unfreeze",
                event=f"{family}.unfrozen",
                label="Unfreeze",
                roles=_ADMIN,
                stance=Stance.LOOSEN,
                target_kinds=targets,
                commit=_commit_unfreeze,
                already=_already_unfrozen,
                about_others=_is_of_others,
                severity=_severity,
                look=_look,
                sentence=lambda target, _p: f"Unfreeze {title(target.kind, target.name)}",
                risk=_risk_of_unfreezing,
                if_approved="Agents get tokens again from the next request on.",
                if_denied=_STAYS[kind],
                if_expired=_STAYS[kind],
            )
        )


_verbs(FrozenKind)

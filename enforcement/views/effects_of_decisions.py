"""What each hold or block of a list comes to and why, with as many queries as for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.db.models import Q

from enforcement.effects import all_agents_summary, remedies
from enforcement.effects.all_agents_summary import Overall
from enforcement.effects.conclude_effect import AgentEffect, Summary, conclude
from enforcement.effects.remedies import Reason
from enforcement.gateways import effects_at_gateways, instances
from enforcement.gateways.instances import Instance
from enforcement.models import Asset, ConcludedEffect, Decision, Outpost, Watch
from enforcement.outposts import command_recipients, reported_facts


def overall_of_each(rows: Iterable[Asset]) -> dict[int, Overall]:
    """The word for each row by its key, for all agents of the gateways that it covers.

    Of a gateway that the portal reads, it is what was concluded after its last answer; of one with
    an outpost, what its last report comes to now. What is outdated is not known.
    """
    decided = list(rows)
    if not decided:
        return {}
    covered, known = _where_each_counts(decided), _Known()
    return {
        row.pk: all_agents_summary.overall_at(
            known.summaries(one.name, row.kind, row.name) for one in covered[row.pk]
        )
        for row in decided
    }


def _where_each_counts(rows: Iterable[Asset]) -> dict[int, list[Instance]]:
    """The gateways at which each row counts: a block of all counts at none that has a decision of
    its own, and a hold of all counts everywhere."""
    decided, fleet = list(rows), instances.fleet()
    general = {row.name for row in decided if not row.instance and not row.holder}
    own = Asset.objects.filter(name__in=general).exclude(instance="") if general else ()
    excepted = {(one.kind, one.name, one.instance) for one in own if one.is_decided}
    return {
        row.pk: [
            one
            for one in fleet.scope(row.instance)
            if row.instance or row.holder or (row.kind, row.name, one.name) not in excepted
        ]
        for row in decided
    }


_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_OPEN: Final = frozenset({Overall.NOT_STOPPED, Overall.PARTLY_STOPPED})


def not_fully_stopped() -> list[tuple[Asset, Overall]]:
    """Holds and blocks that are known not to stop every agent, with the word for each: holds first,
    then the newest."""
    restricting = Asset.objects.filter(~Q(holder="") | Q(decision=Decision.BLOCK))
    rows = list(restricting.order_by("kind", "name", "instance"))
    effects = overall_of_each(rows)
    found = [(row, effects[row.pk]) for row in rows if effects[row.pk] in _OPEN]
    found.sort(key=lambda one: (bool(one[0].holder), since(one[0]) or _LONG_AGO), reverse=True)
    return found


@dataclass(frozen=True, slots=True)
class NotStopped:
    """A hold or block that does not stop every agent."""

    asset: Asset
    effect: Overall

    @property
    def since(self) -> datetime | None:
        """Since when it stands."""
        return since(self.asset)


def by_reason(found: Iterable[tuple[Asset, Overall]]) -> list[tuple[Reason, list[NotStopped]]]:
    """Holds and blocks by the first reason why use goes on, the largest group first; each is in one
    group only."""
    rows = list(found)
    reasons = reasons_of_each([row for row, _ in rows])
    groups: dict[Reason, list[NotStopped]] = {}
    for row, effect in rows:
        first = next(iter(reasons[row.pk]), remedies.CHANGED)
        groups.setdefault(first, []).append(NotStopped(row, effect))
    return sorted(groups.items(), key=lambda one: (-len(one[1]), remedies.rank(one[0])))


def reasons_of_each(rows: Iterable[Asset]) -> dict[int, list[Reason]]:
    """Why each is not known to stop every agent, by its key; concluded from what is known now, with
    one read of each gateway's database."""
    decided, known = list(rows), _Known()
    covered = _where_each_counts(decided)
    things: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in decided:
        for one in covered[row.pk]:
            things[one.name].add((row.kind, row.name))
    gateways = {one.name: one for some in covered.values() for one in some}
    reasons = {
        (at, *thing): found
        for at, some in things.items()
        for thing, found in known.reasons(gateways[at], some)
    }
    return {
        row.pk: sorted(
            {
                reason
                for one in covered[row.pk]
                for reason in reasons.get((one.name, row.kind, row.name), ())
            },
            key=remedies.rank,
        )
        for row in decided
    }


def last_decided(most: int) -> list[Asset]:
    """The components that were last held, blocked or allowed, newest first."""
    held = Asset.objects.exclude(holder="").order_by("-held_at")[:most]
    decided = Asset.objects.filter(holder="").exclude(decision=Decision.NONE)
    rows = [*held, *decided.order_by("-decided_at")[:most]]
    return sorted(rows, key=lambda row: since(row) or _LONG_AGO, reverse=True)[:most]


def since(row: Asset) -> datetime | None:
    """Since when a hold or block stands."""
    return row.held_at if row.holder else row.decided_at


class _Known:
    """What effects are concluded from, read once."""

    def __init__(self) -> None:
        self._watches = {watch.name: watch for watch in Watch.objects.exclude(name="")}
        self._outposts: dict[str, Outpost] = command_recipients.by_instance()
        self._reports = reported_facts.last_reports(self._outposts)
        concluded = ConcludedEffect.objects.values_list("instance", "kind", "name", "agents")
        self._concluded = {tuple(key): agents for *key, agents in concluded}

    def reasons(
        self, instance: Instance, things: Iterable[tuple[str, str]]
    ) -> Iterator[tuple[tuple[str, str], Sequence[Reason]]]:
        """Why use of each thing is not known to be stopped at one gateway."""
        watch, outpost = self._watches.get(instance.name), self._outposts.get(instance.name)
        if outpost is not None:
            report = self._reports[instance.name]
            for kind, name in things:
                facts = effects_at_gateways.facts_reported(outpost, report, watch, kind, name)
                found = _reasons(conclude(facts), has_outpost=True)
                never = report.at is None and effects_at_gateways.was_never_read(watch)
                yield (kind, name), (remedies.NEVER_READ,) if never else found
        elif watch is None or effects_at_gateways.was_never_read(watch):
            yield from ((thing, (remedies.NEVER_READ,)) for thing in things)
        elif effects_at_gateways.why_outdated(watch):
            yield from ((thing, (remedies.NOT_READ,)) for thing in things)
        else:
            for facts in effects_at_gateways.facts_of_all(instance, watch, things):
                yield (facts.kind, facts.name), _reasons(conclude(facts), has_outpost=False)

    def summaries(self, instance: str, kind: str, name: str) -> Sequence[str]:
        """Of each agent of one gateway; none where nothing is known of it."""
        watch, outpost = self._watches.get(instance), self._outposts.get(instance)
        if outpost is not None:
            report = self._reports[instance]
            facts = effects_at_gateways.facts_reported(outpost, report, watch, kind, name)
            return [str(one.summary) for one in conclude(facts)]
        if effects_at_gateways.why_outdated(watch):
            return [str(Summary.UNKNOWN)]
        return [one["summary"] for one in self._concluded.get((instance, kind, name), ())]


def _reasons(effects: Sequence[AgentEffect], *, has_outpost: bool) -> Sequence[Reason]:
    if not effects:
        return (remedies.NO_AGENT,)
    return tuple(remedies.by_reason(effects, has_outpost=has_outpost))

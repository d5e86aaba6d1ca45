"""What each hold or block of a list comes to, in one word, with as many queries as for one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from django.db.models import Q

from enforcement.effects import overall_effect
from enforcement.effects.conclusion import Summary, conclude
from enforcement.effects.overall_effect import Overall
from enforcement.gateways import effects_at_gateways, instances
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
    fleet, known = instances.fleet(), _Known()
    return {
        row.pk: overall_effect.overall_at(
            known.summaries(one.name, row.kind, row.name) for one in fleet.scope(row.instance)
        )
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

"""What stands about a thing at each gateway, and what an agent may still do with it, concluded
from what the portal reads without side effects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from approvals import clock
from enforcement.audit_database import files_in_quarantine
from enforcement.audit_database.open_read_only import SourceUnreadable
from enforcement.effects import conclude_effect, entries_after_outpost_command, sentences
from enforcement.effects.conclude_effect import AgentEffect, Summary
from enforcement.effects.gateway_facts import (
    HEAD,
    IN_DATABASE,
    IN_REPORTS,
    V084,
    Entry,
    GatewayFacts,
    tool_of_agent,
)
from enforcement.gateways import enforcement_entries, instances, last_contact
from enforcement.gateways.client import Listed
from enforcement.gateways.enforcement_entries import KnownEntries
from enforcement.gateways.instances import Instance
from enforcement.gateways.reported_settings import ReportedSettings
from enforcement.models import Outpost, OutpostState, Watch
from enforcement.outposts import command_recipients, reported_facts
from enforcement.outposts.reported_facts import LastReport

_INSTALL_OF = {"block": "block", "hold": "block", "allow": "allow", "unblock": "", "release": ""}
INSTALLED: Final = frozenset({"skill", "plugin"})
_LASTS: Final = timedelta(minutes=1)
"""How long what a gateway answered is taken to be so: it is asked every ten seconds."""
Lists = tuple[Sequence[Listed], Sequence[Listed]]
_LONGEST_LINE: Final = 255
"""Characters of one value that a phone shows (Auth0's limit for authorization_details)."""
WAITS_FOR_OPENCLAW: Final = (
    "Not sent yet: this gateway was not connected to OpenClaw since it started and has "
    "take_action on, so it would end when it next acts on a block. It is sent once the gateway "
    "is connected."
)
ONLY_COPIES: Final = "It is disabled for those agents alone that have a copy of it."
NO_AGENT = "Not known for any agent: the gateway names none."
NEVER_READ: Final = "Not known for any agent: the gateway was never read."


@dataclass(frozen=True, slots=True)
class GatewayEffect:
    """What the entries at one gateway mean for its agents."""

    instance: Instance
    agents: tuple[AgentEffect, ...]
    not_sent: str = ""
    """Why the act is not sent there now, where one was asked about."""
    only_copies: bool = False
    """Whether the act counts for those agents alone that have a copy of the thing."""
    never_read: bool = False
    """Whether neither the gateway nor an outpost ever answered."""

    @property
    def sentences(self) -> list[str]:
        """In words, one sentence for each group of agents."""
        if self.not_sent:
            return [self.not_sent]
        no_agent = NEVER_READ if self.never_read else NO_AGENT
        said = sentences.in_words(self.agents) or [no_agent]
        return [*said, ONLY_COPIES] if self.only_copies else said

    @property
    def in_short(self) -> str:
        """As a clause, which the name of the gateway comes before."""
        if self.not_sent:
            return "nothing is sent"
        return sentences.as_clause(self.agents)

    def as_json(self) -> list[dict[str, str]]:
        """Agent and summary, for the record."""
        return [{"agent": one.agent, "summary": str(one.summary)} for one in self.agents]


def settings_of(watch: Watch | None) -> ReportedSettings:
    """What a gateway last said of itself; empty where it never answered."""
    return ReportedSettings.from_json(watch.settings if watch else {})


def facts_at(
    instance: Instance, watch: Watch | None, kind: str, name: str, lists: Lists | None = None
) -> GatewayFacts:
    """What is known of one gateway about one thing; `lists` were just read, else as last read."""
    settings = settings_of(watch)
    _, bare = tool_of_agent(settings.generation, kind, name)
    known = _in_database(instance, [(kind, bare)]).get((kind, bare))
    return _facts(instance, watch, kind, name, known, lists)


def facts_of_all(
    instance: Instance, watch: Watch, things: Iterable[tuple[str, str]]
) -> Iterator[GatewayFacts]:
    """The same of several things by kind and name, from one look at its database."""
    generation = settings_of(watch).generation
    bare = {thing: (thing[0], tool_of_agent(generation, *thing)[1]) for thing in things}
    known = _in_database(instance, set(bare.values()))
    for (kind, name), looked_up in bare.items():
        yield _facts(instance, watch, kind, name, known.get(looked_up))


def _facts(
    instance: Instance,
    watch: Watch | None,
    kind: str,
    name: str,
    known: KnownEntries | None,
    lists: Lists | None = None,
) -> GatewayFacts:
    settings = settings_of(watch)
    if known is None:
        _, bare = tool_of_agent(settings.generation, kind, name)
        one_agent = len(settings.agents) == 1
        known = _in_lists(watch, kind, bare, lists, instance=instance.name, one_agent=one_agent)
    return GatewayFacts(
        settings.generation,
        kind,
        name,
        known.entries,
        settings.agents,
        settings.managed,
        known.unread,
        why_outdated(watch),
        known.source,
    )


def facts_from_outpost(
    outpost: Outpost, kind: str, name: str, entries: tuple[Entry, ...] | None = None
) -> GatewayFacts:
    """What is known of a gateway with an outpost about one thing, by the entries that it read just
    now or reported last.

    What the gateway itself last said of its agents counts before what its configuration has.
    """
    report = LastReport(OutpostState.objects.filter(outpost=outpost).first())
    watch = Watch.objects.filter(name=outpost.instance).first()
    if entries is None:
        return facts_reported(outpost, report, watch, kind, name)
    return _of_outpost(outpost, report, watch, kind, name, entries)


def facts_reported(
    outpost: Outpost, report: LastReport, watch: Watch | None, kind: str, name: str
) -> GatewayFacts:
    """The same by what the outpost reported last, from rows that are at hand."""
    entries = report.entries_about(kind, name)
    facts = _of_outpost(outpost, report, watch, kind, name, entries)
    return replace(facts, outdated=last_contact.why_report_is_outdated(outpost, report))


def settings_by_outpost(
    outpost: Outpost, report: LastReport, watch: Watch | None
) -> ReportedSettings:
    """What the gateway last said of itself, else what its configuration has."""
    settings = ReportedSettings() if why_outdated(watch) else settings_of(watch)
    return settings if settings.agents else reported_facts.settings_of(outpost, report.config)


def _of_outpost(
    outpost: Outpost,
    report: LastReport,
    watch: Watch | None,
    kind: str,
    name: str,
    entries: tuple[Entry, ...] | None,
) -> GatewayFacts:
    settings = settings_by_outpost(outpost, report, watch)
    return GatewayFacts(
        settings.generation,
        kind,
        name,
        entries,
        settings.agents,
        settings.managed,
        "its outpost has not reported its entries",
        source=IN_REPORTS,
        in_quarantine=report.in_quarantine(kind, name),
    )


def known_at(instance: Instance, watch: Watch | None, kind: str, name: str) -> GatewayFacts:
    """What is known of one gateway about one thing, by its outpost where it has one."""
    outpost = command_recipients.outpost_of(instance.name)
    if outpost is None:
        return facts_at(instance, watch, kind, name)
    return facts_from_outpost(outpost, kind, name)


def files_left(instance: Instance, kind: str, name: str, *, restricted: bool = True) -> str:
    """That files of it stay in quarantine there, or that this cannot be seen, in words; empty where
    none are there, or the portal never restricted it and sees none."""
    found = lie_in_quarantine(instance, kind, name)
    if found is False or (found is None and not restricted):
        return ""
    said = sentences.files_left if found else sentences.files_unseen
    return said(kind, name, instance.name, _generation_of(instance))


def _generation_of(instance: Instance) -> str:
    outpost = command_recipients.outpost_of(instance.name)
    watch = Watch.objects.filter(name=instance.name).first()
    return outpost.generation if outpost else settings_of(watch).generation


def lie_in_quarantine(instance: Instance, kind: str, name: str) -> bool | None:
    """Whether files of it are in quarantine there; None where the portal cannot see that."""
    if kind not in INSTALLED:
        return False
    if outpost := command_recipients.outpost_of(instance.name):
        state = OutpostState.objects.filter(outpost=outpost).first()
        found = LastReport(state).in_quarantine(kind, name)
        return None if found is None else bool(found)
    try:
        path = instance.audit_db
        return None if path is None else files_in_quarantine.lie_there(path, kind, name)
    except SourceUnreadable:
        return None


def _after(facts: GatewayFacts, over_rest: bool, act: str) -> GatewayFacts:
    """What an act would make of it."""
    return (
        facts.with_install(_INSTALL_OF[act])
        if over_rest
        else entries_after_outpost_command.after(facts, act)
    )


def was_never_read(watch: Watch | None) -> bool:
    """Whether the gateway never answered the portal, so that nothing that it has is known."""
    return watch is None or (watch.last_seen is None and not watch.settings)


def why_outdated(watch: Watch | None) -> str:
    """When the gateway was last read, in words; empty where that was within a minute."""
    if watch is None or watch.last_seen is None or clock.now() - watch.last_seen <= _LASTS:
        return ""
    return f"the gateway was last read on {watch.last_seen:%-d %b %Y %H:%M} UTC"


def _in_database(
    instance: Instance, things: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], KnownEntries]:
    if instance.audit_db is None:
        return {}
    try:
        found = enforcement_entries.all_in_database(instance.audit_db, things)
    except SourceUnreadable:
        return {}  # the lists say less, and are there
    return {thing: KnownEntries(rows, source=IN_DATABASE) for thing, rows in found.items()}


def _in_lists(
    watch: Watch | None,
    kind: str,
    name: str,
    lists: Lists | None,
    *,
    instance: str,
    one_agent: bool,
) -> KnownEntries:
    if lists is None:
        if watch is None or watch.listed_at is None:
            return KnownEntries(None, "its lists were not read yet")
        lists = ([Listed(**x) for x in watch.blocked], [Listed(**x) for x in watch.allowed])
    return enforcement_entries.in_lists(kind, name, *lists, instance=instance, one_agent=one_agent)


def everywhere(kind: str, name: str, act: str = "", instance: str = "") -> list[GatewayEffect]:
    """The effect at each gateway that a decision covers, or what `act` would make of it."""
    watches = {watch.name: watch for watch in Watch.objects.exclude(name="")}
    found = []
    for one in instances.fleet().scope(instance):
        facts = known_at(one, watches.get(one.name), kind, name)
        over_rest = command_recipients.outpost_of(one.name) is None
        settings = settings_of(watches.get(one.name))
        if over_rest:
            not_sent = why_not_sent(act, facts, settings)
        else:
            others = act == "allow" and entries_after_outpost_command.is_disabled_by_others(facts)
            not_sent = why_allow_cannot_end_well(facts) if others else ""
        copies = not over_rest and entries_after_outpost_command.only_copies(facts, act)
        if act:
            facts = _after(facts, over_rest, act)
        unread = over_rest and was_never_read(watches.get(one.name))
        found.append(GatewayEffect(one, conclude_effect.conclude(facts), not_sent, copies, unread))
    return found


def expected(act: str, kind: str, name: str, instance: str = "") -> str:
    """What an act would come to at each gateway, for one line of a phone; empty where that is more
    than it shows, or nothing is known of any gateway."""
    where: dict[str, list[str]] = {}
    found = everywhere(kind, name, act, instance)
    if all(one.summary == Summary.UNKNOWN for effect in found for one in effect.agents):
        found = [effect for effect in found if effect.not_sent]
    for effect in found:
        where.setdefault(effect.in_short, []).append(effect.instance.name)
    said = "; ".join(f"at {sentences.joined(names)} {words}" for words, names in where.items())
    copies = any(effect.only_copies for effect in found)
    line = f"Expected{' for agents that have a copy' if copies else ''}: {said}."
    return line if said and len(line) <= _LONGEST_LINE else ""


def grouped(effects: Iterable[GatewayEffect]) -> list[str]:
    """Sentences with the gateways they are about: `At edge-1 and edge-2: Stopped for Codex.`

    Where the agents alone differ it is one sentence, too: `Stopped for Codex at edge-1, for Cursor
    at edge-2.`
    """
    where: dict[str, dict[str, list[str]]] = {}
    for effect in effects:
        for pattern, agents in _sentences_and_agents(effect):
            where.setdefault(pattern, {}).setdefault(agents, []).append(effect.instance.name)
    alike: dict[str, list[str]] = {}
    for pattern, by_agents in where.items():
        place, said = _place_and_sentence(pattern, by_agents)
        alike.setdefault(place, []).append(said)
    return [
        line
        for place, said in alike.items()
        for line in ([f"At {place}: {' '.join(said)}"] if place else said)
    ]


def _sentences_and_agents(effect: GatewayEffect) -> list[tuple[str, str]]:
    """Each sentence without its agents, and these; whole where others cannot stand in it."""
    if effect.not_sent or effect.only_copies or not effect.agents:
        return [(" ".join(effect.sentences), "")]
    return [
        (pattern, sentences.joined(names))
        if "for {agents}" in pattern and "for {agents}'s" not in pattern
        else (pattern.format(agents=sentences.joined(names)), "")
        for pattern, names in sentences.by_pattern(effect.agents).items()
    ]


def _place_and_sentence(pattern: str, by_agents: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """The gateways that a sentence is about and the sentence; no place where it names them."""
    if len(by_agents) == 1:
        [(agents, names)] = by_agents.items()
        said = pattern.format(agents=agents) if agents else pattern
        return sentences.joined(names), said
    each = [f"{agents} at {sentences.joined(names)}" for agents, names in by_agents.items()]
    return "", pattern.format(agents=", for ".join(each))


def why_not_sent(act: str, facts: GatewayFacts, settings: ReportedSettings) -> str:
    """Why a step of this act is not sent, or waits; empty where nothing is against it."""
    if act == "allow":
        return why_allow_cannot_end_well(facts)
    if act in {"block", "hold"}:
        return why_block_cannot_end_well(settings, facts.kind)
    return ""


def why_allow_cannot_end_well(facts: GatewayFacts) -> str:
    """Why an allow is not sent: 0.8.4 and HEAD try to end a disable at OpenClaw, wait 88 seconds
    and answer 502, where the agent has hooks. Empty where nothing is against it."""
    disabled = facts.for_all is not None and facts.for_all.runtime == "disable"
    openclaw = any(agent.name == "openclaw" for agent in facts.agents)
    if facts.generation not in {V084, HEAD} or not disabled or openclaw:
        return ""
    return (
        f"Not sent: {facts.kind} {facts.name} is disabled there for all agents, and the gateway "
        f"cannot end that over its API. Run `defenseclaw {facts.kind} enable {facts.name}` on its "
        "host, then decide again."
    )


def why_block_cannot_end_well(settings: ReportedSettings, kind: str) -> str:
    """Why a block or hold waits: a 0.2.0 that acts on a skill or plugin before it met OpenClaw
    ends its process. Empty where nothing is against it."""
    if settings.met_openclaw is not False or not settings.take_action.get(kind):
        return ""
    return WAITS_FOR_OPENCLAW

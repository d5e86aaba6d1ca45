"""What stands about a thing at each gateway, and what an agent may still do with it, concluded
from what the portal reads without side effects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from approvals import clock
from enforcement.audit_database.open_read_only import SourceUnreadable
from enforcement.effects import conclusion, sentences
from enforcement.effects.conclusion import AgentEffect
from enforcement.effects.gateway_facts import HEAD, V084, Entry, GatewayFacts, tool_of_agent
from enforcement.gateways import enforcement_entries, instances
from enforcement.gateways.client import Listed
from enforcement.gateways.enforcement_entries import KnownEntries
from enforcement.gateways.instances import Instance
from enforcement.gateways.reported_settings import ReportedSettings
from enforcement.models import Outpost, OutpostState, Watch
from enforcement.outposts import command_recipients, reported_facts

_INSTALL_OF = {"block": "block", "hold": "block", "allow": "allow", "unblock": "", "release": ""}
INSTALLED: Final = frozenset({"skill", "plugin"})
_LASTS: Final = timedelta(minutes=1)
"""How long what a gateway answered is taken to be so: it is asked every ten seconds."""
Lists = tuple[Sequence[Listed], Sequence[Listed]]
WAITS_FOR_OPENCLAW: Final = (
    "Not sent yet: this gateway was not connected to OpenClaw since it started and has "
    "take_action on, so it would end when it next acts on a block. It is sent once the gateway "
    "is connected."
)
NO_AGENT = "Not known for any agent: the gateway names none."


@dataclass(frozen=True, slots=True)
class GatewayEffect:
    """What the entries at one gateway mean for its agents."""

    instance: Instance
    agents: tuple[AgentEffect, ...]

    @property
    def sentences(self) -> list[str]:
        """In words, one sentence for each group of agents."""
        return sentences.in_words(self.agents) or [NO_AGENT]

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
    known = _in_database(instance, kind, bare)
    if known is None:
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
        _why_outdated(watch),
    )


def facts_from_outpost(
    outpost: Outpost, kind: str, name: str, entries: tuple[Entry, ...] | None = None
) -> GatewayFacts:
    """What is known of a gateway with an outpost about one thing, by the entries that it read just
    now or reported last.

    What the gateway itself last said of its agents counts before what its configuration has.
    """
    state = OutpostState.objects.filter(outpost=outpost).first()
    if entries is None and state is not None and state.entries is not None:
        entries = reported_facts.entries_about(state.entries, kind, name)
    settings = settings_of(Watch.objects.filter(name=outpost.instance).first())
    if not settings.agents:
        settings = reported_facts.settings_of(outpost, state.config if state else None)
    return GatewayFacts(
        settings.generation,
        kind,
        name,
        entries,
        settings.agents,
        settings.managed,
        "its outpost has not reported its entries",
    )


def known_at(instance: Instance, watch: Watch | None, kind: str, name: str) -> GatewayFacts:
    """What is known of one gateway about one thing, by its outpost where it has one."""
    outpost = command_recipients.outpost_of(instance.name)
    if outpost is None:
        return facts_at(instance, watch, kind, name)
    return facts_from_outpost(outpost, kind, name)


def _after(facts: GatewayFacts, instance: Instance, act: str) -> GatewayFacts:
    """What an act would make of it; an outpost disables and enables skills and plugins too."""
    if facts.kind not in INSTALLED or command_recipients.outpost_of(instance.name) is None:
        return facts.with_install(_INSTALL_OF[act])
    disabled = facts.with_runtime("disable" if act in {"hold", "block"} else "")
    return disabled if act in {"hold", "release"} else disabled.with_install(_INSTALL_OF[act])


def _why_outdated(watch: Watch | None) -> str:
    if watch is None or watch.last_seen is None or clock.now() - watch.last_seen <= _LASTS:
        return ""
    return f"the gateway was last read on {watch.last_seen:%d %b %Y, %H:%M} UTC"


def _in_database(instance: Instance, kind: str, name: str) -> KnownEntries | None:
    if instance.audit_db is None:
        return None
    try:
        return KnownEntries(enforcement_entries.in_database(instance.audit_db, kind, name))
    except SourceUnreadable:
        return None  # the lists say less, and are there


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
        if act:
            facts = _after(facts, one, act)
        found.append(GatewayEffect(one, conclusion.conclude(facts)))
    return found


def grouped(effects: Iterable[GatewayEffect]) -> list[str]:
    """Sentences with the gateways they are about: `At edge-1 and edge-2: Stopped for Codex.`"""
    where: dict[str, list[str]] = {}
    for effect in effects:
        where.setdefault(" ".join(effect.sentences), []).append(effect.instance.name)
    return [f"At {' and '.join(names)}: {words}" for words, names in where.items()]


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

"""What is really enforced at each gateway: wanted, acknowledged, listed; said in words.

Three sources have to agree: what the portal decided, what the gateway acknowledged to that
decision, and what its own list said when it was last read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from approvals import clock
from approvals.models import Effect, EffectState
from audit.importing import decision_tag_hmac
from audit.ledger.format import truncation
from enforcement.decisions import stored_decisions_and_holds
from enforcement.decisions.steps.later_decision_wins import STEPS
from enforcement.effects import all_agents_summary, remedies
from enforcement.effects.all_agents_summary import Overall
from enforcement.effects.conclude_effect import NO_ENTRY, AgentEffect, Summary, conclude
from enforcement.effects.gateway_facts import IN_DATABASE, IN_REPORTS, agent_label
from enforcement.effects.remedies import Reason
from enforcement.effects.sentences import joined
from enforcement.gateways import effects_at_gateways, instances
from enforcement.gateways.effects_at_gateways import GatewayEffect
from enforcement.gateways.instances import Instance
from enforcement.gateways.unreachable_gateway_reasons import STALE
from enforcement.models import Asset, Watch
from enforcement.outposts import command_recipients, reported_facts
from enforcement.outposts.reported_facts import LastReport

NOT_ENFORCED = "not_enforced"
REACH = (
    "A hold or a block is an entry of the block list of each gateway that it covers, and the "
    "broker refuses new tokens to callers that name the component. An outpost disables a skill or "
    "plugin as well. It does not reach tokens "
    "already issued, nor what runs past a gateway. What it does there for each agent is concluded "
    "from what the gateway reports and lists; whether an agent's hook still runs is seen only on "
    "its host."
)
"""What a hold stops and what not, for the page of a component."""
MOVED = "Its files are in quarantine there, and stay there when this ends."
_OUTPOST = "its outpost"
_STATUS = "status"
_RESTRICT = frozenset({"gateway.hold", "gateway.block"})
_WANTED = {"hold": "held", "block": "blocked", "allow": "allowed"}
_LIST_OF = {"hold": "block", "block": "block", "allow": "allow"}


@dataclass(frozen=True, slots=True)
class At:
    """How one thing stands at one instance. `code`: held, blocked, allowed, not_enforced, none."""

    instance: Instance
    wanted: str  # hold | block | allow | none
    code: str
    words: str
    since: datetime | None = None
    retry_at: datetime | None = None
    attempts: int = 0
    effect: tuple[str, ...] = ()  # what its agents may still do, by `with_effects`
    entries_from: str = ""  # where the entries were read that this is concluded from
    entries_at: datetime | None = None  # and when
    settings_from: str = ""  # where its agents and modes were read
    settings_at: datetime | None = None  # and when
    agents: tuple[AgentEffect, ...] = ()  # the same as `effect`, for each agent
    never_read: bool = False  # neither by the portal nor by an outpost
    was_restricted: bool = False  # whether the portal ever sent a hold or block there
    files: str = ""  # that they are, or may be, in quarantine there, by `with_effects`

    @property
    def restricts(self) -> bool:
        """Whether a hold or block is wanted there, or is on its own list."""
        return self.wanted in {"hold", "block"} or self.code in {"held", "blocked"}

    @property
    def is_free(self) -> bool:
        """Whether nothing restricts it there, by a decision or on its own list."""
        return self.wanted in {"none", "allow"} and not self.restricts

    @property
    def overall(self) -> Overall | None:
        """What a hold or block comes to for all its agents, in one word."""
        return (
            all_agents_summary.overall(a.summary for a in self.agents) if self.restricts else None
        )

    @property
    def use(self) -> Overall | None:
        """The same, also where entries stop it without a decision; None where none restricts it."""
        found = {a.summary for a in self.agents}
        is_open = bool(found) and found <= {Summary.OPEN, Summary.RULES_OFF}
        return None if is_open and not self.restricts else all_agents_summary.overall(found)

    @property
    def explains(self) -> bool:
        """Whether its words say why it is not as decided here, or that others decided it."""
        return self.code == NOT_ENFORCED or (self.wanted == "none" and self.code != "none")

    @property
    def reasons(self) -> list[tuple[Reason, str]]:
        """Why a hold or block does not stop every use, each with the agents that it is about."""
        if not self.restricts:
            return []
        if not self.agents:
            return [(remedies.NEVER_READ if self.never_read else remedies.NO_AGENT, "")]
        found = remedies.by_reason(
            self.agents,
            has_outpost=self.entries_from == IN_REPORTS,
            is_sent=not self.waits,
            was_moved=self.files == MOVED,
        )
        return [(reason, joined(agents)) for reason, agents in found.items()]

    @property
    def helps(self) -> list[str]:
        """What helps, each once."""
        return list(dict.fromkeys(reason.helps for reason, _ in self.reasons))

    @property
    def unrestricted_for(self) -> str:
        """Its agents, where nothing was decided and no entry restricts it for any of them."""
        is_open = self.code == "none" and all(agent.why == NO_ENTRY for agent in self.agents)
        return joined([agent_label(agent.agent) for agent in self.agents]) if is_open else ""

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to say of it but that nothing restricts it."""
        return self.wanted == "none" and self.code == "none" and not (self.use or self.files)

    @property
    def waits(self) -> bool:
        """Whether a step towards the wanted state is still being tried."""
        return self.retry_at is not None


@dataclass(frozen=True, slots=True)
class _Listed:
    state: str  # block | allow | none | unknown
    reason: str = ""
    at: datetime | None = None
    by: str = "the gateway"  # who acknowledges there


def everywhere(kind: str, name: str) -> list[At]:
    """The state of one thing at every registered instance, in the order of the file."""
    return of_each(kind, [name])[name]


def of_each(kind: str, names: Collection[str]) -> dict[str, list[At]]:
    """The state of several things of one kind, read with as many queries as that of one."""
    fleet = instances.fleet()
    rows: dict[str, dict[str, Asset]] = {name: {} for name in names}
    for row in Asset.objects.filter(kind=kind, name__in=names):
        rows[row.name][row.instance] = row
    about = Effect.objects.filter(target_kind=kind, target_name__in=names, kind__in=STEPS)
    sent = list(about.order_by("id"))
    steps = {(one.target_name, one.instance): one for one in sent}  # the newest
    restricted = {(one.target_name, one.instance) for one in sent if one.kind in _RESTRICT}
    watches = {watch.name: watch for watch in Watch.objects.exclude(name="")}
    reports = reported_facts.last_reports(command_recipients.by_instance())
    every = [(i, fleet.scope_of(i.name)) for i in fleet.with_outposts]
    return {
        name: [
            replace(
                _at(
                    i,
                    wanted_at(rows[name], i.name, scope),
                    steps.get((name, i.name)),
                    _reported(reports[i.name], kind, name)
                    if i.name in reports
                    else _listed(watches.get(i.name), kind, name),
                ),
                was_restricted=(name, i.name) in restricted,
            )
            for i, scope in every
        ]
        for name in names
    }


def with_effects(states: Sequence[At], kind: str, name: str) -> list[At]:
    """The same with what the agents of each gateway may still do, read now."""
    watches = {watch.name: watch for watch in Watch.objects.exclude(name="")}
    reports = reported_facts.last_reports(command_recipients.by_instance())
    found = []
    for at in states:
        instance = at.instance.name
        watch = watches.get(instance)
        facts = effects_at_gateways.known_at(at.instance, watch, kind, name)
        report = reports.get(instance) or LastReport(None)
        unread = report.at is None and effects_at_gateways.was_never_read(watch)
        effect = GatewayEffect(at.instance, conclude(facts), never_read=unread)
        files = _about_files(at, kind, name)
        listed_at, seen = (watch.listed_at, watch.last_seen) if watch else (None, None)
        if facts.source == IN_REPORTS:
            listed_at = report.entries_at
        found.append(
            replace(
                at,
                words=f"{at.words} {files}".rstrip(),
                files=files,
                effect=tuple(effect.sentences),
                agents=effect.agents,
                never_read=unread,
                entries_from=facts.source,
                entries_at=clock.now() if facts.source == IN_DATABASE else listed_at,
                settings_from=IN_REPORTS if seen is None else _STATUS,
                settings_at=seen or report.at,
            )
        )
    return found


def _about_files(at: At, kind: str, name: str) -> str:
    """That its files are in quarantine there, where nothing or ours restricts it."""
    if at.is_free:
        was = at.was_restricted
        return effects_at_gateways.files_left(at.instance, kind, name, restricted=was)
    is_ours = at.code in {"held", "blocked"} and at.wanted in {"hold", "block"}
    moved = is_ours and effects_at_gateways.lie_in_quarantine(at.instance, kind, name) is True
    return MOVED if moved else ""


def wanted_at(rows: Mapping[str, Asset], instance: str, scope: str = "") -> str:
    """What the portal wants there: the instance's own row counts before the one for `scope`."""
    for row in (rows.get(instance), rows.get(scope)):
        if row is not None and row.holder:
            return "hold"
    row = stored_decisions_and_holds.decisive(rows, instance, scope)
    return row.decision if row is not None else "none"


def _listed(watch: Watch | None, kind: str, name: str) -> _Listed:
    if watch is None or watch.listed_at is None:
        return _Listed("unknown")
    for state, lines in (("block", watch.blocked), ("allow", watch.allowed)):
        for line in lines:
            if (line["kind"], line["name"]) == (kind, name):
                return _Listed(state, line["reason"], watch.listed_at)
    return _Listed("none", "", watch.listed_at)


def _reported(report: LastReport, kind: str, name: str) -> _Listed:
    """What the entries say that an outpost read; a disable restricts as a block does."""
    found = report.entries_about(kind, name)
    if found is None:
        return _Listed("unknown", by=_OUTPOST)
    stops = any(one.install == "block" or one.runtime == "disable" for one in found)
    allows = any(one.install == "allow" for one in found)
    said = "block" if stops else "allow" if allows else "none"
    return _Listed(said, "", report.entries_at, _OUTPOST)


def _at(instance: Instance, wanted: str, step: Effect | None, listed: _Listed) -> At:
    if step is not None and step.state != EffectState.DONE:
        return _unfinished(instance, wanted, step)
    if wanted == "none":
        return _undecided(instance, step, listed)
    if step is None:
        words = "Not enforced: it was registered after the decision, which was not sent to it."
        return At(instance, wanted, NOT_ENFORCED, words)
    fresh = listed.at is not None and listed.at > step.updated
    if fresh and listed.state != _LIST_OF[wanted]:
        words = f"Not enforced: it acknowledged, but its own list no longer has it {_past(wanted)}."
        return At(instance, wanted, NOT_ENFORCED, words, since=listed.at)
    if truncation.is_cut(step.target_name):
        words = (
            "Not enforced: the portal has only a label of its name. The gateway acknowledged "
            "that label, which is not the name of the component."
        )
        return At(instance, wanted, NOT_ENFORCED, words, since=step.updated)
    words = f"{listed.by.capitalize()} acknowledged the {wanted}."
    return At(instance, wanted, _WANTED[wanted], words, since=step.updated)


def _unfinished(instance: Instance, wanted: str, step: Effect) -> At:
    lacks = "Not lifted" if step.kind in {"gateway.unblock", "gateway.release"} else "Not enforced"
    if step.state == EffectState.FAILED:
        return At(instance, wanted, NOT_ENFORCED, f"{lacks}: {step.detail}", step.updated)
    words = f"{lacks} yet: {step.detail or 'the gateway has not acknowledged it.'}"
    return At(instance, wanted, NOT_ENFORCED, words, step.created, step.due, step.attempts)


def _undecided(instance: Instance, step: Effect | None, listed: _Listed) -> At:
    acknowledged = step is not None and listed.at is not None and listed.at <= step.updated
    # What an outpost reported includes what it read after its last command.
    if acknowledged and (listed.by != _OUTPOST or listed.state == "none"):
        words = f"No block and no hold: {listed.by} acknowledged that ours ended."
        return At(instance, "none", "none", words)
    if listed.state in {"block", "allow"}:
        code = _WANTED[listed.state]
        reason = decision_tag_hmac.without(listed.reason)
        said = f": “{reason}”" if reason else "."
        stale = listed.at is not None and clock.now() - listed.at > STALE
        when = " when its lists were last read" if stale else ""
        words = f"{code.capitalize()} at the gateway itself{when}, not by this portal{said}"
        return At(instance, "none", code, words, listed.at)
    if listed.state == "unknown":
        words = "No decision of this portal. Whether the gateway restricts it was not read."
        return At(instance, "none", "none", words)
    words = "No decision: the gateway's own policy applies."
    return At(instance, "none", "none", words)


def _past(wanted: str) -> str:
    return "on hold" if wanted == "hold" else _WANTED[wanted]


def counts_in_answer(at: At | None) -> str:
    """That a decision of this portal is part of what a gateway answers; empty where none is."""
    if at is None or at.code != _WANTED.get(at.wanted):
        return ""
    return f"A decision of this portal counts in this answer: it is {_past(at.wanted)} there."

"""How the outpost of each gateway is, as the fleet page shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from approvals.models import Effect
from enforcement.effects.gateway_facts import agent_label
from enforcement.gateways.last_contact import OUTPOST_SILENT_AFTER
from enforcement.models import CommandState, Outpost, OutpostCommand, OutpostState
from enforcement.outposts import issued_commands, report_chain, sealed_rows
from ui.times import duration

_WHY_NOT: Final = {
    "failed": "the gateway could not scan it; tried again in ten minutes",
    "not_offered": "this version of DefenseClaw does not scan it on request",
    "too_large": "more than 5,000 files",
    "link": "a link to another folder",
}


@dataclass(frozen=True, slots=True)
class FolderScans:
    """What an outpost last reported of scans in folders that its gateway does not watch: whose
    folders, how many skills and plugins, and what of them is not scanned and why."""

    agents: str
    scanned: int
    waiting: int
    not_scanned: int
    names: list[str]

    @property
    def total(self) -> int:
        """How many skills and plugins are there."""
        return self.scanned + self.waiting + self.not_scanned


@dataclass(frozen=True, slots=True)
class OutpostLine:
    """One outpost. `tone` and `word` are its badge, `detail` says what that means."""

    outpost: Outpost
    tone: str
    word: str
    detail: str
    commands: str = ""
    refused: str = ""
    log: str = ""
    scans: FolderScans | None = None
    carries_out: bool = True

    @property
    def has_problem(self) -> bool:
        """Whether it needs attention."""
        found = self.tone in {"bad", "warn"} or self.refused or self.log
        return bool(found) or not self.carries_out

    @property
    def not_scanned(self) -> int:
        """How many skills and plugins it named that nobody scans."""
        return self.scans.not_scanned if self.scans else 0


def by_instance(able: Mapping[str, Outpost], now: datetime) -> dict[str, OutpostLine]:
    """The outposts that are not revoked by decision, by the gateway they are next to; those that
    are `able` carry out decisions."""
    found = {one.instance: one for one in Outpost.objects.filter(revoked_at=None)}
    recorded, lines = sealed_rows.recorded(), {}
    health = dict(OutpostState.objects.values_list("outpost", "health"))
    for name, one in sorted({**found, **able}.items()):
        is_altered = not sealed_rows.agrees(one, recorded.get(name))
        line = OutpostLine(one, "bad", "altered", sealed_rows.ALTERED)
        lines[name] = replace(
            line if is_altered else _line(one, now),
            commands=_commands(one, now),
            refused=_refused(one),
            log=_alarms(one, health.get(one.pk)),
            scans=None if is_altered else _folder_scans(health.get(one.pk)),
            carries_out=name in able,
        )
    return lines


def _alarms(outpost: Outpost, health: object) -> str:
    """What the trail has against it, and what it reports itself."""
    found = report_chain.alarms(outpost)
    if report_chain.has_fork(health) and report_chain.FORKED not in found:
        found.append(report_chain.FORKED)
    if report_chain.not_in_log(health):
        found.append(report_chain.NOT_IN_LOG)
    return " ".join(found)


def _folder_scans(health: object) -> FolderScans | None:
    """None where no other agent's folder is there, or the outpost says nothing of them."""
    said = health.get("scans") if isinstance(health, Mapping) else None
    if not isinstance(said, Mapping) or not isinstance(said.get("agents"), list):
        return None
    agents = [agent_label(one) for one in said["agents"] if isinstance(one, str)]
    counts = [said.get(name) for name in ("scanned", "waiting", "not_scanned")]
    scanned, waiting, left = (one if isinstance(one, int) and one > 0 else 0 for one in counts)
    names = said["names"] if isinstance(said.get("names"), list) else []
    words = [text for one in names if isinstance(one, Mapping) for text in _not_scanned(one)]
    return FolderScans(", ".join(agents), scanned, waiting, left, words) if agents else None


def _not_scanned(said: Mapping[str, Any]) -> Iterator[str]:
    agent, kind, name, why = (said.get(one) for one in ("agent", "kind", "name", "why"))
    if isinstance(agent, str) and isinstance(name, str) and kind in ("skill", "plugin"):
        yield f"{agent_label(agent)}’s {kind} {name}: {_WHY_NOT.get(str(why), 'not known why')}"


def _commands(outpost: Outpost, now: datetime) -> str:
    """How many commands wait for it, and since when."""
    waiting = OutpostCommand.objects.filter(outpost=outpost, state=CommandState.WAITING)
    count, since = waiting.count(), issued_commands.waits_since(outpost.id)
    if since is None:
        return ""
    waited = duration(max(int((now - since).total_seconds()), 1))
    named = "1 command waits" if count == 1 else f"{count} commands wait"
    return f"{named} for its report, the oldest for {waited}."


def _refused(outpost: Outpost) -> str:
    """What it refused or could not do last, while nothing newer about that thing was issued."""
    ended = OutpostCommand.objects.filter(outpost=outpost).exclude(state=CommandState.WAITING)
    last = ended.order_by("-n").first()
    if last is None or last.state not in {CommandState.REFUSED, CommandState.FAILED}:
        return ""
    step = Effect.objects.filter(pk=last.pk).values_list("label", "detail").first()
    return f"{step[0]}: {step[1]}" if step else ""


def _line(outpost: Outpost, now: datetime) -> OutpostLine:
    suspended = outpost.suspended_at is not None
    refused = "Its reports are refused until someone resumes it."
    if outpost.contested_at is not None:
        word = "contested, suspended" if suspended else "contested"
        words = (
            "Two continuations of its reports arrived: its key is in two places, or its host was "
            "restored. Revoke it and enrol a new one."
        )
        return OutpostLine(outpost, "bad", word, f"{words} {refused}" if suspended else words)
    if suspended:
        return OutpostLine(outpost, "warn", "suspended", refused)
    if now - (outpost.reported_at or outpost.enrolled_at) > OUTPOST_SILENT_AFTER:
        words = "It reports at least once a minute: it stopped, or does not reach this portal."
        return OutpostLine(outpost, "warn", "silent", words)
    if outpost.reported_at is None:
        return OutpostLine(outpost, "off", "no report yet", "")
    return OutpostLine(outpost, "ok", "reporting", "")

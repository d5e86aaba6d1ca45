"""How the outpost of each gateway is, as the fleet page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from approvals.models import Effect
from enforcement.gateways.last_contact import OUTPOST_SILENT_AFTER
from enforcement.models import CommandState, Outpost, OutpostCommand, OutpostState
from enforcement.outposts import issued_commands, report_chain, sealed_rows
from ui.times import duration


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
    carries_out: bool = True

    @property
    def has_problem(self) -> bool:
        """Whether it needs attention."""
        found = self.tone in {"bad", "warn"} or self.refused or self.log
        return bool(found) or not self.carries_out


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

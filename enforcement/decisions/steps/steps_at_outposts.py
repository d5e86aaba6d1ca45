"""Remote steps at a gateway with an outpost: each becomes a command, and ends by its report.

What came of it is concluded from the entries that the outpost read afterwards, never from what a
program at the gateway's host answered.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from approvals import clock
from approvals.models import Effect
from approvals.registry import EffectResult, EffectRun
from audit.recording.actors import SYSTEM
from audit.recording.record import record
from enforcement.decisions.steps import later_decision_wins
from enforcement.effects import sentences
from enforcement.effects.conclude_effect import conclude
from enforcement.effects.gateway_facts import Entry
from enforcement.gateways import attempt_tags, effects_at_gateways, instances
from enforcement.gateways.effects_at_gateways import GatewayEffect
from enforcement.models import CommandState, Outpost, OutpostCommand
from enforcement.outposts import (
    approval_evidence,
    command_format,
    issued_commands,
    reported_facts,
    sealed_rows,
)
from enforcement.outposts.approval_evidence import NoEvidence, NotYet

ALTERED: Final = (
    "This is not the command that was issued: someone wrote to the database. Find out who, and "
    "decide again."
)
_RESTRICTING_AGAIN: Final = "gateway_down"
_OUTCOME_REFUSED: Final = "outcome_refused"
_LOOKS_AGAIN_S: Final = 2.0
_ALTERED_S: Final = 60.0
_LONGEST: Final = timedelta(minutes=10)


def run_at(outpost: Outpost, payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Issue the command of a step once, and turn what was reported of it into the step's state."""
    if not sealed_rows.is_as_recorded(outpost):
        return EffectResult(
            "pending", f"Not sent. {sealed_rows.ALTERED}", retry_in_s=_ALTERED_S, tried=False
        )
    command = OutpostCommand.objects.filter(pk=run.effect_id).first()
    if command is not None and command.outpost_id != outpost.id and _waits(command):
        command.delete()  # that outpost was revoked and reports nothing more
        command = None
    if command is not None and issued_commands.has_ended_its_step(command):
        command.delete()  # the step is tried again, which takes a new command
        command = None
    if command is None:
        effect = Effect.objects.get(pk=run.effect_id)
        act, kind, name = command_format.STEPS[effect.kind], payload["kind"], payload["name"]
        if act in command_format.RELAXING and (wait := _unproven(effect, outpost, run)):
            return wait
        if act == "hold" and later_decision_wins.follows_own_release(run):
            words = "Waits for the result of the step before it."
            return EffectResult("pending", words, retry_in_s=_LOOKS_AGAIN_S, tried=False)
        rows = command_format.rows_of(act, kind)
        tags = {action: attempt_tags.mint(run, action, kind, name) for action in rows}
        command = issued_commands.issue(effect, outpost.id, tags)
    if not issued_commands.is_sealed(command):
        return _altered(command)
    if _waits(command):
        return _waiting(outpost, command)
    result = _reported(outpost, command, payload)
    if result.state == "failed":
        issued_commands.note_end_of_step(command)
    return result


def _unproven(effect: Effect, outpost: Outpost, run: EffectRun) -> EffectResult | None:
    """Why what relaxes is not sent: an outpost believes an approval, and no portal."""
    if later_decision_wins.is_followed(effect.kind, effect.target_kind, effect.target_name, run):
        words = later_decision_wins.words_of_replaced(effect.kind, run)
        return EffectResult("failed", words)
    try:
        approval_evidence.of(effect, approval_evidence.log_now())
    except NotYet as wait:
        return EffectResult("pending", str(wait), retry_in_s=_LOOKS_AGAIN_S, tried=False)
    except NoEvidence as why:
        return EffectResult(
            "failed",
            f"Not sent: the outpost at {outpost.instance} relaxes nothing without proof of a "
            f"person's decision, and {why}. Ask for it again.",
        )
    return None


def replaced(run: EffectRun, words: EffectResult) -> EffectResult:
    """How a replaced step ends; a command that was not fetched is withdrawn."""
    issued = OutpostCommand.objects.filter(pk=run.effect_id)
    issued.filter(state=CommandState.WAITING, fetched_at=None).delete()
    if not issued.exists():
        return words
    return EffectResult(
        "failed", "A later decision replaced it; the outpost may have carried it out before."
    )


def _waits(command: OutpostCommand) -> bool:
    if command.state == CommandState.WAITING:
        return True
    again = command.act not in command_format.RELAXING and command.state == CommandState.FAILED
    return again and command.result.get("code") == _RESTRICTING_AGAIN


def _waiting(outpost: Outpost, command: OutpostCommand) -> EffectResult:
    asked = f"asked at {command.issued_at:%H:%M:%S} UTC"
    where = f"the outpost at {outpost.instance}"
    if outpost.contested_at is not None:
        words = f"Not sent: {where} is contested. Revoke it and enrol a new one."
    elif outpost.suspended_at is not None:
        words = f"Waits until {where} is resumed: it is suspended and gets nothing."
    elif command.state == CommandState.FAILED:
        words = f"The gateway is down; {where} goes on trying, {asked}."
    elif command.fetched_at is None:
        words = f"Waits until {where} fetches it; {asked}."
    else:
        words = f"Being applied by {where}, {asked}."
    # The report wakes the step; this is for one that came in the moment of the look.
    wait = min(max(clock.now() - command.issued_at, timedelta(seconds=4)) / 2, _LONGEST)
    return EffectResult("pending", words, retry_in_s=wait.total_seconds(), tried=False)


def _reported(outpost: Outpost, command: OutpostCommand, payload: dict[str, Any]) -> EffectResult:
    said = command.result
    data: dict[str, Any] = {
        "outpost": outpost.id,
        "command": command.n,
        "report": said.get("report"),
        "code": said.get("code", ""),
    }
    where, detail = f"The outpost at {outpost.instance}", str(said.get("detail", "")).rstrip(".")
    if command.state == CommandState.REFUSED:
        proof = command.act in command_format.RELAXING
        did = "did not accept the proof" if proof else "refused it"
        return EffectResult("failed", f"{where} {did}: {detail or data['code']}.", data=data)
    if command.state == CommandState.UNPROVEN and data["code"] == _OUTCOME_REFUSED:
        unknown = f"What the outpost at {outpost.instance} did is not known here. {detail}."
        return EffectResult("failed", unknown, data=data)
    if command.state == CommandState.UNPROVEN:
        why = detail or data["code"]
        return EffectResult("failed", f"{where} does not know whether it did it: {why}.", data=data)
    rows = said.get("entries")
    if command.state == CommandState.FAILED or rows is None:
        why = detail or data["code"] or "it reported no entries"
        return EffectResult("failed", f"{where} could not carry it out: {why}.", data=data)
    kind, name = payload["kind"], payload["name"]
    entries = reported_facts.entries_about(rows, kind, name)
    if why := _why_not_so(command.act, kind, entries):
        return EffectResult("failed", f"{where} reported it as carried out, but {why}.", data=data)
    effect = _effect(outpost, kind, name, entries)
    words = [f"{where} carried it out."]
    if data["code"] == "nothing_of_ours":
        words = [f"{where} changed nothing: nothing that this portal added stands there."]
    if said.get("left"):
        words.append("What others added there stays.")
        data["left"] = len(said["left"])
        if any(one.get("dimension") == "file" for one in said["left"] if isinstance(one, dict)):
            words.append(sentences.files_left(kind, name, outpost.instance, outpost.generation))
            data["not_undone"] = ["quarantine"]
    data["effect"] = effect.as_json()
    return EffectResult("done", " ".join([*words, *effect.sentences]), data=data)


def _why_not_so(act: str, kind: str, entries: tuple[Entry, ...]) -> str:
    """Why the entries are not what a command was to make of them; empty where they are."""
    installed = kind in effects_at_gateways.INSTALLED
    blocked = any(one.install == "block" for one in entries)
    disabled = any(one.runtime == "disable" for one in entries)
    if act in {"hold", "block"} and installed and not disabled:
        return "no entry that it read disables it"
    if (act == "block" or (act == "hold" and not installed)) and not blocked:
        return "no entry that it read blocks it"
    if act == "allow" and not any(one.install == "allow" for one in entries):
        return "no entry that it read allows it"
    return ""


def _effect(outpost: Outpost, kind: str, name: str, entries: tuple[Entry, ...]) -> GatewayEffect:
    instance = instances.known_by_outpost(outpost.instance)
    facts = effects_at_gateways.facts_from_outpost(outpost, kind, name, entries)
    return GatewayEffect(instance, conclude(facts))


def _altered(command: OutpostCommand) -> EffectResult:
    data = {"code": "command_altered", "step": str(command.pk)}
    record(SYSTEM, "ledger.alarm", data=data, reason=f"Command to an outpost refused. {ALTERED}")
    return EffectResult("failed", ALTERED)

"""The step of a decision that a person carries out with `ata dc` at the terminal of the gateway.

The portal sends nothing to that gateway. The step is done once a row of it with the tag of the step
is known (from an import, a push, the report of an outpost, or its database on this host) and the
gateway's lists have it, where they show such an act. Where an outpost reads the gateway, its
database does not count: what came of the act arrives with the row. Where no row arrives in five
minutes, the lists alone decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from approvals import clock, registry
from approvals.errors import Refused
from approvals.models import Effect
from approvals.registry import CommitContext, EffectResult, EffectRun, EffectSpec
from audit.importing import decision_tag_hmac
from audit.importing.decision_tag_hmac import Content
from audit.importing.mapping.decision_tag_matches import tag_of_act
from audit.models import RepeatedTag
from audit.recording.actors import Actor, Target
from enforcement.audit_database.scan_rows import SourceUnreadable, opened
from enforcement.decisions.steps.later_decision_wins import COMMAND, TERMINAL, not_now
from enforcement.decisions.steps.remote_steps import confirmed
from enforcement.effects.conclude_effect import conclude
from enforcement.effects.gateway_facts import GatewayFacts
from enforcement.gateways import effects_at_gateways, instances
from enforcement.gateways.client import Gateway, GatewayError
from enforcement.gateways.effects_at_gateways import INSTALLED, GatewayEffect
from enforcement.models import AdministrativeAct

WAITS: Final = timedelta(minutes=5)
_SOON: Final = timedelta(minutes=1)
_LISTED_AS: Final = {"block": "block", "allow": "allow", "unblock": ""}
_AT: Final = "carried out at the terminal"
_MISSING: Final = "No row with the tag of this decision arrived within five minutes"
_AGAIN: Final = "If it was not carried out there, run `ata dc` again."
_PATHS: Final = ("/", "\\")
_FOLDERS: Final = frozenset({".", ".."})
_NO_NAME: Final = ("-", "~")


def logged_as(kind: str, act: str) -> str:
    """The action under which DefenseClaw's command line logs an act."""
    return f"{act}-mcp" if kind == "mcp" and act in {"block", "allow"} else f"{kind}-{act}"


def step(ctx: CommitContext, act: str, label: str) -> EffectSpec:
    """The step of a decision about one gateway, with the tag that its row will have."""
    return _waits_for(ctx, TERMINAL, act, logged_as(ctx.target.kind, act), label)


def command_step(ctx: CommitContext, act: str, action: str, label: str) -> EffectSpec:
    """The same for a command that the gateway's lists do not show.

    Args:
        act: as `enforcement.bypasses.administrative_acts` names it.
        action: under which its row is logged.
    """
    return _waits_for(ctx, COMMAND, act, action, label)


def _waits_for(ctx: CommitContext, step: str, act: str, action: str, label: str) -> EffectSpec:
    kind, name, instance = ctx.target.kind, ctx.target.name, ctx.target.instance
    content = Content(action, kind, name, instance)
    payload = {
        "kind": kind,
        "name": name,
        "act": act,
        "tag": decision_tag_hmac.mint(ctx.operation, 1, content),
    }
    return EffectSpec(step, payload, instance, f"{label} at the terminal of {instance}")


def check_gateway(_actor: Actor, target: Target, params: Mapping[str, Any]) -> None:
    """What is carried out at a terminal is about the one gateway there, and about a name that
    DefenseClaw takes for one and does not shorten: of `a/b` its command line takes the skill or
    plugin `b`, and `-v` is an option of it.

    Raises:
        Refused: `bad_params`, `bad_target`.
    """
    if not params.get("terminal"):
        return
    if not (target.instance and instances.fleet().scope(target.instance)):
        raise Refused(
            "bad_params",
            "Name the registered gateway at whose terminal it is carried out.",
            pointer="/target/instance",
        )
    if target.kind in INSTALLED and any(one in target.name for one in _PATHS):
        raise Refused(
            "bad_target",
            "DefenseClaw's command line takes the last part of a path: give the name alone.",
            pointer="/target/name",
        )
    if target.name in _FOLDERS or target.name.startswith(_NO_NAME):
        raise Refused(
            "bad_target",
            "DefenseClaw's command line takes what begins with - for an option, and ., .. and what "
            "begins with ~ for a folder: decide about this name without the terminal.",
            pointer="/target/name",
        )


@registry.effect(TERMINAL)
def wait_for_row(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Done once the gateway's row is known and its lists have what it did."""
    if wait := not_now(TERMINAL, payload["kind"], payload["name"], run, payload["act"]):
        return wait
    if found := _row(payload, run):
        return _confirmed(payload, run, f"{_AT}: {found}")
    return _still_waits(payload, run) or _by_lists(payload, run)


@registry.effect(COMMAND)
def wait_for_row_alone(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """Done once the gateway's row is known: no list of it shows what was done."""
    about = {"act": payload["act"]}
    if wait := not_now(COMMAND, payload["kind"], payload["name"], run, payload["act"]):
        return replace(wait, data=about)
    if found := _row(payload, run):
        result = EffectResult("done", f"{_AT}: {found}.", data=about)
        if payload["kind"] in INSTALLED:
            seen = _confirmed(payload, run, f"{_AT}: {found}")
            words = f"{_AT}: {found}. What agents may do since was not read."
            detail = seen.detail if seen.state == "done" else words
            result = replace(result, detail=detail, data={**seen.data, **about})
        return result
    words = f"{_MISSING}, and the gateway's lists cannot show it. {_AGAIN}"
    return _still_waits(payload, run) or EffectResult("failed", words, data=about)


def _still_waits(payload: dict[str, Any], run: EffectRun) -> EffectResult | None:
    age = clock.now() - Effect.objects.get(pk=run.effect_id).created
    if age >= WAITS:
        return None
    command = f"`defenseclaw {payload['kind']} {payload['act']}`"
    if payload["kind"] == "gateway":
        command = "the guardrail command"
    words = f"waits for the row of {command} there"
    pause = 2.0 if age < _SOON else 10.0
    return EffectResult("pending", words, retry_in_s=pause, tried=False)


def _row(payload: dict[str, Any], run: EffectRun) -> str:
    """Where the row of this step was seen; empty where it was not."""
    acts = AdministrativeAct.objects.filter(operation=run.operation, instance=run.instance)
    tags = RepeatedTag.objects.filter(tag=payload["tag"])
    if tags.exists() or acts.filter(act=payload["act"]).exists():
        return "its row is on the trail"
    instance = instances.fleet().named(run.instance)
    if instance is None or instance.audit_db is None:
        return ""
    if (facts := _reported(payload, run)) and not facts.outdated:
        return ""  # the last report may be older than the row
    try:
        with opened(instance.audit_db) as source:
            rows = source.rows_of(run.operation)
    except SourceUnreadable:
        return ""
    found = payload["tag"] in {str(tag_of_act(row, run.instance)) for row in rows}
    return "its row is in the gateway's database" if found else ""


def _confirmed(payload: dict[str, Any], run: EffectRun, said: str) -> EffectResult:
    unlisted = EffectResult("unknown", f"{said}; its lists do not have it, or were not read.")
    wanted = _LISTED_AS.get(payload["act"], "")
    if facts := _reported(payload, run):
        if wanted and wanted not in _installs(facts):
            return unlisted
        effect = GatewayEffect(instances.known_by_outpost(run.instance), conclude(facts))
        words = f"{said}. {' '.join(effect.sentences)}"
        return EffectResult("done", words, data={"effect": effect.as_json()})
    instance = instances.fleet().named(run.instance)
    if instance is None:
        return EffectResult("done", f"{said}. What agents may do since was not read.")
    try:
        return confirmed(Gateway(instance), payload["kind"], payload["name"], wanted, said)
    except GatewayError:
        return unlisted


def _reported(payload: dict[str, Any], run: EffectRun) -> GatewayFacts | None:
    """What the outpost of the gateway reported; None where the portal asks the gateway itself."""
    fleet = instances.fleet()
    outpost = fleet.outposts.get(run.instance)
    if outpost is None or run.instance in {one.name for one in fleet.asked}:
        return None
    return effects_at_gateways.facts_from_outpost(outpost, payload["kind"], payload["name"])


def _installs(facts: GatewayFacts) -> set[str]:
    return {one.install for one in facts.entries or () if one.install}


def _by_lists(payload: dict[str, Any], run: EffectRun) -> EffectResult:
    """What a step comes to without a row: not every act leaves one."""
    try:
        listed = _listed(payload, run)
    except GatewayError as trouble:
        return EffectResult("failed", f"{_MISSING}, and {trouble.detail} {_AGAIN}")
    if listed is None:
        return EffectResult("failed", f"{_MISSING}. {_AGAIN}")
    wanted = _LISTED_AS[payload["act"]]
    if (wanted in listed) if wanted else not listed:
        return EffectResult("done", f"{_MISSING}; the gateway's lists have it as decided.")
    return EffectResult("failed", f"{_MISSING}, and its lists do not have it. {_AGAIN}")


def _listed(payload: dict[str, Any], run: EffectRun) -> set[str] | None:
    """On which of its lists the gateway has the thing; None where nobody can read them."""
    if facts := _reported(payload, run):
        return None if facts.entries is None else _installs(facts)
    instance = instances.fleet().named(run.instance)
    if instance is None:
        return None
    gateway, about = Gateway(instance), (payload["kind"], payload["name"])
    lists = {"block": gateway.blocked(), "allow": gateway.allowed()}
    return {word for word, one in lists.items() if any((x.kind, x.name) == about for x in one)}

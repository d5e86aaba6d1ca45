"""What an outpost reports of its commands: each settles once, for the command that was issued.

A result of a command that was never issued, that is another outpost's or has another number counts
for nothing and is recorded (`outpost.result_refused`). The rest of its report is taken in: a report
that was refused whole would be sent again for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from approvals.models import Effect, EffectState
from approvals.outbox import step_execution
from audit.recording.actors import Actor, Target
from audit.recording.record import record
from enforcement.models import CommandState, Outpost, OutpostCommand
from enforcement.outposts import issued_commands

COMMAND_ID: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_MOST_ENTRIES: Final = 200
_MAY_BECOME_DONE: Final = frozenset({CommandState.FAILED, CommandState.UNPROVEN})
"""An outpost goes on trying what restricts, and reports it again when it is in force."""

_NOT_READ: Final = frozenset({"refused", "unproven"})


class CommandResult(BaseModel):
    """How one command ended. `entries` are the rows that its target has now."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: str = Field(pattern=COMMAND_ID)
    n: int = Field(ge=1, le=2**53 - 1)
    state: Literal["done", "refused", "failed", "unproven"]
    code: str = Field("", max_length=60, pattern=r"^[a-z0-9_]*$")
    detail: str = Field("", max_length=500)
    exit: int | None = Field(None, ge=-(2**31), le=2**31)
    seconds: int | float | str | None = None
    entries: list[dict[str, Any]] | None = Field(None, max_length=_MOST_ENTRIES)
    left: list[dict[str, Any]] = Field([], max_length=_MOST_ENTRIES)


def take(outpost: Outpost, results: Iterable[CommandResult], report: int, actor: Actor) -> None:
    """Settle the commands that a report has results of, in the caller's transaction."""
    for result in results:
        command = (
            OutpostCommand.objects.select_for_update()
            .filter(pk=result.id, outpost=outpost, n=result.n)
            .first()
        )
        if command is None or not issued_commands.is_sealed(command):
            _refuse(outpost, result, report, actor)
        else:
            _settle(command, result, report)


def steps_of(outpost_id: str, results: Iterable[CommandResult]) -> list[UUID]:
    """The remote steps of this outpost that results are about, in the order of their commands."""
    issued = OutpostCommand.objects.filter(pk__in=[one.id for one in results], outpost=outpost_id)
    return list(issued.order_by("n").values_list("pk", flat=True))


def entries_after(
    entries: list[dict[str, Any]], results: Sequence[CommandResult]
) -> list[dict[str, Any]]:
    """Entries as last reported, with the rows that results have of their targets instead.

    What was refused or is not known says nothing of what stands there.
    """
    bodies = dict(
        OutpostCommand.objects.filter(pk__in=[one.id for one in results]).values_list("pk", "body")
    )
    for result in results:
        body = bodies.get(UUID(result.id))
        if result.entries is None or result.state in _NOT_READ or body is None:
            continue
        said = json.loads(body)
        about = (said["kind"], said["name"])
        others = [row for row in entries if _target(row) != about]
        entries = [*others, *(row for row in result.entries if _target(row) == about)]
    return entries


def _target(row: Mapping[str, Any]) -> tuple[Any, Any]:
    return row.get("target_type"), row.get("target_name")


def _settle(command: OutpostCommand, result: CommandResult, report: int) -> None:
    state = CommandState(result.state)
    fresh = command.state == CommandState.WAITING
    later = command.state in _MAY_BECOME_DONE and state == CommandState.DONE
    if not fresh and not later:
        return
    said = result.model_dump(exclude={"id", "n", "state"}) | {"report": report}
    issued_commands.settle(command, state, said)
    if later:
        ended = Effect.objects.filter(pk=command.pk, state=EffectState.FAILED)
        step_execution.again(ended)


def _refuse(outpost: Outpost, result: CommandResult, report: int, actor: Actor) -> None:
    record(
        actor,
        "outpost.result_refused",
        outcome="failure",
        target=Target("outpost", outpost.instance, outpost.instance),
        data={
            "outpost": outpost.id,
            "report": report,
            "command": result.id,
            "n": result.n,
            "state": result.state,
        },
    )

"""`ata dc -- skill block NAME`: decide, then run the real `defenseclaw` with the decision's tag."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from ata.commands.enforcement.decision_options import Cli, InstanceHere, New
from ata.errors import AtaError, ExitCode
from ata.options import Json, open_screen, reason_or_ask
from ata.output.safe_text import safe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ata.decisions.real_defenseclaw import Command
    from ata.output.screen import Screen
    from ata.portal.api_client import Answer, Portal

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def dc(
    ctx: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar="-- ARGS...", help="As for `defenseclaw` itself.")
    ],
    instance: InstanceHere = "",
    cli: Cli = None,
    new: New = False,
    json_output: Json = False,
) -> None:
    """Decide, then run the real `defenseclaw` here, so that its row belongs to the decision."""
    from ata.decisions import real_defenseclaw

    screen = open_screen(ctx, json_output)
    carry_out(screen, real_defenseclaw.parse(words), At(instance, cli), new=new)


@dataclass(frozen=True, slots=True)
class At:
    """Where a command is run: the gateway and the program, empty where they have to be found."""

    instance: str = ""
    cli: Path | None = None


def carry_out(
    screen: Screen,
    command: Command,
    at: At,
    *,
    new: bool = False,
    severity: str = "",
    wait: bool = True,
) -> None:
    """Decide, wait for the approval where one is needed, then run the real command here.

    Args:
        wait: whether to wait for the gateway's row as well.

    Raises:
        AtaError: the portal's code; `no_defenseclaw`, `not_offered`, `usage`: nothing was decided;
            `step_closed`: the portal gave up on the step or replaced it, and nothing was run.
        typer.Exit: with the exit code of the outcome when it is not "done".
    """
    from ata.decisions import real_defenseclaw
    from ata.decisions.submission import NOTHING_TO_DO, report_needless, submit
    from ata.portal.api_client import Portal

    program = real_defenseclaw.find(at.cli)
    with_reason = real_defenseclaw.takes_reason(program, command)
    command = replace(command, reason=reason_or_ask(screen, command.reason))
    with Portal.open() as portal:
        gateway = _gateway_here(portal, command, at.instance)
        asked = _decision(command, gateway, severity, new=new)
        answer, decided = submit(portal, screen, asked, check=partial(_named_as, command))
        if answer.body.get("code") == NOTHING_TO_DO:
            report_needless(screen, answer.body)
            screen.warn("`defenseclaw` was not run.")
            return
        command = _named_as(command, decided)
        path, state = _approved(portal, screen, answer)
        state = _read_again(portal, screen, state)
        tag = _tag(state, gateway)
        screen.progress(f"Decided. Runs {program} {command} here.")
        code = real_defenseclaw.run(
            program, command, tag, with_reason=with_reason, quiet=screen.json_output
        )
        if command.form.options and not code:
            screen.warn(
                "The gateway runs as before until you restart it: defenseclaw-gateway restart"
            )
        _report(portal, screen, path, state, code, wait=wait)


def _decision(command: Command, gateway: str, severity: str, *, new: bool) -> dict[str, object]:
    params: dict[str, object] = {"terminal": True, **command.form.params}
    body: dict[str, object] = {
        "verb": command.form.verb,
        "target": command.target(gateway),
        "reason": command.reason,
        "params": params | {"new": True} if new else params,
    }
    return body | {"severity": severity} if severity else body


def _named_as(command: Command, decided: Mapping[str, object]) -> Command:
    """The command about the name that was decided, where a person at the terminal chose another.

    Raises:
        AtaError: `usage`: DefenseClaw would not take it for a name.
    """
    from ata.decisions import real_defenseclaw

    target = decided.get("target")
    if not command.name or not isinstance(target, dict):
        return command
    name = str(target["name"])
    real_defenseclaw.check_name(command.words, name)
    return replace(command, name=name)


def _gateway_here(portal: Portal, command: Command, given: str) -> str:
    """The gateway on this host: as given, that of the outpost here, or the only one known.

    Raises:
        AtaError: `usage`: the outpost here is another gateway's, or none is given or known.
    """
    from ata.errors import usage_error

    here = _enrolled_here()
    if given and here and given != here:
        raise usage_error(
            f"The outpost enrolled here is that of {safe(here)}, not of {safe(given)}; "
            "nothing was decided.",
            f"Run this on the host of {safe(given)}, or leave --instance out.",
        )
    return given or here or _only_one(portal, command)


def _enrolled_here() -> str:
    """The gateway of the outpost of this user; empty where none is enrolled here."""
    from ata.outpost.enrolment import enrolled
    from ata.outpost.state_folder import StateFolder

    try:
        return enrolled(StateFolder()).instance
    except AtaError as error:
        if error.code == "not_enrolled":
            return ""
        raise


def _only_one(portal: Portal, command: Command) -> str:
    """The only gateway that the portal knows.

    Raises:
        AtaError: `usage`: there are several, or none.
    """
    from ata.errors import usage_error

    if not command.name:
        raise usage_error("Which gateway is here?", "Name it with --instance.")
    path = f"/v1/components/{command.words[0]}/{quote(command.name, safe='')}"
    found = portal.get(path).body.get("gateways")
    names = [str(one.get("instance")) for one in found] if isinstance(found, list) else []
    if len(names) == 1:
        return names[0]
    known = f"The portal knows {', '.join(map(safe, names))}." if names else "It knows none."
    raise usage_error("Which gateway is here?", f"Name it with --instance. {known}")


def _approved(portal: Portal, screen: Screen, answer: Answer) -> tuple[str, dict[str, object]]:
    """Where the decision is polled, and its steps, once it is committed.

    Raises:
        typer.Exit: with the exit code of an outcome that is not an approval.
    """
    from ata.decisions.approval_wait import report, wait_for

    if answer.status != 202:
        path = f"/v1/decisions/{answer.body.get('operation')}"
        return path, dict(answer.body)
    path = str(answer.body.get("poll_url") or f"/v1/approvals/{answer.body['approval_id']}")
    approval = wait_for(portal, path, screen, first=answer.body)
    if approval.outcome != "approved":
        report(screen, approval)
        screen.warn("`defenseclaw` was not run.")
        raise typer.Exit(approval.exit_code)
    return path, dict(approval.body)


def _read_again(portal: Portal, screen: Screen, state: Mapping[str, object]) -> dict[str, object]:
    """The steps of the decision as the portal has them now, right before the command is run.

    Raises:
        AtaError: the portal's code.
    """
    try:
        now = portal.get(f"/v1/decisions/{state.get('operation')}").body
    except AtaError:
        screen.warn("`defenseclaw` was not run: its decision could not be read again.")
        raise
    return {**state, "effects": now.get("effects")}


def _tag(state: Mapping[str, object], gateway: str) -> str:
    """The tag of the step that the portal waits for at the gateway.

    Raises:
        AtaError: `step_closed`: it waits no longer; `unexpected_answer`: it gave no tag.
    """
    from ata.decisions.gateway_wait import effect_lines, effects_of, open_at

    steps = [one for one in effects_of(state) if one.get("tag") and one.get("instance") == gateway]
    if not steps:
        raise AtaError(
            "The portal gave no tag for this decision; `defenseclaw` was not run.",
            code="unexpected_answer",
        )
    waiting = [one for one in steps if open_at({"effects": [one]})]
    if not waiting:
        raise AtaError(
            "The portal no longer waits for this decision; `defenseclaw` was not run. "
            f"{'; '.join(effect_lines({'effects': steps}))}",
            code="step_closed",
            fix="Check what was decided since, then run it again.",
        )
    return str(waiting[0]["tag"])


def _report(
    portal: Portal, screen: Screen, path: str, state: dict[str, object], code: int, *, wait: bool
) -> None:
    """Wait until the portal knows the row, and say what came of it.

    Raises:
        typer.Exit: where the command failed, or its row did not arrive in a minute.
    """
    from ata.decisions import gateway_wait

    if code:
        screen.warn(f"`defenseclaw` ended with exit code {code}.")
    if wait:
        state = gateway_wait.wait_for_gateways(portal, path, screen, state)
    failed = gateway_wait.exit_code(state, waited=wait)
    lines = [*gateway_wait.effect_lines(state)]
    if gateway_wait.open_at(state):
        lines.append("The portal goes on waiting for its row; its page says when it arrived.")
    status = "failed" if failed or code else "committed" if gateway_wait.open_at(state) else "done"
    screen.result({**state, "status": status, "exit_code": code}, *lines)
    if failed or code:
        raise typer.Exit(failed or ExitCode.FAILED)

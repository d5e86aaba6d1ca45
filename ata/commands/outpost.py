"""`ata outpost enrol|run|status|install|uninstall`: next to a DefenseClaw gateway, as its user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ata.errors import ExitCode
from ata.options import Json, open_screen
from ata.output.safe_text import safe

if TYPE_CHECKING:
    from ata.outpost.enrolment import Enrolment
    from ata.outpost.report_sender import Outcome
    from ata.outpost.state_folder import StateFolder

_MOST_COMMANDS = 20
_LONGEST_CODE = 200
app = typer.Typer(
    help="Report what a DefenseClaw gateway recorded, and carry out the portal's decisions there.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.command()
def enrol(
    ctx: typer.Context,
    code: Annotated[
        str,
        typer.Argument(
            metavar="CODE", help="The code that the portal shows; - reads it from standard input."
        ),
    ],
    portal: Annotated[str, typer.Option("--portal", help="The portal's own address.")],
    instance: Annotated[
        str | None,
        typer.Option("--instance", help="The gateway's name, as it was asked for [host name]."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="The gateway's data folder [~/.defenseclaw].")
    ] = None,
    json_output: Json = False,
) -> None:
    """Make a device key in ~/.ata/outpost and enrol it with a code; it asks nothing.

    Compare the digest that this shows with the portal's page: if they differ, have the outpost
    revoked. A fleet code enrols each host under its own name: `ata outpost enrol - --portal
    https://portal.example < fleet-code && ata outpost install`. Other users of the host can read a
    code that is given as an argument.
    """
    import socket

    from ata.outpost.enrolment import enrol as enrol_device
    from ata.outpost.state_folder import StateFolder

    screen = open_screen(ctx, json_output)
    folder = data or Path.home() / ".defenseclaw"
    name = socket.gethostname() if instance is None else instance
    found = enrol_device(StateFolder(), _read_code(code), portal, _check_name(name), folder)
    screen.result(
        {
            "outpost": found.outpost,
            "instance": found.instance,
            "portal": found.portal,
            "pins_digest": found.pins_digest,
        },
        f"Enrolled for the gateway {safe(found.instance)} as outpost {found.outpost}.",
        f"Digest of what it pinned: {found.pins_digest}",
        "The portal's page shows the same digest; if it differs, have this outpost revoked.",
        "It does nothing until it runs: `ata outpost install`, or `ata outpost run`.",
    )


def _read_code(code: str) -> str:
    """The code; that of standard input where the argument is `-`."""
    import sys

    found = sys.stdin.readline(_LONGEST_CODE).strip() if code == "-" else code
    if not found:
        raise typer.BadParameter("the code is empty.", param_hint="CODE")
    return found


def _check_name(instance: str) -> str:
    """The gateway's name; an empty one is that of a variable that is not set."""
    if not instance.strip():
        raise typer.BadParameter(
            "the name is empty; leave the option out to take the host's name.",
            param_hint="--instance",
        )
    return instance


@app.command()
def run(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Report what is new once, and end.")] = False,
    json_output: Json = False,
) -> None:
    """Read the gateway's audit.db, report what is new and carry out decisions, until it is stopped.

    Holds and blocks that the portal signed are carried out at once; what relaxes only with a
    person's own signature. Prompts, arguments of tools and contents of files never leave this host.
    """
    import signal
    from contextlib import closing

    from ata.outpost.report_loop import Outpost
    from ata.outpost.report_sender import Kind
    from ata.outpost.state_folder import StateFolder

    screen = open_screen(ctx, json_output)
    folder = StateFolder()
    _require_enrolment(folder)

    def said(outcome: Outcome) -> None:
        words = outcome.words or "Reports arrive."
        screen.progress(safe(words), {"code": outcome.code, "words": words})

    with folder.alone(), closing(Outpost(folder)) as outpost:
        if once:
            outcome = outpost.run_once()
            if outcome.kind not in {Kind.SENT, Kind.NOTHING}:
                said(outcome)
                raise typer.Exit(ExitCode.FAILED)
            screen.result({"ok": True}, "Everything new is reported.")
            return
        signal.signal(signal.SIGTERM, lambda *_: outpost.stop())
        outpost.run(said)


@app.command()
def status(ctx: typer.Context, json_output: Json = False) -> None:
    """Say what was reported, what was carried out or refused and why, and what is wrong."""
    from ata.outpost.commands.command_journal import log_as_accepted, newest
    from ata.outpost.commands.log_checkpoints import FORKED
    from ata.outpost.journal import REFUSED_OUTCOMES
    from ata.outpost.state_folder import STATUS, StateFolder

    screen = open_screen(ctx, json_output)
    folder = StateFolder()
    found = _require_enrolment(folder)
    last = folder.read(STATUS)
    log, forked_at, not_in_log = log_as_accepted(folder)
    waiting = sum(1 for _ in folder.journal.glob("[0-9]*.json"))
    value = {
        "outpost": found.outpost,
        "instance": found.instance,
        "portal": found.portal,
        "pins_digest": found.pins_digest,
        "data_folder": found.data_folder,
        "acknowledged_reports": last.get("reports", 0),
        "acknowledged_at": last.get("acknowledged_at", ""),
        "waiting_reports": waiting,
        "code": last.get("code", ""),
        "problem": last.get("words", ""),
        "reading": last.get("reading", ""),
        "takes_commands": found.takes_commands,
        "log_size": log.size,
        "log_forked_at": forked_at,
        "not_in_log": not_in_log,
        "commands": newest(folder, _MOST_COMMANDS),
        "refused_outcomes": folder.read(REFUSED_OUTCOMES).get("outcomes", []),
    }
    at = value["acknowledged_at"] or "never"
    sentences = [
        f"Outpost {found.outpost} of the gateway {safe(found.instance)}, for {safe(found.portal)}.",
        f"It reads {safe(found.data_folder)}. Digest of what it pinned: {found.pins_digest}",
        f"{value['acknowledged_reports']} reports were acknowledged, the last one: {at}.",
        f"{waiting} reports wait.",
    ]
    sentences += [safe(value[one]) for one in ("problem", "reading") if value[one]]
    if not found.takes_commands:
        sentences.append("It only reports: for decisions have it revoked, and enrol again.")
    elif forked_at:
        sentences.append(f"{forked_at} {FORKED}")
    elif not log.is_proven:
        sentences.append("The portal has not proven yet that its log only grows.")
    if not_in_log:
        sentences.append(
            f"The portal's log did not show the decisions of {len(not_in_log)} holds or blocks "
            "within ten minutes. They stay in force here."
        )
    sentences += [_sentence(one) for one in value["commands"]]
    sentences += [_refused_outcome(one) for one in value["refused_outcomes"]]
    screen.result(value, *sentences)


@app.command()
def install(
    ctx: typer.Context,
    print_only: Annotated[
        bool, typer.Option("--print", help="Show the service file, and change nothing.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Start the outpost with this user's session: a systemd user unit, or launchd on macOS."""
    from ata.outpost import service_files
    from ata.outpost.state_folder import StateFolder

    screen = open_screen(ctx, json_output)
    found = service_files.service()
    if print_only:
        screen.result({"path": str(found.path), "text": found.text}, f"# {found.path}", found.text)
        return
    _require_enrolment(StateFolder())
    service_files.install(found)
    screen.result({"path": str(found.path)}, f"It runs now, and is started by {found.path}.")


@app.command()
def uninstall(ctx: typer.Context, json_output: Json = False) -> None:
    """Stop the service and remove its file; key and enrolment stay until the folder is removed."""
    from ata.outpost import service_files

    screen = open_screen(ctx, json_output)
    found = service_files.service()
    if service_files.uninstall(found):
        said = "The service is stopped and its file removed. The key stays in ~/.ata/outpost."
    else:
        said = "No service is installed."
    screen.result({"path": str(found.path)}, said)


def _sentence(one: dict[str, Any]) -> str:
    """What became of one command."""
    code = f" ({one['code']})" if one["code"] else ""
    why = f" {one['detail']}" if one["detail"] else ""
    left = f" {len(one['left'])} entries of others stay." if one["left"] else ""
    what = " ".join(one[part] for part in ("act", "kind", "name") if one[part]) or one["id"]
    return safe(f"{one['at']} {what}: {one['state']}{code}.{why}{left}")


def _refused_outcome(one: dict[str, Any]) -> str:
    """An outcome that the portal did not take in."""
    code = f" ({one['code']})" if one["code"] else ""
    return safe(
        f"{one['at']} The portal refused the report that the command {one['id']} is "
        f"{one['state']}{code}: {one['portal']}."
    )


def _require_enrolment(folder: StateFolder) -> Enrolment:
    from ata.outpost.enrolment import enrolled

    return enrolled(folder)

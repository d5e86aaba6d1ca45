"""The command line put together; a command's code is imported when it runs, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from ata import __version__
from ata.errors import AtaError, ExitCode
from ata.help_examples import EXAMPLES
from ata.options import Fields, Json, open_screen

COMMANDS: Final = {
    "login": (
        "login_logout_status:login",
        "Sign in: confirm a code in a browser, on this device or another.",
    ),
    "logout": (
        "login_logout_status:logout",
        "Sign out: revoke the refresh token and delete the session file.",
    ),
    "status": (
        "login_logout_status:status",
        "Say who you are to the portal, how you signed in, your roles, and until when.",
    ),
    "whoami": (
        "login_logout_status:whoami",
        "Say your name, issuer, subject and roles, as the portal reads them now.",
    ),
    "verify": (
        "offline_verification:verify",
        "Verify evidence without any server: who, what, when; each check; what is not proven.",
    ),
    "witness": (
        "witness_server:witness",
        "Run a witness: it cosigns a checkpoint only if it extends the last one it saw.",
    ),
    "outpost": (
        "outpost:app",
        "Report what a DefenseClaw gateway recorded, and carry out the portal's decisions there.",
    ),
    "skill": (
        "enforcement.block_allow_hold:commands_for",
        "List skills with their state; block, allow, hold or quarantine one, or end that.",
    ),
    "mcp": (
        "enforcement.block_allow_hold:commands_for",
        "List MCP servers, decide on one, or run one with credentials the agent never sees.",
    ),
    "plugin": (
        "enforcement.block_allow_hold:commands_for",
        "List plugins with their state; block, allow, hold or quarantine one, or end that.",
    ),
    "tool": (
        "enforcement.block_allow_hold:commands_for",
        "List tools with their state; block, allow, unblock, hold or release one.",
    ),
    "findings": (
        "enforcement.findings_and_alerts:commands_for",
        "List what scanners found, gravest first; show, dismiss or acknowledge one.",
    ),
    "alert": (
        "enforcement.findings_and_alerts:commands_for",
        "Dismiss or acknowledge a finding: the same as `ata findings`.",
    ),
    "dc": (
        "enforcement.run_real_defenseclaw:app",
        "Decide, then run the real `defenseclaw` here, so that its row belongs to the decision.",
    ),
    "bypass": (
        "enforcement.bypass_claim:app",
        "Claim a change at a gateway that no decision covers.",
    ),
    "approvals": (
        "approvals_list_wait_cancel:app",
        "List approvals, newest first; wait for one or withdraw it.",
    ),
    "away": ("absence:away", "Say or set until when you are away as an approver."),
    "policy": ("policy_show_and_try:app", "Read the policy in force, or ask what it would do."),
    "manifest": (
        "connections.manifests_and_folders:app",
        "Declare what a component may use; remove, list, show, or read it from a folder.",
    ),
    "connections": (
        "connections.accounts_list_suspend_revoke:app",
        "List your connected accounts; suspend, resume or revoke one; set when they are paused.",
    ),
    "reviews": (
        "connections.access_reviews:app",
        "List access reviews, open, decide, reassign or close one, or fetch its signed result.",
    ),
    "freeze": (
        "connections.freezes:freeze",
        "Freeze an agent, a connection, a person or everything: no token from the next request on.",
    ),
    "unfreeze": ("connections.freezes:unfreeze", "End a freeze, once that is approved."),
    "subject": (
        "erasure_and_legal_holds:app",
        "Erase a person, or place and lift a legal hold on one.",
    ),
    "audit": ("audit.search_tail_export:app", "Search, follow or export the audit trail."),
}
"""Name -> where its code is, and what help says of it (a test holds it to the code's own words)."""


class _Root(TyperGroup):
    """Loads the one command that runs, and says every error the same way."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for name, (_, says) in COMMANDS.items():
            stub = TyperCommand(name, help=says, short_help=says, rich_markup_mode=None)
            self.add_command(stub, name)

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """`-h` is `--help`, but no letter of `-connection=github`, nor behind `--`."""
        ours = args.index("--") if "--" in args else len(args)
        asked = ["--help" if one == "-h" else one for one in args[:ours]]
        return super().parse_args(ctx, [*asked, *args[ours:]])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that `args` name, with its code."""
        name, stub, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else stub, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except AtaError as error:
            open_screen(ctx, False).error(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(ExitCode.INTERRUPTED) from error


def load(name: str) -> Any:
    """The real command of that name."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    code = import_module(f"ata.commands.{module}")
    of_a_kind = attribute == "commands_for"
    found = code.commands_for(name) if of_a_kind else getattr(code, attribute)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command()(found)
        found = alone
    command = typer.main.get_command(found)
    command.name = name
    for path, leaf in leaves(command, name):
        _complete(path, leaf)
    return command


def leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each command that does something, by what is typed; a group that lists is one, too."""
    below = getattr(command, "commands", {})
    if not below or getattr(command, "invoke_without_command", False):
        yield path, command
    for name, one in below.items():
        yield from leaves(one, f"{path} {name}")


@cache
def _fields_option() -> Any:
    """The option `--fields`, which no command has to take: what it says is kept for the screen."""
    alone = typer.Typer(add_completion=False)

    def takes(_fields: Fields = None) -> None:
        """Only here so that typer makes the option."""

    alone.command()(takes)
    (option,) = typer.main.get_command(alone).params
    return option


def _complete(path: str, command: Any) -> None:
    """Give a command with `--json` its `--fields`, its help an example, and its line no cut."""
    command.short_help = " ".join((command.help or "").split("\n\n")[0].split())
    if any("--json" in option.opts for option in command.params):
        command.params.append(_fields_option())
    if path in EXAMPLES:
        said = f"\b\nExample:\n  ata {EXAMPLES[path]}"
        command.epilog = f"{command.epilog}\n\n{said}" if command.epilog else said


app = typer.Typer(
    cls=_Root,
    name="ata",
    help="Decide on skills, MCP servers and connections, and read what proves it.",
    epilog="Exit codes: 0 done, 1 error or failed, 2 usage, 3 denied, 4 expired, 5 cancelled. "
    "ATA_PORTAL names the portal, ATA_SESSION the session file.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"ata {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    json_output: Json = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version, and end."
        ),
    ] = False,
) -> None:
    """Decide on skills, MCP servers and connections, and read what proves it."""
    open_screen(ctx, json_output)

"""`ata subject erase|hold|release`: an erasure, and legal holds that forbid it."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

from ata.errors import usage_error
from ata.options import Json, NoWait, Reason, open_screen

app = typer.Typer(
    help="Erase a person, or place and lift a legal hold on one.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
_KEY: Final = re.compile(r"[0-9a-f]{64}")

Key = Annotated[str, typer.Argument(metavar="[KEY]", help="Their subject key: 64 hex digits.")]
Iss = Annotated[str, typer.Option("--iss", help="Instead of KEY: their issuer, as tokens have it.")]
Sub = Annotated[
    str, typer.Option("--sub", help="With --iss: their subject. It is hashed here and never sent.")
]
Matter = Annotated[str, typer.Option("--matter", help="Case reference")]


@app.command()
def erase(
    ctx: typer.Context,
    key: Key = "",
    iss: Iss = "",
    sub: Sub = "",
    reason: Reason = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Erase every value of a person, for good; another admin has to approve it."""
    from ata.decisions.submission import decide

    screen = open_screen(ctx, json_output)
    decide(screen, _decision("subject.erase", _key_of(key, iss, sub), reason), wait=not no_wait)


@app.command()
def hold(
    ctx: typer.Context,
    matter: Matter,
    key: Key = "",
    iss: Iss = "",
    sub: Sub = "",
    reason: Reason = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Place a legal hold, at once: nothing of theirs is erased until it is lifted."""
    from ata.decisions.submission import decide

    screen = open_screen(ctx, json_output)
    body = _decision("legal_hold.place", _key_of(key, iss, sub), reason, matter)
    decide(screen, body, wait=not no_wait)


@app.command()
def release(
    ctx: typer.Context,
    matter: Matter,
    key: Key = "",
    iss: Iss = "",
    sub: Sub = "",
    reason: Reason = "",
    no_wait: NoWait = False,
    json_output: Json = False,
) -> None:
    """Lift the legal hold of one matter; another admin has to approve it."""
    from ata.decisions.submission import decide

    screen = open_screen(ctx, json_output)
    body = _decision("legal_hold.lift", _key_of(key, iss, sub), reason, matter)
    decide(screen, body, wait=not no_wait)


def _key_of(key: str, iss: str, sub: str) -> str:
    """The subject key that was given, or that of issuer and subject.

    Raises:
        AtaError: `usage` where it is neither of the two, or both.
    """
    from audit.ledger.format.commitment import subject_key

    if bool(key) == bool(iss or sub) or bool(iss) != bool(sub):
        raise usage_error(
            "Name the person by their subject key, or by --iss and --sub together.",
            "*Erasures and holds* in the portal finds the key of a person.",
        )
    found = key.lower() or subject_key(iss, sub)
    if not _KEY.fullmatch(found):
        raise usage_error(
            "A subject key has 64 hex digits.", "For a subject instead, give --iss and --sub."
        )
    return found


def _decision(verb: str, key: str, reason: str, matter: str = "") -> dict[str, object]:
    target = {"kind": "subject", "name": key}
    body: dict[str, object] = {"verb": verb, "target": target, "reason": reason}
    return body | {"params": {"matter": matter}} if matter else body

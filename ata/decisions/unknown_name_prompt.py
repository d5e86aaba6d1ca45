"""Ask on a terminal which name was meant, where the portal knows none like it."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from ata.errors import AtaError, ExitCode
from ata.output.safe_text import safe
from ata.output.screen import Screen

_NEW = "new"


def choose(screen: Screen, error: AtaError, body: Mapping[str, object]) -> dict[str, object]:
    """The decision with the name that was chosen, or with `new` where the name is right.

    Raises:
        AtaError: `unknown_target`, where nothing was chosen.
    """
    near = error.details.get("nearest")
    nearest = [str(one) for one in near] if isinstance(near, list) else []
    given = body.get("target")
    target = dict(given) if isinstance(given, dict) else {}
    screen.progress(safe(error.message))
    for number, name in enumerate(nearest, 1):
        screen.progress(f"  {number}    {safe(name)}")
    screen.progress(f"  {_NEW}  decide about {safe(target.get('name'))} all the same")
    answer = typer.prompt("Which", default="", show_default=False).strip()
    if answer == _NEW:
        params = body.get("params")
        return {**body, "params": {**(params if isinstance(params, dict) else {}), "new": True}}
    if answer.isdecimal() and 0 < int(answer) <= len(nearest):
        return {**body, "target": {**target, "name": nearest[int(answer) - 1]}}
    raise AtaError(
        "Nothing was decided.", code=error.code, fix=error.fix, exit_code=ExitCode.CANCELLED
    )

"""`ata policy show|try`: what needs approval, and what would happen if."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ata.commands.enforcement.decision_options import Severity
from ata.options import Json, open_screen
from ata.output.safe_text import safe
from ata.output.screen import paint

app = typer.Typer(
    help="Read the policy in force, or ask what it would do.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


class Who(StrEnum):
    """Who would ask: somebody with a role, or a finding automatically."""

    OPERATOR = "operator"
    ADMIN = "admin"
    AUDITOR = "auditor"
    MEMBER = "member"
    FINDING = "finding"


class Whose(StrEnum):
    """Whose thing it would be about."""

    NOBODY = "nobody"
    OWN = "own"
    OTHERS = "others"


@app.command()
def show(ctx: typer.Context, json_output: Json = False) -> None:
    """The policy in force, a sentence for each rule; the first that fits applies."""
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        body = portal.get("/v1/policy").body
    sentences = body.get("sentences")
    rules = sentences if isinstance(sentences, list) else []
    screen.result(
        body,
        f"Policy {safe(body.get('number'))}, digest {safe(body.get('digest'))}",
        *(f"{number:>2}. {safe(rule)}" for number, rule in enumerate(rules, start=1)),
    )


@app.command("try")
def try_it(
    ctx: typer.Context,
    verb: Annotated[str, typer.Argument(metavar="VERB", help="Such as skill.block.")],
    severity: Annotated[
        Severity, typer.Option("--severity", case_sensitive=False, help="How grave it would be.")
    ] = Severity.HIGH,
    who: Annotated[Who, typer.Option("--who", help="Who would ask.")] = Who.OPERATOR,
    whose: Annotated[
        Whose, typer.Option("--whose", help="Whose thing it would be.")
    ] = Whose.NOBODY,
    json_output: Json = False,
) -> None:
    """What would happen if: nothing is done and no one is asked."""
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    params = {
        "verb": [verb],
        "severity": [severity.value],
        "who": [who.value],
        "whose": [whose.value],
    }
    with Portal.open() as portal:
        body = portal.get("/v1/policy/try", params=params).body
    why = body.get("why")
    reasons = why if isinstance(why, list) else []
    screen.result(
        body,
        paint(safe(body.get("sentence")), "bold"),
        *(f"  {safe(reason)}" for reason in reasons),
    )

"""`ata reviews reassign`: what a person who leaves decides in an access review goes to an admin."""

from __future__ import annotations

from typing import Annotated

import typer

from ata.options import Json, Reason, open_screen, reason_or_ask


def reassign(
    ctx: typer.Context,
    review: Annotated[str, typer.Argument(metavar="REVIEW", help="The review's id.")],
    person: Annotated[
        str,
        typer.Option("--person", metavar="SUBJECT", help="Who leaves; their access is frozen."),
    ],
    reviewer: Annotated[
        str,
        typer.Option("--reviewer", metavar="SUBJECT", help="The admin who decides from now on."),
    ],
    reason: Reason = "",
    iss: Annotated[str, typer.Option("--iss", help="The issuer of both, if it is not yours.")] = "",
    json_output: Json = False,
) -> None:
    """Reassign what a person who leaves has to decide in an open review; for admins."""
    from ata.decisions.submission import follow, submit
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    reason = reason_or_ask(screen, reason)
    with Portal.open() as portal:
        me = portal.get("/v1/whoami").body
        issuer = iss or str(me.get("iss") or "")
        body: dict[str, object] = {
            "verb": "review.reassign",
            "target": {"kind": "review", "name": review},
            "params": {
                "person": {"iss": issuer, "sub": person},
                "reviewer": {"iss": issuer, "sub": reviewer},
            },
            "reason": reason,
        }
        follow(portal, screen, submit(portal, screen, body)[0], wait=True)

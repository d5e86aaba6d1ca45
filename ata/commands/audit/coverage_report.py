"""`ata audit coverage`: whether the trail has what frameworks want, and what is silent."""

from __future__ import annotations

from typing import Annotated

import typer

from ata.options import Json, open_screen

_PATH = "/v1/audit/coverage"
_STATUS = {"covered": "covered", "silent": "no events", "not_covered": "not by this product"}


def coverage(
    ctx: typer.Context,
    days: Annotated[
        str, typer.Option("--days", metavar="30|90|365", help="The last so many days [90].")
    ] = "",
    after: Annotated[
        str, typer.Option("--after", metavar="DATE", help="Instead: from this date on.")
    ] = "",
    before: Annotated[
        str, typer.Option("--before", metavar="DATE", help="Instead: before this date.")
    ] = "",
    framework: Annotated[
        str, typer.Option("--framework", help="Only this one, by its id, such as pci-dss.")
    ] = "",
    json_output: Json = False,
) -> None:
    """Show which requirements have events in a period, and gaps; for admins and auditors."""
    from ata.errors import usage_error
    from ata.output.safe_text import safe
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    params = {"days": days, "after": after, "before": before}
    with Portal.open() as portal:
        body = portal.get(_PATH, params={k: [v] for k, v in params.items() if v}).body
    frameworks = _objects(body.get("frameworks"))
    if framework:
        known = [str(one.get("id")) for one in frameworks]
        frameworks = [one for one in frameworks if one.get("id") == framework]
        if not frameworks:
            raise usage_error(f"There is no framework {framework}.", f"One of {', '.join(known)}.")
        body = {**body, "frameworks": frameworks}
    screen.rows(
        ("Framework", "Requirement", "Wants", "Status", "Events", "Last"),
        [_row(one, row) for one in frameworks for row in _objects(one.get("requirements"))],
        empty="No requirement is known.",
        value=body,
    )
    if json_output:
        return
    for gap in _objects(body.get("gaps")):
        if gap.get("state") != "ok":
            screen.progress(f"{safe(gap.get('name'))}: {safe(gap.get('words'))}")
    for source in _objects(body.get("sources")):
        if source.get("state") != "online" and source.get("state") != "heard":
            screen.progress(f"{safe(source.get('name'))}: {safe(source.get('state'))}")


def _row(framework: dict[str, object], one: dict[str, object]) -> tuple[object, ...]:
    last = one.get("last")
    return (
        framework.get("title"),
        one.get("id"),
        one.get("wants"),
        _STATUS.get(str(one.get("status")), one.get("status")),
        "-" if one.get("events") is None else one["events"],
        last.get("time") if isinstance(last, dict) else "",
    )


def _objects(value: object) -> list[dict[str, object]]:
    found = value if isinstance(value, list) else []
    return [one for one in found if isinstance(one, dict)]

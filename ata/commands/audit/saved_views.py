"""`ata audit views list|save|remove`: filters of the trail with a name."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from ata.options import Json, open_screen
from ata.output.safe_text import safe
from ata.portal.paging import PAGE, Limit, first, items_of, say_more

app = typer.Typer(
    help="List the saved views of the audit trail, save one, or remove one.",
    invoke_without_command=True,
    rich_markup_mode=None,
    add_completion=False,
)
_FILTERS_MAY_START_WITH_A_DASH = {"ignore_unknown_options": True}
_View = Annotated[str, typer.Argument(metavar="VIEW", help="Its name, or its id.")]


@app.callback()
def views(ctx: typer.Context, json_output: Json = False) -> None:
    """List the saved views that you see."""
    open_screen(ctx, json_output)
    if not ctx.invoked_subcommand:
        list_views(ctx, json_output=json_output)


@app.command("list")
def list_views(ctx: typer.Context, limit: Limit = PAGE, json_output: Json = False) -> None:
    """List those that come with the product, yours, and what others share."""
    from ata.portal.api_client import Portal
    from ata.trail.view_lookup import everything

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        shipped, saved = everything(portal)
    body = first({"built_in": shipped, "items": saved}, limit)
    screen.rows(
        ("Name", "Filter", "By", "Seen by", "Changed", "Id"),
        [_row(view) for view in (*shipped, *items_of(body))],
        empty="No views.",
        value=body,
    )
    say_more(screen, body)


@app.command(context_settings=_FILTERS_MAY_START_WITH_A_DASH)
def save(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    filters: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE|TEXT]...", help="What it shows.")
    ] = None,
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    shared: Annotated[
        bool, typer.Option("--shared", help="For everyone who may read the trail.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Change the view of yours that has this name.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Save a filter under a name; with --replace, in the place of the one that has it."""
    from ata.portal.api_client import Portal
    from ata.trail.filter_arguments import read_filters
    from ata.trail.view_lookup import PATH, everything

    screen = open_screen(ctx, json_output)
    query = read_filters(filters or []).at("")
    body: dict[str, object] = {
        "name": name,
        "filter": query.written_params(),
        "description": description,
        "shared": shared,
    }
    with Portal.open() as portal:
        mine = [one for one in everything(portal)[1] if one.get("own")] if replace else []
        same = [one for one in mine if str(one.get("name")).casefold() == name.casefold()]
        if same:
            view = portal.put(f"{PATH}/{quote(str(same[0].get('id')), safe='')}", body).body
        else:
            view = portal.post(PATH, body).body
    seen_by = "everyone who reads the trail" if view.get("shared") else "you alone"
    words = safe(view.get("words"))
    screen.result(view, f"Saved {safe(view.get('name'))}, seen by {seen_by}: {words}.")


@app.command()
def remove(ctx: typer.Context, view: _View, json_output: Json = False) -> None:
    """Remove a view of yours, or as an admin one that is shared. For a day the page of saved views
    offers to bring it back."""
    from ata.errors import usage_error
    from ata.portal.api_client import Portal
    from ata.trail.view_lookup import PATH, find

    screen = open_screen(ctx, json_output)
    with Portal.open() as portal:
        found = find(portal, view)
        if "id" not in found:
            raise usage_error(
                f"{view} comes with the product.", "Only views that people saved can be removed."
            )
        portal.delete(f"{PATH}/{quote(str(found['id']), safe='')}")
    screen.result({"removed": found["id"]}, f"Removed {safe(found.get('name'))}.")


def _row(view: dict[str, object]) -> tuple[object, ...]:
    shipped = "key" in view
    filter = f"cannot be run: {view.get('query')}" if view.get("problems") else view.get("query")
    return (
        view.get("name"),
        filter,
        "the product" if shipped else "you" if view.get("own") else view.get("made_by"),
        "everybody" if shipped or view.get("shared") else "you",
        view.get("changed", ""),
        view.get("key") if shipped else view.get("id"),
    )

"""Saved views of the trail: find one by what people call it, and search with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ata.clock import now
from ata.errors import AtaError, usage_error
from ata.portal.paging import PAGE, items_of

if TYPE_CHECKING:
    from ata.portal.api_client import Portal
    from audit.ledger.query import EventQuery

PATH: Final = "/v1/audit/views"


def everything(portal: Portal) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """What comes with the product, and every saved view that the operator sees.

    Raises:
        AtaError: the portal's code, `unreachable`, or `unexpected_answer`.
    """
    shipped: list[dict[str, object]] = []
    saved: list[dict[str, object]] = []
    after = ""
    while True:
        params = {"limit": [str(PAGE)]} | ({"after": [after]} if after else {})
        body = portal.get(PATH, params=params).body
        shipped = items_of({"items": body.get("built_in")})
        found = items_of(body)
        saved += found
        after = str(body.get("next") or "")
        if not after or not found:
            return shipped, saved


def find(portal: Portal, name: str) -> dict[str, object]:
    """The view of that id, key or name: one's own first, then what ships, then what others share.

    Raises:
        AtaError: `no_such_view`, `several_views`, or as `everything`.
    """
    shipped, saved = everything(portal)
    own = [view for view in saved if view.get("own")]
    others = [view for view in saved if not view.get("own")]
    for views in (saved, own, shipped, others):
        keys = ("id",) if views is saved else ("name", "key")
        found = [view for view in views if any(_is(view.get(key), name) for key in keys)]
        if len(found) > 1:
            raise AtaError(
                f"{len(found)} views are called {name}.",
                code="several_views",
                fix="Name one by its id: `ata audit views` lists them.",
            )
        if found:
            return found[0]
    raise AtaError(
        f"You see no view called {name}.",
        code="no_such_view",
        fix="`ata audit views` lists those that you see.",
    )


def narrowed(portal: Portal, name: str, query: EventQuery) -> EventQuery:
    """The filter of a view; a key that `query` has replaces that key of the view.

    Raises:
        AtaError: as `find`, or `view_unreadable`.
    """
    from audit.ledger.query import EventQuery

    view = find(portal, name)
    problems, filter = view.get("problems"), view.get("filter")
    if problems or not isinstance(filter, Mapping):
        said = " ".join(map(str, problems)) if isinstance(problems, list) else ""
        raise AtaError(
            f"The filter of {name} cannot be run: {said or 'it is none.'}",
            code="view_unreadable",
            fix="Put it right on the portal's page of saved views.",
        )
    typed = query.written_params()
    keys = {key.removeprefix("-") for key in typed}
    kept = {key: value for key, value in filter.items() if key.removeprefix("-") not in keys}
    both = EventQuery.from_dict({**kept, **typed}, now=datetime.fromtimestamp(now(), UTC))
    if both.errors:
        raise usage_error(
            f"The filter cannot be read: {both.errors[0].message}.",
            "`ata audit search --help` shows the keys.",
        )
    return both


def _is(value: object, name: str) -> bool:
    return isinstance(value, str) and value.casefold() == name.casefold()

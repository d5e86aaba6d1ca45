"""Everybody's connections: counts, filters and groups for admins and auditors."""

from connections.inventory.declared_fit import (
    IDLE,
    LIVE,
    Fit,
    declared_scopes,
    fit,
    is_idle,
    quiet_since,
)
from connections.inventory.page_assembly import PAGE, SHOWN, Group, Inventory, Row, ask, look
from connections.inventory.query_parameters import (
    FILTERS,
    GROUPS,
    KEYS_OF_PAGES,
    SHOWS,
    SOURCES,
    UNNAMED,
    Mistake,
    Place,
    Query,
    parse,
)

__all__ = [
    "FILTERS",
    "GROUPS",
    "IDLE",
    "KEYS_OF_PAGES",
    "LIVE",
    "PAGE",
    "SHOWN",
    "SHOWS",
    "SOURCES",
    "UNNAMED",
    "Fit",
    "Group",
    "Inventory",
    "Mistake",
    "Place",
    "Query",
    "Row",
    "ask",
    "declared_scopes",
    "fit",
    "is_idle",
    "look",
    "parse",
    "quiet_since",
]

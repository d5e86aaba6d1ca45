"""Which addresses answer somebody with a page of their own."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import BrowserContext

from tests.access.routes import routes
from tests.access.world import World

# The people whose eyes every page is seen with; "" has not signed in.
PEOPLE = ("", "member2", "auditor", "operator", "admin")


@dataclass(frozen=True, slots=True)
class Found:
    """A page: its address, the text of its route, and what was answered."""

    path: str
    route: str
    html: str


def pages_of(context: BrowserContext, portal: str, world: World) -> list[Found]:
    """Every address that answers this browser with a whole page and 200."""
    found = []
    for route in routes():
        for path in [*route.paths(world.samples), *world.variants.get(route.text, [])]:
            answer = context.request.get(f"{portal}{path}", max_redirects=0)
            html = answer.headers.get("content-type", "").startswith("text/html")
            if answer.status == 200 and html and "<html" in (text := answer.text()):
                found.append(Found(path, route.text, text))
    return found

"""The tenant's pages, refusals, dialogs and menus: as the pages themselves, for everybody.

And under forced colours (Windows contrast themes) the focus and every drawn sign can be seen.
"""

from __future__ import annotations

import pytest

from tests.access import forced
from tests.access.beyond import overlays, refusals, tenant_pages
from tests.access.examine import Window, together
from tests.access.world import World
from tests.stories.house import House
from tests.support.chrome import person

pytestmark = [pytest.mark.stack, pytest.mark.browser]

CONTRASTED = ("/styleguide/", "/audit/", "/approvals/", "/enforcement/", "/connections/inventory/")


def test_the_tenant_refusals_and_what_opens_over_a_page(house: House) -> None:
    visitor = person(house.engine, "visitor")
    house.present.append(visitor)
    member, admin = house.visit("member1"), house.visit("admin")
    said = together(
        [
            tenant_pages(Window(visitor.page), house),
            refusals(Window(member.page), house),
            overlays(Window(admin.page), house),
        ]
    )
    assert not said, "\n".join(said)


def test_forced_colours_leave_the_focus_and_every_sign_to_be_seen(
    house: House, world: World
) -> None:
    page = house.visit("auditor").page
    portal = [house.url(path) for path in (*CONTRASTED, f"/audit/events/{world.event}/")]
    said: list[str] = []
    for address in [*portal, *(f"{house.stack.tenant}{path}" for path in ("/switch", "/activate"))]:
        page.goto(address)
        said += forced.look(page, stops=40)
    assert not said, "\n".join(said)

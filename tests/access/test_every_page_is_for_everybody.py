"""Every page, as every role sees it: WCAG 2.2 AA in both themes, at 320 px and with large text.

The pages come from the URLconf; one that has no sample yet fails here. A page that a second role
sees word for word alike, but for its figures, is examined once; what surrounds it is examined for
each role. One that differs from an examined one in words alone, having the same elements, classes
and roles, is looked at for what words decide: whether they fit, at 320 px and in large text.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.access.alike import shape_of, words_of
from tests.access.examine import Window, together
from tests.access.sweep import PEOPLE, Found, pages_of
from tests.access.world import World
from tests.stories.house import House
from tests.support.chrome import Person, person

pytestmark = [pytest.mark.stack, pytest.mark.browser]


def test_every_page_of_every_role(house: House, world: World) -> None:
    people = {name: _arrived(house, name) for name in PEOPLE}
    seen: set[str] = set()
    shapes: set[str] = set()
    found = {
        name: _new_ones(pages_of(who.context, house.stack.portal, world), seen)
        for name, who in people.items()
    }
    assert sum(len(pages) for pages in found.values()) > 60
    halves: list[list[Iterator[list[str]]]] = [[], []]
    for name, pages in sorted(found.items(), key=lambda item: -len(item[1])):
        window = Window(people[name].page)
        shortest = min(halves, key=len)
        for at, page in enumerate(pages):
            parts = shape_of(page)
            known = at > 0 and parts <= shapes
            shapes |= parts
            shortest.append(window.visit(house.url(page.path), shell=at == 0, known=known))
    said = together([iter(half) for half in halves])
    assert not said, "\n".join(said)


def _arrived(house: House, name: str) -> Person:
    if name:
        return house.visit(name, "/account/")
    stranger = person(house.engine, "somebody who has not signed in")
    house.present.append(stranger)
    return stranger


def _new_ones(pages: list[Found], seen: set[str]) -> list[Found]:
    """The pages whose words nobody before has seen; the first one always, for its surroundings."""
    new: list[Found] = []
    for page in pages:
        parts = words_of(page)
        if not parts <= seen or not new:
            new.append(page)
        seen |= parts
    return new

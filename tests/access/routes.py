"""Every route of the portal, read from the URLconf itself: a new page cannot stay unexamined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

# What a route needs, and values for it: {("event_id",): [("01a2…",), …]}.
type Samples = Mapping[tuple[str, ...], Sequence[tuple[str, ...]]]

# JSON under a bearer token; /v1/docs is the one page among it. Tiles are bytes under any path.
_NOT_PAGES = ("v1/", "log/")
_PAGE = "v1/docs"


@dataclass(frozen=True, slots=True)
class Route:
    """One pattern as text (`audit/events/<uuid:event_id>/`) and the names of what it needs."""

    text: str
    needs: tuple[str, ...]

    def paths(self, samples: Samples) -> list[str]:
        """The addresses of this route, one for each sample.

        Raises:
            LookupError: a new kind of page: the world has to say what to open.
        """
        if self.needs and self.needs not in samples:
            raise LookupError(f"{self.text}: no sample of {self.needs} in tests/access/world.py")
        return [f"/{self._with(values)}" for values in samples.get(self.needs, [()])]

    def _with(self, values: tuple[str, ...]) -> str:
        text = self.text
        for value in values:
            before, _, rest = text.partition("<")
            text = f"{before}{value}{rest.partition('>')[2]}"
        return text


def routes() -> list[Route]:
    """All routes that may answer with a page."""
    found = _walk(get_resolver().url_patterns, "")
    return [r for r in found if not r.text.startswith(_NOT_PAGES) or r.text == _PAGE]


def _walk(patterns: Sequence[URLPattern | URLResolver], text: str) -> Iterator[Route]:
    for pattern in patterns:
        here = f"{text}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, here)
        else:
            assert isinstance(pattern.pattern, RoutePattern), here
            yield Route(here, tuple(pattern.pattern.converters))

"""Pages about a component or an agent render whatever its name is."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit

import pytest
from django.conf import settings as django_settings
from django.urls import resolve, reverse

from audit.recording.actors import Actor
from connections.models import Freeze
from enforcement.models import Finding
from tests.enforcement.browsing import browser
from tests.enforcement.gateways import Edge
from tests.enforcement.test_hostile_rows_hide_nothing import change_newest

pytestmark = pytest.mark.django_db
type Look = Callable[[], int]
HOST = urlsplit(django_settings.PORTAL_URL).netloc
NAMES = ["a\nb", "a\rb", "\n", "a//b", "?q#x", "a%0Ab", "\u2028x", "a\tb"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_pages_of_a_component_of_any_name_render(
    edge: Edge, look: Look, olu: Actor, name: str
) -> None:
    edge.scan("odd", severity="CRITICAL")
    change_newest(edge, "target = ?", f"/skills/{name}")
    look()
    found = Finding.objects.filter(kind="skill")[0]
    page = browser("operator", "operator", "admin", "auditor")
    for path in (
        "/",
        "/enforcement/",
        "/enforcement/?list=held",
        f"/enforcement/findings/{found.pk}/",
        f"/enforcement/skill/{quote(found.name, safe='')}/",
        reverse("enforcement-asset", args=["skill", found.name]),
        reverse("enforcement-preview", args=["skill", found.name]),
    ):
        assert page.get(path, HTTP_HOST=HOST).status_code == 200, path


DOTS = [
    "..",
    ".",
    "../b",
    "a/../b",
    "a/.",
    "%2E%2E",
    ".%2e",
    "%252E",
    "a/%2e%2e/b",
    "..a",
    "a..",
    "...",
]


@pytest.mark.parametrize("name", DOTS)
def test_a_link_to_a_component_whose_name_has_dots_leads_to_its_page(olu: Actor, name: str) -> None:
    page = browser("operator", "operator")
    for view in ("enforcement-asset", "enforcement-preview"):
        link = reverse(view, args=["skill", name])
        asked = as_a_browser(link)
        assert asked == link, f"a browser asks for {asked}"
        found = resolve(unquote(asked))
        assert (found.url_name, found.kwargs) == (view, {"kind": "skill", "name": name})
        assert page.get(asked, HTTP_HOST=HOST).status_code == 200


def as_a_browser(path: str) -> str:
    """The path that a browser asks for (URL Standard, path state)."""
    kept: list[str] = []
    for one in path.split("/")[1:]:
        dots = one.lower().replace("%2e", ".")
        if dots == "..":
            kept = kept[:-1]
        elif dots != ".":
            kept.append(one)
    return "/" + "/".join(kept)


@pytest.mark.parametrize("name", ["a\nb", "a\rb"], ids=ascii)
def test_the_page_of_freezes_lists_a_freeze_of_any_name(olu: Actor, name: str) -> None:
    Freeze.objects.create(kind="agent", name=name, by="auth0|x", since="2026-11-28T20:00:00Z")
    page = browser("admin", "admin")
    assert page.get("/connections/freeze/", HTTP_HOST=HOST).status_code == 200
    path = reverse("connections:unfreeze", args=["agent", name])
    assert resolve("/connections/freeze/agent/a\nb/unfreeze/").url_name == "unfreeze"
    assert "\n" not in path and "\r" not in path

"""The shell and the style guide as a browser would get them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from django.template.loader import render_to_string

from ui.styleguide import sample

NOW = datetime(2026, 11, 24, 14, 2, 11, tzinfo=UTC)
TRUST: dict[str, Any] = {
    "tenant_local": True,
    "tenant_url": "http://localhost:8100/",
    "phone_url": "http://localhost:8100/phone",
    "switch_url": "http://localhost:8100/switch",
    "ledger": {
        "state": "ok",
        "words": "no outside witness",
        "summary": "Log verified · no outside witness",
        "title": "48,210 entries signed. 48,200 of them verified.",
    },
    "person": {
        "name": "Olu Operator",
        "email": "operator@acme.example",
        "roles": ["operator"],
        "assurance_words": "MFA 12 min ago",
    },
    "banners": [{"level": "hold", "text": "1 item stays on hold.", "url": "/enforcement/"}],
}
NAV = [{"label": "Approvals", "url": "/approvals/", "current": True, "bar": True}]
ERRORS = ("400", "403", "404", "500", "csrf", "signin_failed")
VOID = {"meta", "link", "input", "br", "hr", "img", "path", "circle", "rect", "line", "ellipse"}


class Outline(HTMLParser):
    """Ids, in-page references and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.wanted: set[str] = set()
        self.open: list[str] = []
        self.unnamed: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        for key in ("for", "popovertarget", "aria-labelledby", "aria-describedby", "data-dialog"):
            if values.get(key):
                self.wanted.add(str(values[key]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element near {self.getpos()}"


def outline(html: str) -> Outline:
    parsed = Outline()
    parsed.feed(html)
    return parsed


@pytest.fixture
def guide() -> str:
    return render_to_string("styleguide.html", {**sample(NOW), "trust": TRUST, "nav": NAV})


def test_the_style_guide_is_well_formed_and_its_references_hold(guide: str) -> None:
    parsed = outline(guide)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert parsed.wanted <= set(parsed.ids)


def test_the_strip_says_who_where_and_how_far_it_is_proven(guide: str) -> None:
    strip = re.sub(r"\s+", " ", guide[guide.index('<header class="strip"') : guide.index("<main")])
    for words in ("LOCAL TENANT", "Olu Operator", "operator@acme.example", "MFA 12 min ago"):
        assert words in strip
    assert "Log verified · no outside witness" in strip
    assert "48,210 entries signed. 48,200 of them verified." in strip
    assert "1 item stays on hold." in strip


def test_a_visitor_without_session_gets_a_way_in() -> None:
    html = render_to_string("base.html", {"trust": {"tenant_local": False}})
    assert 'href="/oidc/authenticate/"' in html
    assert "LOCAL TENANT" not in html
    assert outline(html).open == []


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_page_renders_with_nothing_but_a_reference(name: str) -> None:
    html = render_to_string(f"errors/{name}.html", {"reference": "0192f3c1-7a41"})
    assert "0192f3c1-7a41" in html
    assert html.count("<h1>") == 1
    assert outline(html).open == []


def test_the_500_page_renders_with_no_context_at_all() -> None:
    assert "That was our mistake" in render_to_string("errors/500.html")


def test_every_table_cell_column_has_a_scope(guide: str) -> None:
    assert re.findall(r"<th(?![^>]*scope=)[ >]", guide) == []


def test_htmx_may_neither_eval_nor_style_nor_leave_the_origin(guide: str) -> None:
    for rule in ('"allowEval":false', '"includeIndicatorStyles":false', '"selfRequestsOnly":true'):
        assert rule in guide

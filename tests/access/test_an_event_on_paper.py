"""An event printed is an exhibit: who, what, when, where in which tree, and how to doubt it."""

from __future__ import annotations

import io
import re

import httpx
import pytest
from pypdf import PdfReader

from tests.access.world import World
from tests.stories.house import House

pytestmark = [pytest.mark.stack, pytest.mark.browser]

PAGE_NUMBER = re.compile(r"^\s*\d+ / \d+\s*$", re.MULTILINE)


def test_an_event_printed_says_all_that_a_reader_needs(house: House, world: World) -> None:
    someone = house.visit("auditor", f"/audit/events/{world.event}/")
    page = someone.page
    sentence = page.get_by_role("heading", level=1).inner_text()
    address = house.url(f"/audit/events/{world.event}/")
    entry = someone.context.request.get(f"{address}entry").text()
    page.emulate_media(color_scheme="dark")  # paper stays white all the same
    pages = PdfReader(io.BytesIO(page.pdf(format="A4"))).pages
    sheets = [PAGE_NUMBER.sub("", sheet.extract_text()) for sheet in pages]
    first = _flat(sheets[0])
    whole = _flat("".join(sheets))
    assert len(sheets) <= 6
    for words in (sentence, world.event, "Entry", "Root", f"{address}proof", "Exhibit", "UTC"):
        assert _flat(words) in first, words
    assert re.search(r"[0-9a-f]{64}", first)
    assert _flat("ata verify") in whole
    assert _flat("What is not proven") in whole
    assert _flat(entry) in whole  # not a byte of the raw entry is cut
    for chrome in ("Switch role", "Download proof", "Skip to content", "Sign out"):
        assert _flat(chrome) not in whole, chrome


def test_paper_is_black_on_white(house: House, world: World) -> None:
    page = house.visit("auditor", f"/audit/events/{world.event}/").page
    page.emulate_media(media="print", color_scheme="dark")
    colours = page.evaluate(
        "() => [document.body, document.querySelector('.card')].map((n) =>"
        " [getComputedStyle(n).color, getComputedStyle(n).backgroundColor])"
    )
    for ink, paper in colours:
        assert _lightness(paper) > 0.95, colours
        assert _lightness(ink) < 0.35, colours
    assert not page.locator("nav.side").is_visible()


def test_the_audit_page_is_light_on_the_wire(house: House) -> None:
    someone = house.visit("auditor", "/audit/")
    page = someone.page
    wanted = page.evaluate("() => performance.getEntriesByType('resource').map((r) => r.name)")
    cookies = {c["name"]: c["value"] for c in someone.context.cookies(house.stack.portal)}
    headers = {"Accept-Encoding": "br, gzip"}
    sizes = {}
    with httpx.Client(cookies=cookies, headers=headers) as client:
        for url in [house.url("/audit/"), *wanted]:
            if not url.startswith(house.stack.portal) or url.endswith(".woff2"):
                continue
            with client.stream("GET", url) as answer:
                assert answer.headers.get("Content-Encoding") in {"br", "gzip"}, url
                sizes[url] = sum(len(part) for part in answer.iter_raw())
    assert any(url.endswith(".css") for url in sizes)
    assert any(url.endswith(".js") for url in sizes)
    assert sum(sizes.values()) <= 60 * 1024, sizes


def _flat(text: str) -> str:
    """Without spaces and capitals: paper breaks lines where it likes, and sets labels large."""
    return re.sub(r"\s+", "", text).casefold()


def _lightness(colour: str) -> float:
    """Roughly 0 (black) to 1 (white) of a computed colour."""
    numbers = [float(n) for n in re.findall(r"[\d.]+", colour)]
    if colour.startswith("oklch") or colour.startswith("oklab"):
        return numbers[0]
    return sum(numbers[:3]) / 765

"""The sweep finds a fault of each kind on a page whose every look it knows already."""

from __future__ import annotations

from itertools import chain

import pytest

from tests.access.examine import Window
from tests.stories.house import House

pytestmark = [pytest.mark.stack, pytest.mark.browser]

_PLANT = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    @media (prefers-color-scheme: light) { #p-light { color: #bbb } }
    @media (prefers-color-scheme: dark) { #p-dark { color: #444 } }
    @media (prefers-color-scheme: dark) { #p-ground { background: #777 } }
    @media (min-width: 400px) { #p-narrow { display: none } }
    #p-wide { width: 400px } #p-grows { height: 30px; overflow: hidden }
    #p-small button { all: unset; width: 9px; height: 9px; display: inline-block }`);
  document.adoptedStyleSheets.push(sheet);
  const main = document.querySelector("main"), card = main.querySelector(".card");
  const copy = card.cloneNode(true);  // known in all but its ground by night
  copy.id = "p-ground";
  copy.querySelectorAll(":scope > :not(:first-child)").forEach((part) => part.remove());
  card.parentElement.append(copy);
  main.insertAdjacentHTML("beforeend", `
    <p id="p-light">Pale by day.</p><p id="p-dark">Dark by night.</p>
    <input id="p-label"><div id="p-narrow"><button></button></div>
    <p id="p-wide">Wider than a phone.</p><p id="p-grows">Cut off when it grows.</p>
    <p id="p-small"><button aria-label="one"></button><button aria-label="two"></button></p>
    <p id="p-twice">One</p><p id="p-twice">Two</p>`);
  document.body.append(Object.assign(document.createElement("script"), {textContent: "1"}));
}"""

FOUND = {
    "light: color-contrast": "#p-light",
    "dark, 320 px: color-contrast": "#p-dark",
    "light: label": "#p-label",
    "dark, 320 px: button-name": "#p-narrow",
    "light: target-size": "9px by 9px",
    "320 px: sticks out": "Wider than a phone.",
    "200 % text: cut off": "Cut off when it grows.",
    "ids twice": "p-twice",
}


def test_a_fault_of_each_kind_is_found_on_a_page_that_is_known(house: House) -> None:
    admin = house.visit("admin")
    window = Window(admin.page)
    assert list(chain(*window.visit(house.url("/account/")))) == []
    known = set(window.looks)
    assert list(chain(*window.visit(house.url("/account/")))) == []
    assert window.looks == known, "nothing of the page was measured a second time"
    admin.page.evaluate(_PLANT)
    said = list(chain(*window.look("planted")))
    for kind, where in FOUND.items():
        assert [words for words in said if kind in words and where in words], (kind, said)
    (night,) = (words for words in said if "dark, 320 px: color-contrast" in words)
    assert "#p-ground" in night, night
    assert any("Content Security Policy" in words for words in admin.complaints)
    admin.complaints.clear()

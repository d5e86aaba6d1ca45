"""Somebody who has only a keyboard, and sees where they are at every stop."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

# What stands out at the focused element, at what is drawn over its row, or at the field around it.
_STOP = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const drawn = (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const around = at.closest(".query, .find-field");
  const bar = at.querySelector?.(".bar-hit");
  const box = at.getBoundingClientRect();
  const name = at.getAttribute("aria-label") || at.labels?.[0]?.textContent || at.textContent
    || at.querySelector?.("title")?.textContent || at.name || at.localName;
  return {
    name: name.replace(/\\s+/g, " ").trim(),
    seen: drawn(getComputedStyle(at)) || drawn(getComputedStyle(at, "::after"))
      || getComputedStyle(at).boxShadow !== "none" && at.matches(":focus-visible")
      || Boolean(around && (drawn(getComputedStyle(around))
        || getComputedStyle(around).boxShadow !== "none"))
      || Boolean(bar && getComputedStyle(bar).strokeWidth !== "0px"),
    inside: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    text: at.matches("[tabindex='-1']"),
  };
}"""


@dataclass
class Keys:
    """A keyboard at a page. Nothing here clicks or focuses by script."""

    page: Page

    def press(self, key: str) -> None:
        """One key, once the page is there whole."""
        self._ready()
        self.page.keyboard.press(key)

    def type(self, words: str) -> None:
        """Words, letter by letter."""
        self._ready()
        self.page.keyboard.type(words)

    def _ready(self) -> None:
        """An address changes before the scripts of its page hear a key."""
        self.page.wait_for_load_state("load")

    def to(self, name: str, within: int = 120) -> None:
        """Tab on until a stop of that name; every stop on the way can be seen."""
        wanted, passed = re.compile(name), []
        for _ in range(within):
            self.press("Tab")
            stop = self.stop()
            if stop is None:  # past the last stop, in the browser's own bar
                continue
            assert stop["seen"], f"no visible focus on {stop['name']!r} at {self.page.url}"
            assert stop["inside"], f"the focus is out of sight on {stop['name']!r}"
            if wanted.search(stop["name"]):
                return
            passed.append(stop["name"])
        raise AssertionError(f"{name!r} cannot be reached at {self.page.url}: {passed}")

    def stop(self) -> dict[str, Any] | None:
        """What has the focus: its `name`, whether it is `seen` and `inside` the window."""
        found: dict[str, Any] | None = self.page.evaluate(_STOP)
        return found

    def here(self) -> str:
        """The name of what has the focus."""
        stop = self.stop()
        return str(stop["name"]) if stop else ""

"""What is asked of every page: axe in both themes, structure, reflow, large text, stillness."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from importlib import resources
from itertools import chain
from typing import ClassVar

from playwright.sync_api import CDPSession, Page, ViewportSize

from tests.access.looks import PASSED, REMEMBER

# Mozilla Public License 2.0, used as it is. Given to each page by the browser's debugger: the
# page's content security policy stays as strict as it is for visitors.
AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")

# EN 301 549 asks for WCAG 2.1 AA; we hold WCAG 2.2 AA and axe's own best practices too.
_TAGS = [
    "wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice",
]  # fmt: skip
_START = """(within) => {
  window.axeFound = axe.run(within ? {include: within} : document, {
    runOnly: {type: "tag", values: TAGS}, rules: {"target-size": {enabled: true}},
    resultTypes: ["violations"], preload: false, iframes: false, elementRef: false,
  });
}""".replace("TAGS", str(_TAGS))
_FOUND = """async () => (await window.axeFound).violations.map((v) => `${v.id}: ` +
  v.nodes.slice(0, 4).map((n) => `${n.target.join(" ")} ` +
    ((n.any[0] || n.all[0] || n.none[0] || {}).message || "")).join("; "))"""

_STRUCTURE = """() => {
  const said = [];
  const one = (css, what) => {
    const n = document.querySelectorAll(css).length;
    if (n !== 1) said.push(`${n} times ${what}`);
  };
  one("h1", "h1"); one("main", "main"); one("head > title", "title");
  if (!document.documentElement.lang) said.push("no lang");
  if (!document.title.trim()) said.push("empty title");
  const skip = document.querySelector("a.skip");
  const stops = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  if (!skip) said.push("no skip link");
  else if (document.querySelector(stops) !== skip) said.push("skip link is not the first stop");
  else if (!document.querySelector(skip.hash)) said.push("skip link leads nowhere");
  const ids = [...document.querySelectorAll("[id]")].map((n) => n.id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
  if (twice.length) said.push(`ids twice: ${twice}`);
  for (const motion of document.getAnimations()) {
    const time = motion.effect.getComputedTiming();
    if (motion.playState === "running" && time.duration > 1) {
      said.push(`moves although the reader asked for less: ${motion.effect.target.className}`);
    }
  }
  for (const mark of document.querySelectorAll(".badge, .sev, .level, .count")) {
    if (!mark.textContent.trim()) said.push(`says it by colour or shape alone: ${mark.outerHTML}`);
  }
  return said;
}"""

# Nothing may stick out to the right, except inside a box that scrolls by itself and that a
# keyboard can reach, and nothing may be cut off unless it is a one-line ellipsis with a title.
_FIT = """(what) => {
  const said = [], width = document.documentElement.clientWidth;
  const scrolls = document.documentElement.scrollWidth;
  if (scrolls > width) said.push(`${what}: scrolls sideways, ${scrolls} in ${width} px`);
  const inside = (node, css) => node.closest(css) !== null;
  // Only for screen readers: one pixel, clipped away.
  const unseen = (node) => {
    for (let at = node; at; at = at.parentElement) {
      if (getComputedStyle(at).clipPath === "inset(50%)") return true;
    }
    return false;
  };
  for (const node of document.querySelectorAll("body *")) {
    if (!node.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    if (inside(node, "svg, .skip, .busy, [inert]") || unseen(node)) continue;
    const box = node.getBoundingClientRect(), style = getComputedStyle(node);
    if (!box.width || !box.height) continue;
    let scroller = node.parentElement;
    while (scroller && !/auto|scroll/.test(getComputedStyle(scroller).overflowX)) {
      scroller = scroller.parentElement;
    }
    if (!scroller && (box.right > width + 1 || box.left < -1)) {
      said.push(`${what}: sticks out: <${node.localName} class="${node.className}"> ` +
        `${Math.round(box.left)}–${Math.round(box.right)} of ${width}: ` +
        node.textContent.trim().slice(0, 40));
    }
    const clips = /hidden|clip/.test(style.overflowX + style.overflowY);
    const wide = node.scrollWidth > node.clientWidth + 1;
    const tall = node.scrollHeight > node.clientHeight + 1;
    if (clips && (wide || tall) && node.textContent.trim()) {
      said.push(`${what}: cut off: <${node.localName} class="${node.className}">` +
        node.textContent.trim().slice(0, 40));
    }
    if (said.length > 5) break;
  }
  return said;
}"""


WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 320, "height": 640}
# What is shown on wide screens only, examined in the dark theme once a role.
WIDE_ONLY = [".strip", ".side"]


class Window:
    """A tab that opens pages one after the other, and says everything that is wrong with them.

    Each page is seen wide in the light theme and narrow in the dark one. The next one is opened as
    the last one was left, and seen in the other order.
    """

    looks: ClassVar[set[str]] = set()
    """Looks of text whose contrast axe has found enough, by all windows."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._cdp: CDPSession = page.context.new_cdp_session(page)
        self._is_wide: bool | None = None

    def visit(self, url: str, shell: bool = False, known: bool = False) -> Iterator[list[str]]:
        """Go there and examine it; `shell` looks at what only wide screens show in dark too.

        Of a `known` shape axe has said what there is to say: what is asked are structure and fit.
        Yields nothing while axe works, so that another window can go on, and the findings last.
        """
        if self._is_wide is None:
            self._turn(wide=True)
        self.page.goto(url)
        yield from self._look(url, shell, known)

    def look(self, name: str) -> Iterator[list[str]]:
        """Examine what is on the screen now, a drawer or a dialog included; it is left wide."""
        self.page.wait_for_load_state("load")  # what a click asked for may still be on its way
        self._turn(wide=True)
        yield from self._look(name)
        self._turn(wide=True)

    def _turn(self, *, wide: bool) -> None:
        if self._is_wide == wide:
            return
        self._is_wide = wide
        self.page.emulate_media(reduced_motion="reduce", color_scheme="light" if wide else "dark")
        self.page.set_viewport_size(WIDE if wide else NARROW)

    def _look(self, name: str, shell: bool = False, known: bool = False) -> Iterator[list[str]]:
        said = list(self.page.evaluate(_STRUCTURE))
        for wide in (self._is_wide, not self._is_wide):
            self._turn(wide=bool(wide))
            if not wide:
                said += self.page.evaluate(_FIT, "320 px")
            if not known:
                theme = "light" if wide else "dark, 320 px"
                said += [f"{theme}: {one}" for one in (yield from self._axe(None))]
            if wide:
                said += self._large()
            if wide and shell:
                self.page.emulate_media(reduced_motion="reduce", color_scheme="dark")
                said += [f"dark: {one}" for one in (yield from self._axe(WIDE_ONLY))]
                self.page.emulate_media(reduced_motion="reduce", color_scheme="light")
        yield [f"{name}: {words}" for words in said]

    def _axe(self, within: list[str] | None) -> Generator[list[str], None, list[str]]:
        """What axe finds, and finds again: half of a theme may still be on its way at first."""
        found = yield from self._axe_once(within)
        if found:
            self.page.wait_for_timeout(500)
            found = yield from self._axe_once(within)
        return found

    def _axe_once(self, within: list[str] | None) -> Generator[list[str], None, list[str]]:
        if not self.page.evaluate("() => 'axe' in window"):
            self._cdp.send("Runtime.evaluate", {"expression": AXE})
        self.page.evaluate(REMEMBER, sorted(self.looks))
        self.page.evaluate(_START, within)
        yield []
        found = list(self.page.evaluate(_FOUND))
        self.looks.update(self.page.evaluate(PASSED))
        return found

    def _large(self) -> list[str]:
        """As with the browser's own setting for text twice as large (WCAG 1.4.4)."""
        sizes = {"fontSizes": {"standard": 32, "fixed": 26}}
        self._cdp.send("Page.setFontSizes", sizes)
        try:
            return list(self.page.evaluate(_FIT, "200 % text"))
        finally:
            self._cdp.send("Page.setFontSizes", {"fontSizes": {"standard": 16, "fixed": 13}})


def together(works: Sequence[Iterator[Iterator[list[str]]]]) -> list[str]:
    """Let several windows work side by side, each through its own list of pages."""
    said: list[str] = []
    lines = [chain.from_iterable(work) for work in works]
    while lines:
        for line in tuple(lines):
            found = next(line, None)
            if found is None:
                lines.remove(line)
            else:
                said += found
    return said

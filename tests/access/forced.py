"""Forced colours (Windows contrast themes): what colour said has to be seen in another way."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.access.keys import Keys

# Every drawn shape against what is behind it. Text and borders get the reader's own colours by
# themselves; what an SVG is painted with stays ours and has to be seen on any of them.
_SHAPES = """() => {
  const dot = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    dot.clearRect(0, 0, 1, 1); dot.fillStyle = colour; dot.fillRect(0, 0, 1, 1);
    return [...dot.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const parts = rgba(colour).slice(0, 3).map((n) => n / 255)
      .map((n) => n <= .04045 ? n / 12.92 : ((n + .055) / 1.055) ** 2.4);
    return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2];
  };
  const behind = (node) => {
    for (let at = node.parentElement; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (rgba(colour)[3] > 250) return colour;
    }
    return "Canvas";
  };
  const contrast = (one, other) => {
    const [more, less] = [light(one), light(other)].sort((a, b) => b - a);
    return (more + .05) / (less + .05);
  };
  const drawn = "path, rect, circle, line, polyline, polygon";
  const shapes = (node) => [...node.querySelectorAll(drawn)];
  const paints = (node) => {
    const style = getComputedStyle(node), found = [];
    const pattern = /^url\\("(#.+)"\\)/.exec(style.fill);
    if (pattern) found.push(...shapes(document.querySelector(pattern[1])).flatMap(paints));
    else if (style.fill !== "none" && rgba(style.fill)[3] > 128) found.push(style.fill);
    if (style.stroke !== "none" && parseFloat(style.strokeWidth) > 0) found.push(style.stroke);
    return found;
  };
  const said = new Set();
  for (const svg of document.querySelectorAll("main svg")) {
    if (!svg.checkVisibility() || !svg.getBoundingClientRect().width) continue;
    const colours = shapes(svg).flatMap(paints), ground = behind(svg);
    if (!colours.some((colour) => contrast(colour, ground) >= 3)) {
      said.add(`${svg.parentElement.outerHTML.slice(0, 60)}: ${colours} on ${ground}`);
    }
  }
  return [...said];
}"""


def look(page: Page, stops: int) -> list[str]:
    """What cannot be seen on this page under forced colours, light and dark.

    Args:
        page: open at the page.
        stops: how many stops of the Tab key are looked at.
    """
    said: list[str] = []
    page.evaluate("() => document.activeElement.blur()")
    for scheme in ("light", "dark"):
        page.emulate_media(forced_colors="active", color_scheme=scheme, reduced_motion="reduce")
        assert page.evaluate("() => matchMedia('(forced-colors: active)').matches")
        unseen = page.evaluate(_SHAPES)
        said += [f"{page.url} {scheme}: {words}" for words in unseen]
    keys = Keys(page)
    for _ in range(stops):
        keys.press("Tab")
        if (stop := keys.stop()) and not stop["seen"]:
            said.append(f"{page.url}: no visible focus on {stop['name']!r}")
    return said

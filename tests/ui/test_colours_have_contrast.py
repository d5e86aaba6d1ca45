"""Every text colour reads on every surface it is used on: WCAG 2.2 AA, both themes, computed."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

TOKENS = (Path(__file__).resolve().parents[2] / "static/css/tokens.css").read_text("utf-8")
_PAIR = re.compile(r"--([\w-]+): light-dark\((oklch\([^)]*\)), (oklch\([^)]*\))\);")
_OKLCH = re.compile(r"oklch\(([\d.]+)% ([\d.]+) ([\d.]+)\)")

COLOURS = {name: (light, dark) for name, light, dark in _PAIR.findall(TOKENS)}
SURFACES = ("paper", "card", "sunk", "raised", "hover")
TONES = ("accent", "ok", "bad", "warn", "hold")
THEMES = ("light", "dark")


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2) of an OKLCH colour, clipped to sRGB."""
    match = _OKLCH.fullmatch(colour)
    assert match, colour
    lightness, chroma, hue = float(match[1]) / 100, float(match[2]), math.radians(float(match[3]))
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    clipped = [min(max(channel, 0.0), 1.0) for channel in (red, green, blue)]
    return 0.2126 * clipped[0] + 0.7152 * clipped[1] + 0.0722 * clipped[2]


def contrast(one: str, other: str, theme: str) -> float:
    """Contrast ratio of two tokens in a theme."""
    index = THEMES.index(theme)
    values = sorted((luminance(COLOURS[one][index]), luminance(COLOURS[other][index])))
    return (values[1] + 0.05) / (values[0] + 0.05)


def test_the_formula_knows_black_on_white() -> None:
    white, black = luminance("oklch(100% 0 0)"), luminance("oklch(0% 0 0)")
    assert (white + 0.05) / (black + 0.05) == pytest.approx(21, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("text", ["ink", "ink-2", "ink-3", *TONES])
def test_text_reads_on_a_surface(text: str, surface: str, theme: str) -> None:
    assert contrast(text, surface, theme) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("tone", TONES)
def test_a_tone_and_ink_read_on_the_wash(tone: str, theme: str) -> None:
    assert contrast(tone, f"{tone}-wash", theme) >= 4.5
    assert contrast("ink", f"{tone}-wash", theme) >= 4.5
    assert contrast("ink-2", f"{tone}-wash", theme) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_controls_stand_out_from_their_surface(theme: str) -> None:
    assert contrast("on-accent", "accent", theme) >= 4.5
    assert contrast("edge", "card", theme) >= 3
    assert contrast("ink-2", "off-wash", theme) >= 4.5
    assert contrast("ink-3", "accent-wash", theme) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("strength", ["ap-1", "ap-2"])
def test_the_strength_of_an_approval_reads_on_its_own_colour(strength: str, theme: str) -> None:
    assert contrast(f"{strength}-ink", strength, theme) >= 4.5

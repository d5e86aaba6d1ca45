"""Template tags: what a reader and a screen reader get for each value."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.template import Context, Template

from ui import code_labels, icons, times
from ui.histogram import HEIGHT, Bucket, histogram
from ui.templatetags.ata import outcome

NOW = datetime(2026, 11, 24, 14, 2, 11, tzinfo=UTC)


def shown(source: str, **context: Any) -> str:
    return Template("{% load ata %}" + source).render(Context({"now": NOW, **context}))


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (timedelta(seconds=2), "just now"),
        (timedelta(seconds=40), "40 s ago"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=1), "23 Nov 14:02"),
        (timedelta(days=400), "20 Oct 2025 14:02"),
        (timedelta(minutes=-3), "in 3 min"),
    ],
)
def test_a_time_is_relative_up_to_a_day_then_absolute(ago: timedelta, expected: str) -> None:
    assert times.relative(NOW - ago, NOW) == expected


_PADDED = re.compile(r"%d %b|%b( %Y)?, %H|%b\}(\{year\})?, ")
_ON_PHONES = {
    "connections/application_grants/consent_and_token_revocation.py",
    "connections/lifecycle/approver_sentences.py",
    "connections/lifecycle/freezes.py",
}
"""What an approver's phone shows stays as it was."""


def test_a_date_has_one_spelling_without_a_zero_or_a_comma() -> None:
    root = Path(__file__).parents[2]
    apps = ("accounts", "approvals", "audit", "connections", "enforcement", "portal", "ui")
    files = [file for app in apps for file in (root / app).rglob("*.py")]
    found = {str(file.relative_to(root)) for file in files if _PADDED.search(file.read_text())}
    assert found == _ON_PHONES
    assert "`}, ${minute}" not in (root / "static/js/times.js").read_text()


def test_frozen_and_demo_have_one_look_each() -> None:
    assert "t-hold" in shown('{% state "frozen" %}') and shown("{% demo %}") in shown(
        "{% levels 'H1' 'L1' True %}"
    )
    own = re.compile(r'badge "\w+" "(?:DEMO|[^"]*frozen)|class="demo"|warn">[^<]* frozen')
    templates = Path(__file__).parents[2] / "templates"
    assert not [file for file in templates.rglob("*.html") if own.search(file.read_text())]


def test_a_time_carries_its_machine_form_and_utc() -> None:
    html = shown("{% when moment now=now %}", moment="2026-11-24T13:58:00.250Z")
    assert 'datetime="2026-11-24T13:58:00.250000Z"' in html
    assert 'title="24 Nov 2026 13:58:00.250 UTC"' in html
    assert ">4 min ago</time>" in html


def test_a_missing_time_shows_a_dash() -> None:
    assert "–" in shown("{% when moment %}", moment=None)


def test_an_outcome_has_a_shape_and_a_word() -> None:
    html = shown('{% outcome "denied" %}')
    assert "t-bad" in html
    assert "<svg" in html
    assert html.rstrip("</span>\n").endswith("denied")


def test_an_outcome_that_came_later_has_its_meaning_in_its_title() -> None:
    shown = outcome("later_done")
    assert ' title="Recorded as pending.' in shown and ">completed later<" in shown
    assert "title=" not in outcome("success")


def test_outcomes_of_one_tone_differ_in_shape() -> None:
    by_tone: dict[str, list[str]] = {}
    for look in {id(look): look for look in code_labels.OUTCOMES.values()}.values():
        by_tone.setdefault(look.tone, []).append(look.icon)
    assert by_tone["bad"].count("x") == 1
    assert len(set(by_tone["warn"])) == len(by_tone["warn"])


def test_an_unknown_code_shows_its_own_word_in_grey() -> None:
    html = shown('{% state "half_done" %}')
    assert "half done" in html
    assert "t-off" in html


def test_every_look_names_an_icon_of_the_sprite() -> None:
    for look in [*code_labels.OUTCOMES.values(), *code_labels.STATES.values()]:
        assert look.icon in icons.symbols()


def test_an_unknown_icon_is_an_error_not_a_gap() -> None:
    with pytest.raises(icons.UnknownIcon, match="no icon 'nothing'"):
        icons.svg("nothing")


def test_a_level_says_words_before_its_code() -> None:
    html = shown('{% human "H2" %}')
    assert html.index("approved this action") < html.index("H2<")
    assert html.count('class="on"') == 2


def test_a_level_object_is_read_by_its_code() -> None:
    assert "in signed log" in shown("{% log level %}", level=SimpleNamespace(code="L1"))


def test_a_severity_mark_is_spoken() -> None:
    assert '<span class="sr">Critical severity: </span>' in shown('{% severity "CRITICAL" 1 %}')


def test_a_hash_is_cut_on_screen_and_whole_on_copy() -> None:
    digest = "9f3c71d0" + "0" * 50 + "bba2e1"
    html = shown('{% hash digest label="intent hash" %}', digest=digest)
    assert ">9f3c71d0…bba2e1<" in html
    assert f'data-copy="{digest}"' in html
    assert 'aria-label="Copy intent hash"' in html


def test_hostile_text_is_escaped_by_every_tag() -> None:
    bad = "<script>'\"&"
    for source in (
        "{% outcome bad %}",
        "{% outcome 'success' text=bad %}",
        "{% badge bad bad %}",
        "{% severity bad %}",
        "{% human bad %}",
        "{% hash bad %}",
        "{% copy bad bad text=bad %}",
        "{% avatar bad %}",
        "{% scope bad risk='high' name=bad %}",
    ):
        html = shown(source, bad=bad)
        assert "<script" not in html.lower(), source
        assert "&lt;" in html or source == "{% avatar bad %}", source


def test_counts_read_as_words() -> None:
    assert shown('{% plural 0 "event" %}') == "no events"
    assert shown('{% plural 1 "event" %}') == "1 event"
    assert shown('{% plural 1284 "entry" "entries" %}') == "1,284 entries"
    assert shown("{{ 48210|thousands }}") == "48,210"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.82, "820 ms"), (4, "4 s"), (300, "5 min"), (7800, "2 h 10 min"), (259200, "3 d")],
)
def test_a_duration_is_said_in_its_largest_units(seconds: float, expected: str) -> None:
    assert times.duration(seconds) == expected


def test_a_countdown_starts_right_without_script() -> None:
    html = shown("{% countdown end total=300 now=now %}", end=NOW + timedelta(seconds=186))
    assert ">3:06</b>" in html
    assert 'stroke-dasharray="62.0 100"' in html


def test_the_visitors_cookie_sets_the_theme_and_nothing_else_does() -> None:
    request = SimpleNamespace(COOKIES={"theme": "dark", "density": '"><script>'})
    assert shown("{% preferences %}", request=request) == ' data-theme="dark"'


def bucket(counts: dict[str, int]) -> Bucket:
    return Bucket(NOW, NOW + timedelta(hours=1), counts, "#", "24 Nov")


def test_the_tallest_bar_fills_the_plot_and_no_event_vanishes() -> None:
    drawn = histogram([bucket({"success": 10_000}), bucket({"denied": 1})])
    assert drawn.bars[0].segments[0].height == HEIGHT - 6
    assert drawn.bars[1].segments[0].series == "bad"
    assert drawn.bars[1].segments[0].height >= 2
    assert drawn.total == 10_001


def test_an_outcome_the_plot_does_not_know_counts_as_open() -> None:
    assert histogram([bucket({"new_outcome": 3})]).bars[0].totals == (0, 3, 0)


def test_an_empty_histogram_is_still_a_plot() -> None:
    drawn = histogram([])
    assert (drawn.total, drawn.bars) == (0, ())
    assert drawn.width > 0

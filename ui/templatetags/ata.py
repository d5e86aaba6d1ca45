"""The tags every page is made of. `{% load ata %}`; the style guide shows each in every state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from audit.ledger.format import safe_display
from ui import code_labels, icons, times
from ui.histogram import Bucket, Histogram, histogram

register = template.Library()

THEMES = ("light", "dark")
DENSITIES = ("comfortable", "compact")


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """An icon of the sprite; `label` makes it speak, else it is decoration."""
    return icons.svg(name, css=css, label=label)


@register.filter
def named(value: object) -> SafeString:
    """A name from elsewhere: isolated from the words around it, what cannot be seen written out,
    a long one cut in the middle with the whole of it in its title."""
    text = "" if value is None else str(value)
    short = safe_display.short(text)
    if short == text and text.isascii():
        return format_html("{}", text)
    return format_html('<bdi title="{}">{}</bdi>', safe_display.visible(text), short)


@register.filter
def abridged(value: object) -> SafeString:
    """A sentence as `seen`, a long one cut at its end with `…` and the whole of it in its title."""
    text = safe_display.visible("" if value is None else str(value))
    if len(text) <= safe_display.LONGEST:
        return seen(value)
    cut = text[: safe_display.LONGEST - 1].rstrip()
    return format_html('<bdi title="{}">{}…</bdi>', text, cut)


@register.filter
def code_spans(value: object) -> SafeString:
    """A text of our own with `code` in backticks, as markup."""
    parts = str(value).split("`")
    texts = ((format_html("<code>{}</code>", s) if i % 2 else s,) for i, s in enumerate(parts))
    return format_html_join("", "{}", texts)


@register.filter
def seen(value: object) -> SafeString:
    """A sentence that holds names from elsewhere: isolated, what cannot be seen written out.

    Where the sentence is markup already it stays that: nothing that is written out is any.
    """
    text = "" if value is None else str(value)
    if text.isascii() and text.isprintable():
        return format_html("{}", text)
    words = safe_display.visible(text)
    if isinstance(text, SafeString):
        words = mark_safe(words)  # noqa: S308 - as the sentence was
    return format_html("<bdi>{}</bdi>", words)


@register.simple_tag
def beware(value: object) -> SafeString:
    """A visible warning next to a name that could pass for another; nothing for others."""
    words = safe_display.warning("" if value is None else str(value))
    if not words:
        return SafeString("")
    return badge("warn", f"This name {words}", icon="triangle-alert", wrap=True)


@register.simple_tag
def badge(tone: str, text: str, icon: str = "", wrap: bool = False) -> SafeString:
    """A badge of any tone (ok, bad, warn, hold, info, off); `wrap` lets long text break."""
    mark = icons.svg(icon) if icon else ""
    more = " badge-wrap" if wrap else ""
    return format_html('<span class="badge t-{}{}">{}{}</span>', tone, more, mark, text)


@register.simple_tag
def outcome(value: str, text: str = "", line: bool = False) -> SafeString:
    """Outcome or state of anything, by shape and colour; `line` drops the fill in dense rows."""
    found = code_labels.look(str(value))
    more = " badge-line" if line else ""
    title = format_html(' title="{}"', found.meaning) if found.meaning else ""
    return format_html(
        '<span class="badge t-{}{}"{}>{}{}</span>',
        found.tone,
        more,
        title,
        icons.svg(found.icon),
        text or found.words,
    )


register.simple_tag(outcome, name="state")


@register.simple_tag
def outcome_of(event: Mapping[str, Any], came_to: str = "") -> SafeString:
    """Outcome of a public event, or what its operation came to; an inferred denial says so."""
    inferred = event.get("action") == "approval.denied" and event["data"].get("inferred") is True
    return outcome("denied_inferred" if inferred else came_to or event["outcome"])


_SEVERITY_SHAPES = {
    "CRITICAL": '<path d="M4 .5h5L12.5 4v5L9 12.5H4L.5 9V4z" fill="currentColor"/>',
    "HIGH": '<path d="M6.5 1 12.5 12H.5z" fill="currentColor"/>',
    "MEDIUM": '<path d="M6.5 .8 12.2 6.5 6.5 12.2.8 6.5z" fill="none" '
    'stroke="currentColor" stroke-width="2"/>',
    "LOW": '<circle cx="6.5" cy="6.5" r="4" fill="none" stroke="currentColor" stroke-width="1.8"/>',
    "INFO": '<circle cx="6.5" cy="6.5" r="2" fill="currentColor"/>',
    "NONE": '<path d="M3 6.5h7" stroke="currentColor" stroke-width="1.8"/>',
}


@register.simple_tag
def severity(value: str, mark: bool = False) -> SafeString:
    """Severity by shape, colour and word; `mark` shows the shape and speaks the word."""
    key = str(value or "NONE").upper()
    shape = _SEVERITY_SHAPES.get(key, _SEVERITY_SHAPES["NONE"])
    name = key.capitalize() if key != "INFO" else "Info"
    word = format_html('<span class="sr">{} severity: </span>', name) if mark else name
    return format_html(
        '<span class="sev sev-{}" title="{} severity">'
        '<svg width="13" height="13" viewBox="0 0 13 13" aria-hidden="true">{}</svg>{}</span>',
        key.lower(),
        name,
        SafeString(shape),
        word,
    )


def _level(value: object, table: Mapping[str, code_labels.LevelWords], scale: str) -> SafeString:
    code = str(getattr(value, "code", value) or f"{scale}0")
    known = table.get(code)
    if known is None:
        return format_html('<span class="level"><span class="lv">{}</span></span>', code)
    step = int(code[1:])
    rects = format_html_join(
        "",
        '<rect class="{}" x="{}" width="6" height="9" rx="1.5"/>',
        (("on" if index < step else "off", index * 8) for index in range(3)),
    )
    return format_html(
        '<span class="level level-{}" title="{}"><svg width="22" height="9" viewBox="0 0 22 9" '
        'aria-hidden="true">{}</svg><span>{}</span> <span class="lv">{}</span></span>',
        step,
        known.meaning,
        rects,
        known.words,
        code,
    )


@register.simple_tag
def human(value: object) -> SafeString:
    """Human evidence level (H0–H3, or an object with `.code`) as words, a meter and its code."""
    return _level(value, code_labels.HUMAN, "H")


@register.simple_tag
def log(value: object) -> SafeString:
    """Log evidence level (L0–L3, or an object with `.code`) as words, a meter and its code."""
    return _level(value, code_labels.LOG, "L")


@register.simple_tag(name="demo")
def demo_pill(title: str = "") -> SafeString:
    """The label of what is of the demo or the local tenant; the only look of it."""
    more = format_html(' title="{}"', title) if title else ""
    return format_html('<span class="demo"{}>DEMO</span>', more)


@register.simple_tag
def levels(human_level: object, log_level: object, demo: bool = False) -> SafeString:
    """Both scales, one above the other, for a table cell; `demo` labels a local issuer."""
    label = demo_pill() if demo else ""
    return format_html(
        '<span class="levels">{}{}{}</span>',
        _level(human_level, code_labels.HUMAN, "H"),
        _level(log_level, code_labels.LOG, "L"),
        label,
    )


@register.filter
def level_meaning(value: object) -> str:
    """The sentence behind an evidence level code; empty for an unknown code."""
    code = str(getattr(value, "code", value))
    known = code_labels.HUMAN.get(code) or code_labels.LOG.get(code)
    return known.meaning if known else ""


@register.simple_tag
def when(value: datetime | str | None, style: str = "relative", now: datetime | None = None) -> str:
    """A `<time>`: relative up to a day, then absolute, UTC in the title.

    `style` is relative, absolute, full, date or time; None shows a dash.
    """
    if not value:
        return format_html('<span class="faint">{}</span>', "–")
    moment, current = times.parse(value), times.parse(now or timezone.now())
    shown = {
        "relative": lambda: times.relative(moment, current),
        "absolute": lambda: times.absolute(moment, current),
        "full": lambda: times.full(moment),
        "date": lambda: f"{moment.day} {moment:%b %Y}",
        "time": lambda: f"{moment:%H:%M:%S}",
    }[style]()
    return format_html(
        '<time datetime="{}" title="{}" data-when="{}">{}</time>',
        moment.isoformat().replace("+00:00", "Z"),
        times.full(moment),
        style,
        shown,
    )


@register.simple_tag(name="hash")
def hash_(value: str, label: str = "hash", head: int = 8, tail: int = 6) -> SafeString:
    """A digest or long id: middle cut on screen, whole on paper and on copy."""
    text = str(value or "")
    if not text:
        return format_html('<span class="faint">{}</span>', "–")
    cut = len(text) > head + tail + 3
    short = f"{text[:head]}…{text[-tail:]}" if cut else text
    return format_html(
        '<span class="hash"><span class="hash-short" title="{}">{}</span>'
        '<span class="hash-full">{}</span>{}</span>',
        text,
        short,
        text,
        copy(text, label),
    )


@register.simple_tag
def copy(value: str, label: str = "this", text: str = "") -> SafeString:
    """A copy button; with `text` a worded one. Confirms in the live region, not by colour only."""
    css = "btn btn-s js-only" if text else "copy js-only"
    return format_html(
        '<button type="button" class="{}" data-copy="{}" data-copied="Copied {}"{}>{}{}</button>',
        css,
        value,
        label,
        "" if text else format_html(' aria-label="Copy {}"', label),
        icons.svg("copy"),
        text,
    )


@register.simple_tag
def avatar(name: str, tone: str = "") -> SafeString:
    """Initials of a person or agent; decoration next to the name."""
    parts = [part for part in str(name).replace("@", " ").replace(".", " ").split() if part]
    initials = "".join(part[0] for part in parts[:2]).upper() or "?"
    more = f" t-{tone}" if tone else ""
    return format_html('<span class="avatar{}" aria-hidden="true">{}</span>', more, initials)


@register.simple_tag
@lru_cache(maxsize=1024, typed=True)  # the same few stand in each row of long tables
def scope(text: str, risk: str = "", name: str = "") -> SafeString:
    """A scope as a sentence with its risk mark; `risk` is high or empty, `name` the wire scope."""
    high = risk == "high"
    shape = '<path d="M4.5 .5 8.8 8.5H.2z" fill="currentColor"/>'
    dot = '<circle cx="4.5" cy="4.5" r="2" fill="currentColor"/>'
    spoken = SafeString('<span class="sr">high risk: </span>') if high else ""
    return format_html(
        '<span class="scope{}" title="{}"><svg width="9" height="9" viewBox="0 0 9 9" '
        'aria-hidden="true">{}</svg>{}{}</span>',
        " scope-high" if high else "",
        name,
        SafeString(shape if high else dot),
        spoken,
        text,
    )


@register.inclusion_tag("components/countdown.html")
def countdown(
    expires_at: datetime | str, total: int = 300, form: str = "ring", now: datetime | None = None
) -> dict[str, Any]:
    """Time left, counted down by countdown.js; `form` is ring or text, `total` in seconds."""
    moment, current = times.parse(expires_at), times.parse(now or timezone.now())
    left = max(int((moment - current).total_seconds()), 0)
    share = round(min(left / total, 1) * 100, 1) if total else 0
    stamp = moment.isoformat().replace("+00:00", "Z")
    return {
        "expires_at": stamp,
        "total": total,
        "left": left,
        "clock": times.clock(left) if left else "over",
        "share": share,
        "form": form,
    }


@register.simple_tag
def plural(count: int, one: str, many: str = "") -> str:
    """'1 event', '1,284 events', 'no events'; `many` for an irregular plural."""
    word = one if count == 1 else many or f"{one}s"
    return f"{count:,} {word}" if count else f"no {word}"


@register.filter
def thousands(value: object) -> str:
    """48210 → '48,210'; anything that is no number unchanged."""
    try:
        return f"{int(str(value)):,}"
    except ValueError:
        return str(value)


@register.filter
def duration(value: object) -> str:
    """Seconds as words: '820 ms', '5 min', '2 h 10 min'."""
    return times.duration(float(str(value)))


@register.simple_tag(takes_context=True)
def preferences(context: template.Context) -> SafeString:
    """Attributes of `<html>` from the visitor's cookies: theme, density, clock."""
    request = context.get("request")
    cookies: Mapping[str, str] = getattr(request, "COOKIES", {})
    allowed: Sequence[tuple[str, tuple[str, ...]]] = (
        ("theme", THEMES),
        ("density", DENSITIES),
        ("clock", ("local", "utc")),
    )
    return format_html_join(
        "",
        ' data-{}="{}"',
        ((name, cookies[name]) for name, values in allowed if cookies.get(name) in values),
    )


@register.simple_tag
def histogram_of(buckets: Iterable[Mapping[str, Any] | Bucket]) -> Histogram:
    """Lay out a histogram from buckets or from mappings with the same keys as `Bucket`."""
    return histogram(item if isinstance(item, Bucket) else Bucket(**item) for item in buckets)

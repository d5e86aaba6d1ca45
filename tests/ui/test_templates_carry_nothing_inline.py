"""The content security policy allows no inline style or script; neither do the templates."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template.loader import get_template

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
CSS_LIMIT = 48 * 1024
JS_LIMIT = 20 * 1024

_TAG = re.compile(r"{%.*?%}|{#.*?#}", re.DOTALL)
_VALUE = re.compile(r"{{.*?}}", re.DOTALL)


class Inspector(HTMLParser):
    """Collects what the policy would block, with its line."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        line = self.getpos()[0]
        if tag in {"style", "base", "object", "embed", "iframe"}:
            self.found.append(f"line {line}: <{tag}>")
        if tag == "script" and "src" not in names:
            self.found.append(f"line {line}: inline script")
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")):
                self.found.append(f"line {line}: {name}=")
            if (value or "").strip().lower().startswith(("javascript:", "js:")):
                self.found.append(f"line {line}: {name} holds script")


def blocked(source: str) -> list[str]:
    """What the policy would block in a template's source; template tags are cut away first."""
    inspector = Inspector()
    inspector.feed(_VALUE.sub("x", _TAG.sub(lambda cut: "\n" * cut[0].count("\n"), source)))
    return inspector.found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_carries_no_inline_style_or_script(path: Path) -> None:
    assert blocked(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_compiles(path: Path) -> None:
    get_template(str(path.relative_to(ROOT / "templates")))


@pytest.mark.parametrize(
    "source",
    [
        '<p style="color:red">',
        "<style>p{}</style>",
        "<script>1</script>",
        '<script nonce="{{ csp_nonce }}">1</script>',
        '<button onclick="x()">',
        '<div hx-on:click="x()">',
        '<a href="javascript:x()">',
        "{% if a %}<p {% if b %}style='x'{% endif %}>{% endif %}",
    ],
)
def test_the_check_itself_sees_each_kind(source: str) -> None:
    assert blocked(source)


def test_own_css_and_js_stay_light() -> None:
    css = sum(path.stat().st_size for path in (ROOT / "static/css").glob("*.css"))
    js = sum(path.stat().st_size for path in (ROOT / "static/js").glob("*.js"))
    assert css < CSS_LIMIT
    assert js < JS_LIMIT


def test_own_scripts_set_no_inline_style_and_eval_nothing() -> None:
    for path in (ROOT / "static/js").glob("*.js"):
        source = path.read_text(encoding="utf-8")
        assert not re.search(
            r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML", source
        )
        assert "setAttribute('style'" not in source.replace('"', "'")


def test_every_static_file_a_template_names_exists() -> None:
    named = re.compile(r"{% static '([^']+)' %}")
    for path in TEMPLATES:
        for name in named.findall(path.read_text(encoding="utf-8")):
            assert (ROOT / "static" / name).is_file(), f"{path.name} names {name}"

"""Names that would pass for others or drive a screen: isolated, written out, and warned of."""

from __future__ import annotations

import io
import json

import pytest
from django.template import Context, Template

from approvals.pipeline.service import _Request, _sentence
from ata.output.safe_text import safe
from ata.output.screen import Screen
from audit.ledger.format import safe_display
from audit.recording.actors import Target
from tests.attacks.input.hostile import RLO, TEXTS
from tests.support.pages import signed_in

DANGEROUS = {
    chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F))
} | set("\u2028\u2029\u200b\u2066\u2067\u2068\u2069")
DECEIVING = {
    "pdf-\u0435xfil": "looks like pdf-exfil but is not",
    "\u0440\u0430ypal": "looks like paypal but is not",
    "\uff50df-exfil": "looks like pdf-exfil but is not",
    "\u043fdf": "mixes Cyrillic and Latin letters",
    f"exe{RLO}fdp": "holds characters that cannot be seen",
    "pay\u200bpal": "holds characters that cannot be seen",
    "a\0b": "holds characters that cannot be seen",
}


def rendered(name: str) -> str:
    page = Template("{% load ata %}{{ name|named }}{% beware name %}")
    return page.render(Context({"name": name}))


@pytest.mark.parametrize("what", TEXTS)
def test_a_hostile_text_leaves_no_character_that_acts(what: str) -> None:
    shown = rendered(TEXTS[what])
    assert not DANGEROUS & set(shown)
    assert "<script" not in shown and "<img" not in shown
    assert not DANGEROUS & set(safe(TEXTS[what]))
    shown.encode()


@pytest.mark.parametrize("name", DECEIVING)
def test_a_name_that_could_pass_for_another_is_warned_of(name: str) -> None:
    assert safe_display.warning(name).startswith(DECEIVING[name])
    assert "<bdi" in rendered(name) and DECEIVING[name].split(" but")[0] in rendered(name)


@pytest.mark.parametrize("name", ["pdf-exfil", "Zoë", "日本語", "скилл", "مهارة", "naïve-café", ""])
def test_an_honest_name_in_any_script_is_not_warned_of(name: str) -> None:
    assert safe_display.warning(name) == ""


def test_a_long_name_is_cut_in_the_middle_with_the_whole_at_hand() -> None:
    shown = rendered("a" * 5000 + "z" * 5000)
    visible = shown.partition(">")[2]
    assert len(visible) < 300 and "9,952 characters, SHA-256 " in visible
    assert "a" * 5000 + "z" * 5000 in shown.partition(">")[0]


@pytest.mark.django_db
@pytest.mark.parametrize("name", DECEIVING)
def test_the_page_where_a_component_is_decided_warns(name: str) -> None:
    if "\0" in name:
        pytest.skip("an address with NUL is refused before any page")
    page = signed_in("operator", "operator").get(f"/enforcement/skill/{name}/").content.decode()
    assert f"This name {DECEIVING[name]}" in page.replace("&#x27;", "'")
    assert RLO not in page


@pytest.mark.parametrize("name", [*DECEIVING, "x" * 10_000])
def test_what_a_phone_shows_is_safe_short_and_warns(name: str) -> None:
    from approvals import registry

    sentence = _sentence(
        _Request(
            registry.get("skill.block"),
            None,  # type: ignore[arg-type]  # who asks is not in it
            Target("skill", name),
            {},
            "",
            "HIGH",
            None,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
        )
    )
    assert not DANGEROUS & set(sentence) and len(sentence) <= 500
    assert safe_display.warning(name) in sentence


@pytest.mark.parametrize("what", TEXTS)
def test_json_on_a_terminal_is_json_and_nothing_a_terminal_obeys(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    Screen(json_output=True).result({"name": TEXTS[what], "half": "\ud800"})
    line = out.getvalue().removesuffix("\n")
    assert line.isprintable()
    assert json.loads(line)["name"] == TEXTS[what]
    line.encode()

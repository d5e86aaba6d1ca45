"""docs/defenseclaw.md is what the effect function concludes."""

from __future__ import annotations

from scripts import defenseclaw_effects


def test_the_document_is_what_the_function_concludes() -> None:
    assert defenseclaw_effects.PAGE.read_text() == defenseclaw_effects.page(), (
        "run `python -m scripts.defenseclaw_effects`"
    )

"""Banners about what does not answer are sentences, of one gateway and of several."""

from __future__ import annotations

import pytest

from ui.outage_banners import Health, Silence, banners


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["edge-1"], "it is told as soon as it answers; what is shown of it is as of then."),
        (
            ["edge-1", "edge-2"],
            "they are told as soon as they answer; what is shown of them is as of then.",
        ),
    ],
)
def test_gateways_that_do_not_answer_are_named_in_a_sentence(names: list[str], said: str) -> None:
    away = tuple(Silence(name, None) for name in names)
    [banner] = banners(Health(gateways=away), person=True, staff=True)
    assert banner["text"].endswith(said)

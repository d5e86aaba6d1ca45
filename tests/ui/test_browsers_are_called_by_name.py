"""Where one is signed in is told in words by which people know their browsers."""

from __future__ import annotations

import pytest

from accounts.views.browser_names import in_words

_KHTML = "(KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 {_KHTML} "
            "Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
            "Edge 141 on Windows",
        ),
        (
            f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 {_KHTML} "
            "HeadlessChrome/141.0.0.0 Safari/537.36",
            "Chrome 141 on Linux",
        ),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 {_KHTML} "
            "Version/18.5 Mobile/15E148 Safari/604.1",
            "Safari 18 on iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:143.0) Gecko/20100101 Firefox/143.0",
            "Firefox 143 on macOS",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 {_KHTML} "
            "Chrome/141.0.0.0 Mobile Safari/537.36",
            "Chrome 141 on Android",
        ),
        ("", "unknown browser"),
        ("agent-of-nobody/1 " * 20, ("agent-of-nobody/1 " * 20)[:90]),
    ],
)
def test_a_browser_is_called_by_its_name_and_system(said: str, words: str) -> None:
    assert in_words(said) == words

"""Secrets out of what other systems wrote, before anybody sees it.

DefenseClaw stores what agents did, and agents are careless: command lines, headers and scan
excerpts carry tokens. What looks like a secret is replaced by `[masked: <what it looked like>]`.
A text beyond `cut.BOUND` characters is cut (`audit.ledger.format.truncation`). The digest of the
exact row is kept, so the source can still be compared. Every pattern takes time linear in the text:
`tests/house/test_patterns_over_foreign_text_are_linear.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from audit.ledger.format import truncation


@dataclass(frozen=True, slots=True)
class _Shape:
    """A kind of secret. Group `keep` stays before the mask; a text without a hint has none."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str


def _shape(label: str, hints: str, pattern: str, flags: int = 0) -> _Shape:
    compiled = re.compile(pattern, flags)
    kept = r"\g<keep>" if "keep" in compiled.groupindex else ""
    return _Shape(tuple(hints.split()), compiled, f"{kept}[masked: {label}]")


_NAMES: Final = (
    r"password|passwd|passphrase|secret|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|"
    r"signing[_-]?key|account[_-]?key|cookie|assertion|token"
)
# Words, numbers and marks that stand where a secret would, but are none.
_HARMLESS: Final = (
    r"(?!(?:null|none|true|false|undefined|redacted|masked|\d{1,9}|\*+)\b"
    r"|\[masked|\[cut|<|\$\{|\*{3})"
)

_SHAPES: Final = (
    _shape(
        "private key",
        "-----begin",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        re.DOTALL,
    ),
    # One attempt for each run of [\w-]: at its first `eyJ`, which decides for the later ones.
    _shape(
        "JWT",
        "eyj",
        r"(?<![\w-])(?P<keep>(?>[\w-]*?\b(?=eyJ)))[\w-]{9,}+\.[\w-]{2,}(?:\.[\w-]*){0,3}",
    ),
    _shape("AWS key", "akia asia", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    _shape(
        "GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,})",
    ),
    _shape("GitLab token", "glpat", r"\bglpat-[\w-]{16,}"),
    _shape("Slack token", "xox xapp-", r"\b(?:xox[a-z]|xapp)-[\w-]{8,}"),
    _shape("Slack webhook", "hooks.slack.com", r"(?P<keep>hooks\.slack\.com/services/)[\w/-]+"),
    _shape("Google key", "aiza ya29", r"\b(?:AIza[\w-]{30,}|ya29\.[\w-]{16,})"),
    _shape("API key", "sk- pk- rk- _live_ _test_", r"\b(?:sk|pk|rk)(?:-|_live_|_test_)[\w-]{16,}"),
    _shape("npm token", "npm_", r"\bnpm_[A-Za-z0-9]{20,}"),
    _shape("refresh token", "v1.", r"\bv1\.[\w-]{40,}"),
    _shape(
        "Authorization",
        "authorization",
        r"(?i)(?P<keep>\bauthorization[\"'\\]*\s*[:=]\s*[\"'\\]*)(?!\[masked|\[cut)"
        r"(?:[a-z]{3,10}\s+)?[^\s\"'\\,;]{4,}",
    ),
    _shape(
        "credential",
        "bearer basic splunk dpop",
        r"(?i)(?P<keep>\b(?:bearer|basic|splunk|dpop)\s+)(?=[\w~+/=.-]*[\d=+/_.])[\w~+/=.-]{12,}",
    ),
    _shape("password in a URL", "://", r"(?P<keep>://[^\s/:@\"']*:)[^\s/@\"']+(?=@)"),
    _shape(
        "secret in a URL",
        "?sig= &sig= signature= ?code= &code= ?key= &key=",
        r"(?i)(?P<keep>[?&](?:sig|signature|code|key)=)[^&\s\"'\\]{6,}",
    ),
    _shape(
        "secret",
        "passw passphrase secret credential api_key api-key apikey access_key access-key accesskey "
        "private_key private-key privatekey signing_key signing-key account_key account-key "
        "accountkey cookie assertion token",
        rf"(?i)(?P<keep>(?:{_NAMES})[\"'\\]*\s*[:=]\s*[\"'\\]*){_HARMLESS}[^\s\"'\\,;&}}\]]{{4,}}",
    ),
)
_SECRET_NAME: Final = re.compile(rf"(?i)(?:^|[._-]|[a-z])(?:{_NAMES})$")
_BY_NAME: Final = _SHAPES[-1]
_NOT_HARMLESS: Final = re.compile(_HARMLESS + r".{4}", re.IGNORECASE | re.DOTALL)
_ESCAPED: Final = re.compile(r"(?<!\\)\\++u00(?!22|5[Cc])([2-7][0-9A-Fa-f])")


class Masker:
    """Masks values that belong together; `count` is how many secrets it has masked.

    Almost nothing holds a secret, so one look over all texts together says what to look for.
    Give it everything that it will be called with, or that contains it.
    """

    __slots__ = ("_long", "_shapes", "count")

    def __init__(self, *values: Any) -> None:
        texts: list[str] = []
        _gather(values, texts)
        lower = "\n".join(texts).lower()
        self._shapes = [s for s in _SHAPES if any(hint in lower for hint in s.hints)]
        self._long = len(lower) > truncation.BOUND
        self.count = 0

    def __call__(self, value: Any) -> Any:
        """The value with secrets masked and long texts cut; the same object where nothing is."""
        if not self._shapes and not self._long:
            return value
        masked, count = _masked(value, self._shapes)
        self.count += count
        return masked


def mask(value: Any) -> Any:
    """The value, whatever its shape, with secrets masked and long texts cut.

    The same object where there is neither.
    """
    return Masker(value)(value)


@cache
def fingerprint() -> str:
    """What tells this version's idea of a secret from another's."""
    shapes = "\n".join(f"{s.pattern.pattern} {s.replacement} {s.hints}" for s in _SHAPES)
    return f"{shapes}\n{truncation.BOUND}"


def _gather(value: Any, texts: list[str]) -> None:
    """Add all texts and names in the value."""
    if isinstance(value, str):
        texts.append(_legible(value))
    elif isinstance(value, dict):
        for key, member in value.items():
            texts.append(str(key))
            _gather(member, texts)
    elif isinstance(value, list | tuple):
        for item in value:
            _gather(item, texts)


def _masked(value: Any, shapes: Sequence[_Shape]) -> tuple[Any, int]:
    if isinstance(value, str):
        return _mask_text(value, shapes)
    if isinstance(value, dict):
        pairs = {key: _member(key, member, shapes) for key, member in value.items()}
        same = all(new is value[key] for key, (new, _) in pairs.items())
        count = sum(n for _, n in pairs.values())
        return value if same else {key: new for key, (new, _) in pairs.items()}, count
    if isinstance(value, list | tuple):
        items = [_masked(item, shapes) for item in value]
        same = all(new is old for (new, _), old in zip(items, value, strict=True))
        return value if same else [new for new, _ in items], sum(n for _, n in items)
    return value, 0


def _member(key: Any, value: Any, shapes: Sequence[_Shape]) -> tuple[Any, int]:
    named = (
        _BY_NAME in shapes
        and isinstance(value, str)
        and isinstance(key, str)
        and _SECRET_NAME.search(key)
    )
    if named and _NOT_HARMLESS.match(value):
        return "[masked: secret]", 1
    return _masked(value, shapes)


def _mask_text(text: str, shapes: Sequence[_Shape]) -> tuple[str, int]:
    start = truncation.start_of(text)
    masked, count = _legible(start) if shapes else start, 0
    for shape in shapes:
        masked, found = shape.pattern.subn(shape.replacement, masked)
        count += found
    if not count:
        masked = start
    if start is not text or len(masked) > truncation.BOUND:
        masked = truncation.cut(masked, text)
    return masked, count


def _legible(text: str) -> str:
    """JSON's escapes of printable ASCII undone, behind which a secret would not be seen."""
    if "\\u00" not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)

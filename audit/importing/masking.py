"""Secrets out of what other systems wrote, before anybody sees it.

DefenseClaw stores what agents did, and agents are careless: command lines, headers and scan
excerpts carry tokens. What looks like a secret is replaced by `[masked: <what it looked like>]`.
The digest of the exact row is kept, so the source can still be compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class _Shape:
    """A kind of secret. Group `keep` stays before the mask. `hints` are cheap to look for first."""

    label: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]


def _shape(label: str, hints: str, pattern: str, flags: int = 0) -> _Shape:
    return _Shape(label, tuple(hints.split()), re.compile(pattern, flags))


_NAMES: Final = (
    r"password|passwd|passphrase|secret|credentials?|api[_-]?key|access[_-]?key|private[_-]?key|"
    r"signing[_-]?key|account[_-]?key|cookie|assertion|token"
)
# Words, numbers and marks that stand where a secret would, but are none.
_HARMLESS: Final = (
    r"(?!(?:null|none|true|false|undefined|redacted|masked|\d{1,9}|\*+)\b|\[masked|<|\$\{|\*{3})"
)

_SHAPES: Final = (
    _shape(
        "private key",
        "private",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
        re.DOTALL,
    ),
    _shape("JWT", "eyj", r"\beyJ[\w-]{6,}\.[\w-]{2,}(?:\.[\w-]*){0,3}"),
    _shape("AWS key", "akia asia", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    _shape("GitHub token", "gh github_pat", r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,})"),
    _shape("GitLab token", "glpat", r"\bglpat-[\w-]{16,}"),
    _shape("Slack token", "xox xapp", r"\b(?:xox[a-z]|xapp)-[\w-]{8,}"),
    _shape("Slack webhook", "hooks.slack.com", r"(?P<keep>hooks\.slack\.com/services/)[\w/-]+"),
    _shape("Google key", "aiza ya29", r"\b(?:AIza[\w-]{30,}|ya29\.[\w-]{16,})"),
    _shape("API key", "sk- sk_ rk_ pk-", r"\b(?:sk|pk|rk)(?:-|_live_|_test_)[\w-]{16,}"),
    _shape("npm token", "npm_", r"\bnpm_[A-Za-z0-9]{20,}"),
    _shape("refresh token", "v1.", r"\bv1\.[\w-]{40,}"),
    _shape(
        "Authorization",
        "authorization",
        r"(?i)(?P<keep>\bauthorization[\"'\\]*\s*[:=]\s*[\"'\\]*)(?!\[masked)"
        r"(?:[a-z]{3,10}\s+)?[^\s\"'\\,;]{4,}",
    ),
    _shape(
        "credential",
        "bearer basic splunk dpop",
        r"(?i)(?P<keep>\b(?:bearer|basic|splunk|dpop)\s+)(?=[\w~+/=.-]*[\d=+/_.])[\w~+/=.-]{12,}",
    ),
    _shape("password in a URL", "@", r"(?P<keep>://[^\s/:@\"']*:)[^\s/@\"']+(?=@)"),
    _shape(
        "secret in a URL",
        "sig= signature= code= key=",
        r"(?i)(?P<keep>[?&](?:sig|signature|code|key)=)[^&\s\"'\\]{6,}",
    ),
    _shape(
        "secret",
        "passw passphrase secret credential key cookie assertion token",
        rf"(?i)(?P<keep>(?:{_NAMES})[\"'\\]*\s*[:=]\s*[\"'\\]*){_HARMLESS}[^\s\"'\\,;&}}\]]{{4,}}",
    ),
)
_SECRET_NAME: Final = re.compile(rf"(?i)(?:^|[._-]|[a-z])(?:{_NAMES})$")


def mask(value: Any) -> Any:
    """The value with secrets masked, whatever its shape; the same object where there is none."""
    return mask_counted(value)[0]


def mask_counted(value: Any) -> tuple[Any, int]:
    """As `mask`, with how many secrets were masked."""
    if isinstance(value, str):
        return _mask_text(value)
    if isinstance(value, dict):
        pairs = {key: _member(key, member) for key, member in value.items()}
        count = sum(n for _, n in pairs.values())
        return ({key: new for key, (new, _) in pairs.items()}, count) if count else (value, 0)
    if isinstance(value, list | tuple):
        items = [mask_counted(item) for item in value]
        count = sum(n for _, n in items)
        return ([new for new, _ in items], count) if count else (value, 0)
    return value, 0


def _member(key: Any, value: Any) -> tuple[Any, int]:
    named = isinstance(value, str) and isinstance(key, str) and _SECRET_NAME.search(key)
    if named and re.match(_HARMLESS + r".{4}", value, re.IGNORECASE | re.DOTALL):
        return "[masked: secret]", 1
    return mask_counted(value)


def _mask_text(text: str) -> tuple[str, int]:
    lower = text.lower()
    count = 0
    for shape in _SHAPES:
        if any(hint in lower for hint in shape.hints):
            text, found = shape.pattern.subn(_replacement(shape.label), text)
            count += found
    return text, count


def _replacement(label: str) -> Callable[[re.Match[str]], str]:
    def replace(found: re.Match[str]) -> str:
        kept = found.groupdict().get("keep") or ""
        return f"{kept}[masked: {label}]"

    return replace

"""A few of the content rules that both gateway and agents' hooks apply to tool calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ORDER: Final = ("NONE", "INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern with the name and severity that findings carry."""

    id: str
    title: str
    severity: str
    pattern: re.Pattern[str]


def _rule(id_: str, title: str, severity: str, pattern: str) -> Rule:
    return Rule(id_, title, severity, re.compile(pattern, re.IGNORECASE))


_COMMAND_RULES: Final = (
    _rule("CMD-RM-RF", "Recursive force delete from critical root path", "CRITICAL",
          r"\brm\s+-(?:rf|fr)\s+(?:--no-preserve-root\s+)?(?:/|~)(?:\s|$|\*)"),
    _rule("CMD-PIPE-CURL", "curl piped to shell", "CRITICAL",
          r"\b(?:curl|wget)\b[^|\n]*\|\s*(?:sudo\s+)?(?:ba|z)?sh\b"),
    _rule("CMD-REVSHELL-NC", "Netcat reverse shell with -e", "CRITICAL", r"\bnc\b.*\s-e\s"),
    _rule("CMD-CHMOD-WORLD", "chmod world-writable", "HIGH", r"\bchmod\s+(?:-R\s+)?777\b"),
    _rule("CMD-SUDO", "sudo in a command", "MEDIUM", r"\bsudo\b"),
    _rule("PATH-ETC-PASSWD", "/etc/passwd access", "HIGH", r"/etc/(?:passwd|shadow)\b"),
)  # fmt: skip
_SECRET_FILE_RULES: Final = (
    _rule("PATH-SSH-DIR", "SSH directory access", "HIGH", r"\.ssh/"),
    _rule("PATH-SSH-KEY", "SSH key file path", "CRITICAL", r"\.ssh/id_(?:rsa|ed25519|ecdsa)"),
    _rule("PATH-AWS-CREDS", "AWS credentials file", "CRITICAL", r"\.aws/credentials"),
    _rule("PATH-ENV-FILE", "Environment file", "HIGH", r"(?:^|[\s\"'/])\.env\b"),
)
_PROMPT_RULES: Final = (
    _rule("TRUST-IGNORE-PREVIOUS", "Ignore previous instructions", "CRITICAL",
          r"ignore (?:all )?previous instructions"),
    _rule("TRUST-PROMPT-EXTRACT", "System prompt extraction attempt", "HIGH",
          r"(?:print|show|reveal) (?:me )?your system prompt"),
)  # fmt: skip


def matching_rules(text: str, *, prompt: bool, secret_files: bool) -> list[Rule]:
    """Return the rules that match a tool's arguments or a prompt.

    `secret_files` is False at HEAD, which let a read of key files pass when it was recorded.
    """
    rules: tuple[Rule, ...] = _PROMPT_RULES if prompt else _COMMAND_RULES
    if secret_files and not prompt:
        rules = rules + _SECRET_FILE_RULES
    return [rule for rule in rules if rule.pattern.search(text)]


def highest_severity(severities: list[str]) -> str:
    """Return the highest severity, `NONE` for an empty list."""
    return max(severities, key=ORDER.index, default="NONE")


def text_of(value: object) -> str:
    """Return all strings in a tool's arguments, one a line."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "\n".join(text_of(part) for part in value.values())
    if isinstance(value, list):
        return "\n".join(text_of(part) for part in value)
    return ""

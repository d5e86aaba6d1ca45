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
          r"\brm\s+-(?:rf|fr)\s+(?:--no-preserve-root\s+)?/(?:\s|$|\*|(?:etc|usr|var|home|root)\b)"),
    _rule("CMD-PIPE-CURL", "curl piped to shell", "CRITICAL",
          r"\bcurl\b[^|\n]*\|\s*(?:/\S+/)?(?:ba|z)?sh\b"),
    _rule("CMD-PIPE-WGET", "wget piped to shell", "CRITICAL",
          r"\bwget\b[^|\n]*\|\s*(?:/\S+/)?(?:ba|z)?sh\b"),
    _rule("CMD-PIPE-BASE64", "base64 decode piped to shell", "CRITICAL",
          r"\bbase64\s+(?:-d|--decode)\s*\|\s*(?:ba|z)?sh\b"),
    _rule("CMD-MKFS", "Filesystem format command", "CRITICAL", r"\bmkfs\b"),
    _rule("CMD-CHMOD-WORLD", "chmod world-writable", "HIGH", r"\bchmod\s+\d*[0-7]{2}[2367]\s"),
    _rule("CMD-CRONTAB", "Crontab modification", "HIGH", r"\bcrontab\s+-[erl]\b"),
    _rule("CMD-PYTHON-C", "Python inline execution", "LOW", r"\bpython[23]?\s+-c\s"),
    _rule("PATH-ENV-FILE", "Environment file", "HIGH", r"(?:^|[\s/])\.env(?:$|[\s\"',;])"),
    _rule("PATH-ETC-PASSWD", "/etc/passwd access", "HIGH", r"/etc/passwd\b"),
    _rule("PATH-ETC-SHADOW", "/etc/shadow access", "CRITICAL", r"/etc/shadow\b"),
)  # fmt: skip
_BEFORE_HEAD: Final = (
    _rule("CMD-REVSHELL-NC", "Netcat reverse shell with -e", "CRITICAL", r"\bnc\b.*\s-e\s"),
    _rule("CMD-SUDO", "sudo invocation", "LOW", r"\bsudo\s"),
    _rule("PATH-SSH-DIR", "SSH directory access", "HIGH", r"(?:~|/home/\w+|/root)/\.ssh/"),
    _rule("PATH-SSH-KEY", "SSH private key file path", "CRITICAL",
          r"/id_(?:rsa|ed25519|ecdsa|dsa)(?:$|[^\w.-])"),
    _rule("PATH-AWS-CREDS", "AWS credentials file", "CRITICAL", r"/\.aws/credentials"),
    _rule("PATH-NETRC", "netrc credentials file", "CRITICAL", r"(?:~|/home/\w+|/root)/\.netrc"),
)  # fmt: skip
"""Rules that HEAD applies only in ways that these patterns cannot tell; it lets them pass."""
_HEAD: Final = (
    _rule("CMD-REVSHELL-BASH", "Bash reverse shell", "CRITICAL",
          r"\bnc\b.*\s-e\s|bash\s+-i\s+>&\s*/dev/tcp/"),
)  # fmt: skip
_PROMPT_RULES: Final = (
    _rule("TRUST-IGNORE-PREVIOUS", "Ignore previous instructions", "CRITICAL",
          r"ignore\s+(?:all\s+)?(?:previous|prior|above)\s+(?:instructions|rules)"),
    _rule("TRUST-PROMPT-EXTRACT", "System prompt extraction attempt", "MEDIUM",
          r"(?:print|show|reveal)\s+(?:me\s+)?(?:your\s+)?(?:the\s+)?(?:system\s+)?prompt"),
)  # fmt: skip


def matching_rules(text: str, *, prompt: bool, at_head: bool) -> list[Rule]:
    """Return the rules that match a tool's arguments or a prompt."""
    rules: tuple[Rule, ...] = _PROMPT_RULES
    if not prompt:
        rules = _COMMAND_RULES + (_HEAD if at_head else _BEFORE_HEAD)
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

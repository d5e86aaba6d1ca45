"""Which rows of a gateway are acts of a person, and which of them relax something.

What a gateway does itself (its watcher, its scanners, its own start) is on no list. An act whose
row does not say which way it goes counts as relaxing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

CONFIGURATION: Final = "configuration"

_THING: Final = re.compile(
    r"(?:api-)?(?:skill|plugin|tool|mcp)-"
    r"(block|unblock|allow|enable|disable|quarantine|restore|set|unset|install|remove)"
    r"|api-enforce-(block|unblock|allow)|(block|unblock|allow)-mcp|(block|allow|enable|disable)"
)
_RELAXING: Final = frozenset({"unblock", "allow", "enable", "restore", "set", "install"})


@dataclass(frozen=True, slots=True)
class _Restricts:
    """What the details of a setting have where it restricts, as words between spaces.

    One of `either` is there, each of `every`, and none of `never`.
    """

    either: tuple[str, ...] = ()
    every: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    def here(self, details: str) -> bool:
        words = frozenset(details.casefold().split())
        return (
            (not self.either or not words.isdisjoint(self.either))
            and words.issuperset(self.every)
            and words.isdisjoint(self.never)
        )


_OF_THE_GATEWAY: Final[tuple[tuple[re.Pattern[str], str, bool | _Restricts], ...]] = (
    (re.compile(r"guardrail-(?:enable|block-message)"), "guardrail", False),
    (re.compile(r"guardrail-disable"), "guardrail", True),
    (re.compile(r"guardrail-fail-mode"), "guardrail", _Restricts(every=("new=closed",))),
    (
        re.compile(r"guardrail-hilt"),
        "guardrail",
        _Restricts(every=("state=on", "min_severity=preserve")),
    ),
    (
        re.compile(r"setup-guardrail"),
        "guardrail",
        _Restricts(every=("mode=action",), never=("disable_redaction=true",)),
    ),
    (re.compile(r"judge-hooks"), "guardrail", _Restricts(every=("add",))),
    (
        re.compile(r"guardrail-config-reload|config-update|api-config-patch|setup-gateway"),
        CONFIGURATION,
        _Restricts(every=("mode=action",)),
    ),
    (re.compile(r"connector-hook-tampered"), "hooks", True),
    (
        re.compile(r"setup-(?:hook-connector|connector-mode)"),
        "hooks",
        _Restricts(every=("mode=action",)),
    ),
    (re.compile(r"policy-create"), "policy", False),
    (re.compile(r"policy-(?:activate|delete|update|reload)"), "policy", True),
    (
        re.compile(r"setup-redaction-toggle"),
        "redaction",
        _Restricts(every=("disable_redaction=false",)),
    ),
    (re.compile(r"setup-redaction-policy"), "redaction", True),
    (
        re.compile(r"setup-(?:webhook|observability|local-observability|splunk)"),
        "destinations",
        _Restricts(either=("action=add", "action=add-v8", "enabled=true")),
    ),
    (re.compile(r"setup-(?:skill|mcp)-scanner"), "scanners", True),
    (re.compile(r"setup-provider"), "provider", True),
    (re.compile(r"registry-(?:add|edit)"), "registry", True),
    (re.compile(r"registry-remove"), "registry", False),
)
"""Actions about a whole gateway: the act, and whether it relaxes; else what its details have where
it does not. They say it only of settings that have two directions: a reason in them must not lower
what a disable is."""
_TRIED_OUT: Final = re.compile(r"(?:\A|\s)ok=(?:true|false)(?:\s|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did: `act` is one word, such as `unblock` or `policy`."""

    act: str
    relaxes: bool


def of_row(action: str, details: str) -> Act | None:
    """The act that a row of DefenseClaw is of; None where it is none of a person.

    Args:
        action: as the gateway logs it, such as `skill-unblock`.
        details: the text of the row.
    """
    if thing := _THING.fullmatch(action):
        word = next(filter(None, thing.groups()))
        return Act(word, word in _RELAXING)
    for pattern, word, relaxes in _OF_THE_GATEWAY:
        if pattern.fullmatch(action):
            if word == "destinations" and _TRIED_OUT.search(details):
                return None
            if isinstance(relaxes, _Restricts):
                return Act(word, not relaxes.here(details))
            return Act(word, relaxes)
    return None

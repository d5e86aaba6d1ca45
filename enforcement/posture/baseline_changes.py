"""What another baseline of a gateway would change, setting by setting, gravest first."""

from __future__ import annotations

from collections.abc import Mapping

from enforcement.posture import settings_catalogue
from enforcement.posture.settings_catalogue import ABSENT

NOT_JUDGED = "not judged"


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Setting, approved until now and approved then; only those that differ.

    First what weakens the gateway, or is weak and new, and where its data would go.
    """
    found = [
        (setting, _said(before, setting), _said(after, setting))
        for setting in sorted({*before, *after})
        if before.get(setting) != after.get(setting)
    ]
    return sorted(found, key=lambda one: not _is_grave(*one))


def _said(baseline: Mapping[str, str], setting: str) -> str:
    if not baseline:
        return NOT_JUDGED
    return settings_catalogue.expected(baseline, setting) or NOT_JUDGED


def _is_grave(setting: str, before: str, after: str) -> bool:
    if after == NOT_JUDGED or settings_catalogue.sends_out(setting, after):
        return True
    if before in {NOT_JUDGED, ABSENT}:
        return settings_catalogue.is_weak(setting, after)
    return settings_catalogue.weakens(setting, before, after)

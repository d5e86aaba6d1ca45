"""Names in recorded entries, and what they are called at the gateway under test."""

from __future__ import annotations

from collections.abc import Mapping

from tests.gateways.act import Act
from tests.gateways.observations import Entry


def expected_names(act: Act) -> dict[str, str]:
    """Names in recorded entries, and what they are called here."""
    recorded = act.observation.name
    if "*" in recorded:
        entries = act.observation.entries("entries_after") or ()
        recorded = next((entry.name for entry in entries), recorded)
    names = {recorded: act.name}
    if act.kind == "tool":
        for agent in act.peer.configuration.modes:
            names[f"@{agent}/{recorded}"] = f"@{agent}/{act.name}"
        names[f"github/{recorded}"] = f"github/{act.name}"
    return names


def rename_entry(entry: Entry, names: Mapping[str, str]) -> Entry:
    """Return an entry under the name it has here, its path too."""
    name = names.get(entry.name, entry.name)
    path = entry.path
    if path and path.endswith(f"/{entry.name}"):
        path = f"{path.removesuffix(entry.name)}{name}"
    return Entry(entry.agent, name, entry.install, entry.file, entry.runtime, path, entry.reason)

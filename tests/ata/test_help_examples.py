"""Every command's help has an example, and every example does what it is for."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from ata.cli import COMMANDS, leaves, load
from ata.help_examples import EXAMPLES
from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, Request, StandIn

FOUND = {path: command for name in COMMANDS for path, command in leaves(load(name), name)}
NOT_RUN = {
    "login": "waits for a browser",
    "verify": "needs a pack",
    "witness": "serves until it is ended",
    "outpost enrol": "needs a gateway",
    "outpost run": "needs a gateway",
    "outpost status": "needs a gateway",
    "outpost install": "needs a gateway",
    "outpost uninstall": "needs a gateway",
    "dc": "needs a gateway",
    "skill quarantine": "needs a gateway",
    "skill restore": "needs a gateway",
    "plugin quarantine": "needs a gateway",
    "plugin restore": "needs a gateway",
    "mcp run": "starts a server of somebody else",
    "mcp proxy": "serves until it is ended",
    "manifest read": "needs a folder",
    "reviews result": "needs a signed result",
    "audit export": "needs a signed export",
    "audit sample": "needs a signed sample",
    "audit tail": "follows until it is ended",
    "audit entries": "needs a log",
}
"""Commands whose example is only read, as they would read it."""
CLOSED = {"status": "closed", "outcome": "approved", "effects": []}
ITEM = {"id": "c-1", "connection": "github", "number": 3, "name": "My denials", "mine": True}
ITEM |= {"severity": "HIGH", "title": "Sends files away"}


class Anything(dict[tuple[str, str], list[Any]]):
    """Answers of a portal that has a little of everything and permits all."""

    def get(self, key: tuple[str, str], default: Any = None) -> Any:
        if (found := super().get(key)) is not None:
            return found
        return [lambda request: anything(request)]


def anything(request: Request) -> Reply:
    if request.method == "GET":
        return Reply(200, {"items": [ITEM], "next": None, "built_in": [], **CLOSED})
    return Reply(201, {"event_id": "e-1", "sentence": "It", **CLOSED, "outcome": "cancelled"})


@pytest.fixture
def willing(signed_in: Ata, portal: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ata]:
    portal.answers = Anything(portal.answers)
    monkeypatch.setenv("HOME", str(signed_in.home))
    monkeypatch.chdir(signed_in.home)
    manifest = {"kind": "mcp", "name": "github-mcp", "connections": []}
    (signed_in.home / "github-mcp.json").write_text(json.dumps(manifest))
    yield signed_in


def test_every_command_has_an_example_and_none_is_of_a_command_that_is_gone() -> None:
    assert sorted(FOUND) == sorted(EXAMPLES)
    assert set(NOT_RUN) <= set(FOUND)


@pytest.mark.parametrize("path", EXAMPLES)
def test_an_example_is_read_by_its_own_command_and_shown_in_its_help(path: str) -> None:
    words = shlex.split(EXAMPLES[path])
    assert " ".join(words[: len(path.split())]) == path
    FOUND[path].make_context(path, words[len(path.split()) :])
    assert FOUND[path].epilog.endswith(f"Example:\n  ata {EXAMPLES[path]}")


@pytest.mark.parametrize("path", sorted(set(EXAMPLES) - set(NOT_RUN)))
def test_an_example_ends_well(willing: Ata, path: str) -> None:
    done = willing.here(*shlex.split(EXAMPLES[path]))
    assert done.exit_code == 0, done.output


def test_help_shows_the_example_whole(willing: Ata) -> None:
    shown = willing.here("skill", "block", "--help").stdout
    assert f"ata {EXAMPLES['skill block']}" in shown.splitlines()[-1]

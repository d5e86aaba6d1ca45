"""`ata freeze` at a running portal: the next exchange is refused, and nobody ends that alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.connections.broker_house import House, house
from tests.support.forking import CHECKOUT, COMMAND_LINE

ADMIN = "auth0|0000000000000000000000ad"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("freezing-house")) as started:
        yield started


def ata(place: House, home: Path, who: str, words: str, *roles: str, code: int = 0) -> Any:
    """Type it as somebody with these roles; what it printed as JSON."""
    done = COMMAND_LINE.run(
        ["-m", "ata", *words.split(), "--json"],
        cwd=CHECKOUT,
        env=place.session(who, home, *roles),
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_what_is_frozen_gets_no_token_and_nobody_ends_that_alone(
    place: House, tmp_path: Path
) -> None:
    _members_freeze_themselves_and_nobody_else(place, tmp_path)
    for what in ("agent", "connection", "person", "everything"):  # the last stops all that follow
        connection = "github" if what != "connection" else "gitlab"
        sub = place.person("octo-cold", connection=connection)
        token, bot = place.vault.token(sub), f"bot-{what}"
        name = {"agent": bot, "connection": connection, "person": sub, "everything": ""}[what]
        skill = "" if connection == "gitlab" else "mcp:github-mcp"
        assert place.ask(token, connection, Agent=bot, Skill=skill).status == 200
        done = ata(place, tmp_path, ADMIN, f"freeze {what} {name}", "admin")
        assert done["status"] == "done"
        said = place.ask(token, connection, Agent=bot, Skill=skill)
        assert (said.status, said.code) == (403, "frozen")
        again = ata(place, tmp_path, ADMIN, f"freeze {what} {name}", "admin")
        assert again["status"] == "nothing_to_do"
        alone = ata(place, tmp_path, ADMIN, f"unfreeze {what} {name}", "admin", code=1)
        assert alone["error"]["code"] == "no_approver"  # no admin ever signed in to this house
        assert place.ask(token, connection, Agent=bot, Skill=skill).code == "frozen"
        others = place.ask(place.vault.token(place.person("octo-warm")), Agent="another")
        assert others.status == (403 if what == "everything" else 200)


def _members_freeze_themselves_and_nobody_else(place: House, tmp_path: Path) -> None:
    sub = place.person("octo-own")
    refused = ata(place, tmp_path, sub, "freeze agent somebodys-bot", code=1)
    assert refused["error"]["code"] == "not_permitted"
    assert ata(place, tmp_path, sub, "freeze me")["status"] == "done"
    assert place.ask(place.vault.token(sub)).code == "frozen"

"""After the stories: no secret is anywhere it does not belong (DESIGN 1.4)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.canary import delivered, haystack, needles
from tests.canary.needles import Needles
from tests.stories.house import House
from tests.support.stack import eventually

_COMMANDS = (
    "status",
    "audit search --json",
    "audit export --output taken.csv --format csv --force",
    "audit export --output taken.xlsx --format xlsx --force",
    "audit export --output taken.ocsf.ndjson --format ocsf --force",
    "connections list --json",
    "manifest list --json",
    "policy show --json",
    "approvals --json",
)
"""What an auditor's command line reads; what the others said is kept by the stories."""


def _found(needle: Needles, var_dir: Path, output: list[Path]) -> set[tuple[str, str]]:
    return {
        (where, what)
        for where, text in haystack.of_house(var_dir, output)
        for what in needle.in_text(text)
    }


def _take_away(house: House) -> list[Path]:
    """All that an auditor takes out of a running house, kept for the canary to read."""
    auditor = house.command_line("auditor").signed_in()
    for command in _COMMANDS:
        done = auditor(*command.split())
        assert done.returncode == 0, (command, done.stderr)
    token = json.loads(auditor.session.read_text())["access_token"]
    asking = httpx.Client(
        base_url=house.stack.portal, headers={"Authorization": f"Bearer {token}"}, timeout=120
    )

    def call(method: str, path: str, body: Any) -> tuple[bytes, Mapping[str, str]]:
        answer = asking.request(method, path, json=body)
        until = time.monotonic() + 60
        while answer.status_code == 409 and time.monotonic() < until:
            time.sleep(0.2)  # a worker was first to write the export
            answer = asking.request(method, path, json=body)
        assert answer.is_success, (path, answer.text)
        return answer.content, answer.headers

    def signed() -> bool:
        event = taken["inventory.xlsx event"].decode()
        return asking.get(f"/v1/audit/events/{event}/proof").is_success

    with asking:
        taken = delivered.files(call)
        eventually(signed, "the inventories' events in the signed tree")
        taken |= delivered.manifests(call, taken)
    folder = house.homes / "delivered"
    folder.mkdir(exist_ok=True)
    for name, raw in taken.items():
        (folder / name).write_bytes(raw)
    return [*folder.iterdir(), *auditor.home.glob("taken.*")]


def test_no_secret_is_kept_logged_exported_or_given_to_an_agent(house: House) -> None:
    taken = _take_away(house)
    assert len(taken) >= 28
    wanted = needles.collect(house.stack, house.homes)
    assert len(wanted.digests) > 50
    kinds = set(wanted.values.values())
    assert {"session cookie", "CSRF secret", "state of a sign-in", "nonce of a sign-in"} <= kinds
    own = {needles.SESSIONS, needles.BROWSERS}
    said = [p for p in house.homes.glob("*") if p.is_file() and p.name not in own]
    assert any(p.name == "agent-process.txt" for p in said)
    found = _found(wanted, house.stack.var_dir, [*said, *taken, house.stack.log_file])
    assert {(where, what) for where, what in found if not _at_home(where, what)} == set()


def _at_home(where: str, what: str) -> bool:
    """Whether a secret of a browser's session lies in the table of sessions, its only home.

    A file of the database read whole does not tell one table from another; its columns do.
    """
    if what not in needles.OF_SESSIONS or not where.startswith("portal.sqlite3"):
        return False
    _, _, column = where.partition(": ")
    return not column or column.removesuffix(" (unwrapped)") == "django_session.session_data"

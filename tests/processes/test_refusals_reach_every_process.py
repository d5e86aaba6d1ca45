"""What one portal process decides holds in every other at once, and outlives a restart of all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from playwright.sync_api import expect

from tests.stories.house import CommandLine, House, fresh
from tests.stories.member import connect
from tests.support.ports import free_ports
from tests.support.stack import CHECKOUT, Stack, eventually


@contextmanager
def more_portals(stack: Stack) -> Iterator[str]:
    """Two more processes of the portal on the same data, at one port of their own."""
    port = free_ports(1)
    command = ["-m", "serving", "portal.wsgi:application", "--port", str(port), "--processes", "2"]
    with stack.log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=CHECKOUT,
            env=stack.environment(),
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://localhost:{port}"
        eventually(lambda: _answers(f"{url}/healthz"), "more processes of the portal")
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def call(who: CommandLine, method: str, url: str, **more: Any) -> httpx.Response:
    """A call with the token of somebody's command line, on a connection of its own."""
    token = json.loads(who.signed_in().session.read_text())["access_token"]
    headers = {"Authorization": f"Bearer {token}"} | more.pop("headers", {})
    return httpx.request(method, url, headers=headers, timeout=60, **more)


def test_a_freeze_at_one_process_is_the_next_answer_of_every_other(house: House) -> None:
    connect(house.visit("member2").page, house, "github", "GitHub", fresh("milo-frozen"))
    milo, admin = house.command_line("member2").signed_in(), house.command_line("admin").signed_in()
    agent = fresh("runaway")

    def exchange(portal: str) -> str:
        headers = {"ATA-Agent": agent, "ATA-Skill": "mcp:github-mcp"}
        url = f"{portal}/v1/auth/token?connection=github"
        answer = call(milo, "GET", url, headers=headers)
        return "" if answer.status_code == 200 else str(answer.json()["code"])

    with more_portals(house.stack) as others:
        assert [exchange(others) for _ in range(6)] == [""] * 6, "both processes gave it out"
        body = {
            "verb": "agent.freeze",
            "target": {"kind": "agent", "name": agent},
            "reason": "it runs away",
        }
        done = call(admin, "POST", house.url("/v1/decisions"), json=body)
        assert done.status_code == 201, done.text
        assert [exchange(others) for _ in range(6)] == ["frozen"] * 6
        assert exchange(house.stack.portal) == "frozen"


def test_a_deletion_that_waits_for_its_owner_outlives_a_restart(house: House) -> None:
    someone = house.visit("member2")
    path = connect(someone.page, house, "google-oauth2", "Google", fresh("milo-restarts"))
    someone.page.goto("about:blank")  # no page of theirs is there to finish it
    account, milo = path.split("/")[2], house.command_line("member2").signed_in()
    revoked = call(milo, "POST", house.url(f"/v1/connections/{account}/revoke"))
    assert revoked.status_code == 201, revoked.text
    house.stack.stop()
    house.stack.start()
    [row] = house.stack.rows(
        "SELECT state FROM connections_connectedaccount WHERE id = ?", account.replace("-", "")
    )
    assert row["state"] == "revocation_pending"
    listed = call(milo, "GET", house.url(f"/v1/connections/{account}")).json()
    assert listed["state"] == "revocation_pending"

    def step() -> str:
        [effect] = house.stack.rows(
            "SELECT state FROM approvals_effect WHERE target_name = ?", account
        )
        return str(effect["state"])

    assert step() == "pending"
    page = house.visit("member2", "/connections/").page
    finish = page.get_by_role("link", name="Finish now")
    deleted = page.get_by_text("Your Google connection was deleted at Auth0.")
    undo = page.get_by_role("button", name="Undo")
    expect(deleted.or_(finish).or_(undo).first).to_be_visible(timeout=60_000)
    if finish.first.is_visible():
        finish.first.click()
    expect(deleted).to_be_visible(timeout=60_000)
    eventually(lambda: step() == "done", "the remote step at its end")

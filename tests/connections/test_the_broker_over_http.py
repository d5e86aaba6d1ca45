"""The broker between another Auth0-shaped provider and a process that has a token and a URL."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.connections.broker_house import House, Said, house
from tests.support.stack import CHECKOUT, eventually
from tests.support.written import written

type Cause = Callable[[House, str], Said]

GITHUB = {"connection": "github"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("broker-house")) as started:
        yield started


@pytest.fixture(autouse=True)
def _honest(place: House) -> Iterator[None]:
    yield
    place.vault.tell(faults=[], delay_s=0)


def test_a_caller_gets_a_token_that_the_provider_takes(place: House) -> None:
    sub = place.person("octo-one")
    said = place.ask(place.vault.token(sub), Scopes="read:user repo")
    assert (said.status, said.headers["cache-control"]) == (200, "no-store")
    assert place.vault.whose(said.token) == "octo-one"
    assert said.body["scope"] == "read:user repo"
    (event,) = place.events(action="token.exchanged", agent="release-bot", limit="1")[:1]
    assert event["id"] == said.body["event_id"]


def after(**fault: Any) -> Cause:
    """The vault does this once."""

    def cause(place: House, sub: str) -> Said:
        place.vault.tell(faults=[fault])
        return place.ask(place.vault.token(sub))

    return cause


def frozen_agent(place: House, sub: str) -> Said:
    place.decide("agent.freeze", "agent", "rogue-bot")
    return place.ask(place.vault.token(sub), Agent="rogue-bot")


def frozen_service(place: House, sub: str) -> Said:
    place.decide("connection.freeze", "service", "gitlab")
    return place.ask(place.vault.token(sub), "gitlab", Skill="")


def held(place: House, sub: str) -> Said:
    place.ships("mcp", "held-mcp", connections=[{"connection": "github", "scopes": ["repo"]}])
    place.decide("mcp.hold", "mcp", "held-mcp", "operator")
    return place.ask(place.vault.token(sub), Skill="mcp:held-mcp")


def with_state(act: str) -> Cause:
    """Its owner suspended or revoked the account."""

    def cause(place: House, sub: str) -> Said:
        token = place.vault.token(sub)
        assert place.ask(token).status == 200
        (account,) = place.accounts_of(sub)
        if act == "revoke":
            place.api("POST", f"/v1/connections/{account['id']}/revoke", sub, "member", {})
        else:
            target = {"kind": "connection", "name": account["id"]}
            place.api(
                "POST",
                "/v1/decisions",
                sub,
                "member",
                {"verb": f"connection.{act}", "target": target, "reason": "a test"},
            )
        return place.ask(token)

    return cause


def expired(place: House, sub: str) -> Said:
    return place.ask(place.vault.token(sub, exp=int(time.time()) - 3600))


def of_an_approval(place: House, sub: str) -> Said:
    return place.ask(place.vault.token(sub, authorization_details=[{"type": "x"}]))


def of_no_gateway(place: House, sub: str) -> Said:
    return place.ask(place.vault.token(sub, "ata-web"))


def undeclared(place: House, sub: str) -> Said:
    return place.ask(place.vault.token(sub), Skill="mcp:unheard-of")


def beyond(place: House, sub: str) -> Said:
    return place.ask(place.vault.token(sub), Scopes="repo delete_repo")


def not_linked(place: House, sub: str) -> Said:
    return place.ask(place.vault.token(sub), "jira", Skill="")


def dead(place: House, sub: str) -> Said:
    place.hold(sub, "octo", dead=True)
    return place.ask(place.vault.token(sub))


def several(place: House, sub: str) -> Said:
    place.hold(sub, "octo-a", "octo-b")
    return place.ask(place.vault.token(sub))


LOST = {"error": "federated_connection_refresh_token_not_found"}

ROWS: list[tuple[int, str, Cause]] = [
    (401, "subject_token_expired", expired),
    (401, "subject_token_expired", after(status=401, body={"error": "invalid_grant"})),
    (401, "token_refused", of_an_approval),
    (403, "client_not_allowed", of_no_gateway),
    (403, "undeclared_caller", undeclared),
    (403, "scope_not_declared", beyond),
    (403, "connection_suspended", with_state("suspend")),
    (403, "connection_revoked", with_state("revoke")),
    (403, "frozen", frozen_agent),
    (403, "frozen", frozen_service),
    (403, "mcp_held", held),
    (404, "connection_not_linked", not_linked),
    (404, "connection_not_linked", after(status=401, body=LOST)),
    (409, "reconnect_required", dead),
    (409, "account_ambiguous", several),
    (429, "rate_limited", after(status=429, body={}, headers={"Retry-After": "7"})),
    (502, "vault_unavailable", after(status=500, body={})),
    (502, "vault_unavailable", after(status=503, body={"error": "temporarily_unavailable"})),
    (502, "vault_unavailable", after(status=200, raw="<html>a hotel</html>")),
    (502, "vault_unavailable", after(status=200, body={"access_token": 7})),
    (502, "vault_unavailable", after(cut=True)),
    (502, "vault_unavailable", after(wait_s=30)),
]


@pytest.mark.parametrize(
    ("status", "code", "cause"), ROWS, ids=lambda value: getattr(value, "__name__", None)
)
def test_each_cause_has_its_stable_code_and_its_event(
    place: House, status: int, code: str, cause: Cause
) -> None:
    said = cause(place, place.person("octo"))
    assert (said.status, said.code) == (status, code), said.body
    assert said.headers["content-type"] == "application/problem+json"
    assert "no-store" in said.headers["cache-control"]
    assert "access_token" not in said.body
    assert said.body["detail"]
    if status == 429:
        assert said.headers["retry-after"] == "7"
    if code == "scope_not_declared":  # nobody here has a phone to be asked on
        assert said.body["excess_scopes"] == ["delete_repo"]
    if status != 401 or "event_id" in said.body:
        refused = place.api(
            "GET", f"/v1/audit/events/{said.body['event_id']}", "auth0|x", "auditor"
        )
        assert refused["action"] == "token.refused"
        assert refused["data"]["code"] == code


def test_requests_of_one_moment_share_an_exchange_and_have_an_event_each(place: House) -> None:
    sub = place.person("octo")
    token = place.vault.token(sub)
    assert place.ask(token).status == 200
    place.vault.tell(forget=True, delay_s=1.5)
    said = place.asks(token, *[GITHUB] * 12)
    assert [one.status for one in said] == [200] * 12
    assert len({one.token for one in said}) == 1
    assert len({one.body["event_id"] for one in said}) == 12
    assert len(place.vault.tell()["exchanges"]) < 12
    shared = [e["data"]["shared_exchange"] for e in place.events(action="token.exchanged")][:12]
    assert shared.count(False) == len(place.vault.tell()["exchanges"])
    place.vault.tell(forget=True, delay_s=0)
    assert place.ask(token).status == 200
    assert len(place.vault.tell()["exchanges"]) == 1, "nothing is kept beyond the flight"


def test_two_people_share_nothing(place: House) -> None:
    one, two = place.person("octo-1"), place.person("octo-2")
    said = {sub: place.ask(place.vault.token(sub)).token for sub in (one, two)}
    assert [place.vault.whose(said[sub]) for sub in (one, two)] == ["octo-1", "octo-2"]


def test_a_freeze_during_the_flight_refuses_each_who_waits(place: House) -> None:
    sub = place.person("octo")
    token = place.vault.token(sub)
    assert place.ask(token).status == 200
    place.vault.tell(forget=True, delay_s=3)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(place.asks, token, *[GITHUB] * 5, Agent="sudden-bot")
        while not place.vault.tell()["exchanges"]:
            time.sleep(0.02)
        place.decide("agent.freeze", "agent", "sudden-bot")
        assert {(one.status, one.code) for one in waiting.result()} == {(403, "frozen")}


def test_each_of_two_accounts_is_had_by_its_name_and_by_no_other(place: House) -> None:
    sub = place.person("octo-work", "octo-home")
    token = place.vault.token(sub)
    refused = place.ask(token)
    assert (refused.status, refused.code) == (409, "account_ambiguous")
    assert len(refused.body["accounts"]) == 2
    assert {a["id"] for a in place.accounts_of(sub)} == {a["id"] for a in refused.body["accounts"]}
    hints = {a["login_hint"]: a["id"] for a in refused.body["accounts"]}
    assert set(hints) == {"octo-work", "octo-home"}
    place.vault.tell(delay_s=0.3)
    asked = [
        ("octo-work", {"login_hint": "octo-work"}),
        ("octo-home", {"account": "octo-home"}),
        ("octo-work", {"account": hints["octo-work"]}),
        ("octo-home", {"login_hint": "octo-home"}),
    ] * 3
    said = place.asks(token, *(GITHUB | how for _, how in asked))
    assert [place.vault.whose(one.token) for one in said] == [login for login, _ in asked]
    for (login, _), one in zip(asked, said, strict=True):
        event = place.api("GET", f"/v1/audit/events/{one.body['event_id']}", "auth0|x", "auditor")
        assert event["target"]["name"] == hints[login]
    stranger = place.asks(token, GITHUB | {"account": "octo-other"})[0]
    assert (stranger.status, stranger.code) == (404, "connection_not_linked")


def test_tokens_scopes_and_keys_rotate_without_a_restart(place: House) -> None:
    sub = place.person("octo")
    token = place.vault.token(sub)
    first = place.ask(token)
    place.vault.tell(rotate_tokens=True)
    assert place.vault.whose(first.token) == ""
    second = place.ask(token)
    assert place.vault.whose(second.token) == "octo"
    place.hold(sub, "octo", scopes=["read:user"])
    assert place.ask(token).body["scope"] == "read:user"
    place.vault.tell(rotate_keys="key-of-tomorrow")
    fresh = place.vault.token(sub)
    # Unknown keys make the portal look again, though not more often than every five seconds.
    eventually(lambda: place.ask(fresh).status == 200, "the new key")
    assert place.ask(token).code == "token_refused", "the old key is published no more"


def test_nothing_of_a_token_is_written_anywhere_nor_on_a_command_line(place: House) -> None:
    sub = place.person("octo")
    token = place.vault.token(sub)
    given = place.ask(token).token
    place.ask(place.vault.token(place.person("another")))
    found = written(place.folder)
    assert any(path.name == "portal.log" for path in found)
    for name in ("cmdline", "environ"):
        path = Path(f"/proc/{place.server.pid}/{name}")
        found[path] = path.read_bytes()
    for path, raw in found.items():
        assert given.encode() not in raw, path
        assert token.encode() not in raw, path


@pytest.fixture
def at_work(place: House, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A process on the machine of somebody who is signed in with the command line."""
    started: list[subprocess.Popen[str]] = []

    def start(sub: str, *words: str) -> subprocess.Popen[str]:
        env = place.session(sub, tmp_path) | {"GITHUB_API_URL": f"{place.vault.url}/github"}
        pipe = subprocess.PIPE
        started.append(
            subprocess.Popen(
                [sys.executable, *words],
                cwd=CHECKOUT,
                env=env,
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=pipe,
                stderr=pipe,
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def test_an_agent_never_has_the_token_that_its_server_works_with(
    place: House, at_work: Callable[..., subprocess.Popen[str]]
) -> None:
    sub = place.person("octo-home", "octo-work")
    ata = [sys.executable, "-m", "ata", "mcp", "run", "github-mcp", "--account", "octo-work"]
    agent = at_work(
        sub, "-m", "demo.agent", "--tool", "whoami", "--repeat", "400", "--every", "0.1", "--",
        *ata, "--agent", "watched-bot", "--", sys.executable, "-m", "demo.mcp_server",
    )  # fmt: skip
    said = until(agent, "octo-work")
    given = place.asks(place.vault.token(sub), GITHUB | {"account": "octo-work"})[0].token
    assert place.vault.whose(given) == "octo-work"
    (run,) = children(agent.pid)
    (server,) = children(run)
    assert given in Path(f"/proc/{server}/environ").read_text(), "or there is nothing to find"
    for process, places in ((agent.pid, "cmdline environ"), (run, "cmdline environ")):
        for name in places.split():
            assert given not in Path(f"/proc/{process}/{name}").read_text()
    assert given not in Path(f"/proc/{server}/cmdline").read_text()
    assert given.encode() not in memory(agent.pid)
    assert b"watched-bot" in memory(agent.pid), "or the memory was not read"
    place.vault.tell(rotate_tokens=True)
    generation = place.vault.tell()["generation"]
    said += until(agent, f'"generation": {generation}')  # with the new token, nothing was restarted
    place.decide("agent.freeze", "agent", "watched-bot")
    out, err = agent.communicate(timeout=60)
    assert agent.returncode == 1
    assert "frozen" in err
    assert "octo-home" not in said + out
    assert not Path(f"/proc/{server}").exists()


def test_an_http_server_gets_the_token_from_the_proxy_and_the_agent_does_not(
    place: House, at_work: Callable[..., subprocess.Popen[str]]
) -> None:
    sub = place.person("octo-proxied")
    served = at_work(sub, "-m", "demo.mcp_http", "--port", "0")
    assert served.stdout
    url = served.stdout.readline().split()[-1]
    needs = [{"connection": "github", "scopes": ["repo"]}]
    place.ships("mcp", "proxied", connections=needs, url=url)
    proxy = at_work(sub, "-m", "ata", "mcp", "proxy", "proxied", "--json")
    assert proxy.stdout
    address = json.loads(proxy.stdout.readline())["url"]
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami"}}
    answer = httpx.post(address, json=call, timeout=60)
    given = place.ask(place.vault.token(sub), Skill="mcp:proxied").token
    assert "octo-proxied" in answer.text
    assert given not in answer.text
    for name in ("cmdline", "environ"):
        assert given not in Path(f"/proc/{proxy.pid}/{name}").read_text()
    place.decide("mcp.hold", "mcp", "proxied", "operator")
    assert httpx.post(address, json=call, timeout=60).json()["error"]["data"]["code"] == "mcp_held"


def until(process: subprocess.Popen[str], words: str) -> str:
    """What a process says until it says this."""
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    assert process.stderr
    raise AssertionError(said + process.stderr.read())


def children(process: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def memory(process: int) -> bytes:
    """All that a process holds in memory that it may write to."""
    found = []
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as mem:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if rights.startswith("rw"):
                first, last = (int(one, 16) for one in span.split("-"))
                mem.seek(first)
                with suppress(OSError):
                    found.append(mem.read(last - first))
    return b"".join(found)

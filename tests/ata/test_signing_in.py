from __future__ import annotations

import io
import json
import os
import stat
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import segno

from ata.errors import AtaError
from ata.session import device_grant, oauth_requests
from ata.session.session_file import SessionStore
from tests.ata.ata_process import ACCESS_TOKEN, REFRESH_TOKEN, Ata
from tests.ata.portal_stand_in import Reply, Request, StandIn

TOKENS = Reply(
    200,
    {
        "access_token": "new-access-token",
        "refresh_token": "new-refresh-token",
        "id_token": "signed-by-the-issuer",
        "token_type": "Bearer",
        "expires_in": 86_400,
    },
)


@pytest.mark.parametrize("pending_status", [403, 400], ids=["auth0", "rfc8628"])
def test_login_polls_until_the_code_is_confirmed(
    ata: Ata, portal: StandIn, pending_status: int
) -> None:
    portal.on(
        "POST", "/oauth/token", Reply(pending_status, {"error": "authorization_pending"}), TOKENS
    )
    done = ata("login", "--no-browser")
    assert done.returncode == 0, done.stderr
    assert "QWRT-ZXCB" in done.stdout
    assert portal.url + "/activate" in done.stdout
    assert "Olu Operator" in done.stdout
    (start,) = portal.seen("POST", "/oauth/device/code")
    assert start.form == {
        "client_id": "ata-cli",
        "scope": "openid profile email offline_access",
        "audience": "https://ata.local/api",
    }
    session = json.loads(ata.session_file.read_text())
    assert session["access_token"] == "new-access-token"
    assert stat.S_IMODE(ata.session_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(ata.session_file.parent.stat().st_mode) == 0o700
    assert portal.seen("POST", "/v1/session")[0].json == {"id_token": "signed-by-the-issuer"}
    assert "signed-by-the-issuer" not in ata.session_file.read_text()
    assert "new-access-token" not in done.stdout + done.stderr
    assert "new-refresh-token" not in done.stdout + done.stderr


@pytest.mark.parametrize("status", [429, 400], ids=["auth0", "rfc8628"])
def test_polling_slows_down_when_asked_and_when_nobody_answers(
    portal: StandIn, status: int
) -> None:
    endpoints = oauth_requests.discover(portal.url + "/")
    code = device_grant.start(endpoints, client_id="ata-cli", audience="https://ata.local/api")
    portal.on("POST", "/oauth/token", Reply(status, {"error": "slow_down"}), TOKENS)
    waits: list[float] = []
    tokens = device_grant.wait(endpoints, code, client_id="ata-cli", sleep=waits.append)
    assert tokens.access_token == "new-access-token"
    assert waits == [1, 6]
    clock = iter([0.0, 1.0, 300.0, 901.0])
    nowhere = replace(endpoints, token="http://127.0.0.1:9/token")
    waits.clear()
    with pytest.raises(AtaError) as caught:
        device_grant.wait(
            nowhere, code, client_id="ata-cli", sleep=waits.append, monotonic=lambda: next(clock)
        )
    assert caught.value.code == "expired_token"
    assert waits == [1, 2]


@pytest.mark.parametrize(
    ("status", "error", "exit_code"),
    [
        (403, "access_denied", 3),
        (400, "access_denied", 3),
        (403, "expired_token", 4),
        (400, "expired_token", 4),
        (403, "invalid_grant", 1),
    ],
)
def test_login_ends_with_the_reason(
    ata: Ata, portal: StandIn, status: int, error: str, exit_code: int
) -> None:
    portal.on("POST", "/oauth/token", Reply(status, {"error": error}))
    done = ata("login", "--no-browser", "--json")
    assert done.returncode == exit_code
    assert json.loads(done.stdout)["error"]["code"] == error
    assert len(portal.seen("POST", "/oauth/token")) == 1
    assert not ata.session_file.exists()


def test_login_in_json_keeps_standard_output_to_one_object(ata: Ata, portal: StandIn) -> None:
    portal.on("POST", "/oauth/token", TOKENS)
    done = ata("--json", "login", "--no-browser")
    assert json.loads(done.stdout)["signed_in"] is True
    assert json.loads(done.stderr)["user_code"] == "QWRT-ZXCB"


def test_login_refuses_an_issuer_that_names_another(ata: Ata, portal: StandIn) -> None:
    portal.on(
        "GET",
        "/.well-known/openid-configuration",
        Reply(200, {"issuer": "https://evil.example/", "token_endpoint": "https://evil.example/"}),
    )
    done = ata("login", "--no-browser", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "discovery_failed"


def test_status_tells_who_and_never_a_token(signed_in: Ata) -> None:
    shown = json.loads(signed_in("status", "--json").stdout)
    assert set(shown) == {
        "signed_in",
        "portal",
        "issuer",
        "sub",
        "name",
        "email",
        "roles",
        "token_expires_at",
        "refreshable",
        "assurance",
    }
    assert shown["roles"] == ["operator"]
    said = signed_in("status").stdout
    assert "Olu Operator (operator)" in said
    assert ACCESS_TOKEN not in said
    assert "\x1b" not in said


def test_whoami_names_the_person_and_the_roles(signed_in: Ata, ata: Ata) -> None:
    shown = json.loads(signed_in("whoami", "--json").stdout)
    assert shown["name"] == "Olu Operator" and shown["roles"] == ["operator"]
    assert "Roles     operator" in signed_in("whoami").stdout
    signed_in.session_file.unlink()
    assert json.loads(ata("whoami", "--json").stdout)["error"]["code"] == "not_signed_in"


WHO = {"sub": "auth0|1", "name": "Olu Operator", "roles": ["operator"]}


@pytest.mark.parametrize(
    ("assurance", "lines"),
    [
        (
            {
                "signed_in_at": "2026-01-01T00:00:00Z",
                "signed_in_said": True,
                "amr": ["pwd", "mfa"],
                "step_up": ["phone", "passkey"],
            },
            [
                " ago",
                "with a password and more than one factor",
                "a push to your phone or your passkey, on the portal's page",
            ],
        ),
        (
            {
                "signed_in_at": "2026-01-01T00:00:00Z",
                "signed_in_said": False,
                "amr": [],
                "step_up": [],
            },
            [
                "ago or longer: the issuer did not say when",
                "the issuer did not say with which factors",
                "no one can ask you: enrol a phone",
            ],
        ),
        (
            {"signed_in_at": None, "amr": ["odd\x1b[2J"]},
            ["the portal holds no evidence of it; `ata login` gives it some", "with odd"],
        ),
        (None, ["the portal holds no evidence of it"]),
    ],
)
def test_status_says_how_sure_the_portal_is(
    signed_in: Ata, portal: StandIn, assurance: object, lines: list[str]
) -> None:
    portal.on("GET", "/v1/whoami", Reply(200, {**WHO, "assurance": assurance}))
    said = signed_in("status")
    assert said.returncode == 0, said.stderr
    for line in lines:
        assert line in said.stdout, said.stdout
    assert "\x1b" not in said.stdout
    assert "renews automatically" in said.stdout
    shown = json.loads(signed_in("status", "--json").stdout)["assurance"]
    assert set(shown) == {"signed_in_at", "signed_in_said", "amr", "step_up"}


def test_a_terminal_shows_a_qr_code_and_a_pipe_does_not(ata: Ata, portal: StandIn) -> None:
    portal.on("POST", "/oauth/token", TOKENS)
    assert "▄" not in ata("login", "--no-browser").stdout
    portal.on("POST", "/oauth/token", TOKENS)
    shown = ata.on_a_terminal("login", "--no-browser", rows=50, columns=100)
    expected = segno.make(f"{portal.url}/activate?user_code=QWRT-ZXCB", error="l", micro=False)
    picture = io.StringIO()
    expected.terminal(picture, compact=True, border=2)
    assert picture.getvalue().rstrip() in shown.replace("\r\n", "\n")
    assert "QWRT-ZXCB" in shown


@pytest.mark.parametrize(("rows", "columns"), [(50, 30), (18, 100)])
def test_a_terminal_that_is_too_small_gets_words_only(
    ata: Ata, portal: StandIn, rows: int, columns: int
) -> None:
    portal.on("POST", "/oauth/token", TOKENS)
    shown = ata.on_a_terminal("login", "--no-browser", rows=rows, columns=columns)
    assert "▄" not in shown and "QWRT-ZXCB" in shown


def test_colour_is_for_terminals_and_only_without_no_color(signed_in: Ata) -> None:
    assert "\x1b[1m" in signed_in.on_a_terminal("status")
    assert "\x1b" not in signed_in.on_a_terminal("status", NO_COLOR="1")
    assert "\x1b" not in signed_in.on_a_terminal("status", TERM="dumb")
    assert "\x1b" not in signed_in("status").stdout


def test_a_session_file_of_somebody_else_is_refused(
    signed_in: Ata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(AtaError) as refused:
        SessionStore(signed_in.session_file).load()
    assert refused.value.code == "session_exposed"
    assert "belongs to another user" in refused.value.message
    assert "ata login" in refused.value.fix


def test_status_without_a_session_says_to_sign_in(ata: Ata) -> None:
    done = ata("status")
    assert done.returncode == 1
    assert "ata login" in done.stderr


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_session_file_that_others_may_read_is_refused(
    signed_in: Ata, portal: StandIn, mode: int
) -> None:
    signed_in.session_file.chmod(mode)
    done = signed_in("status", "--json")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "session_exposed"
    assert "chmod 600" in error["fix"]
    assert portal.requests == []


def test_a_damaged_session_file_is_replaced_by_login(ata: Ata, portal: StandIn) -> None:
    ata.sign_in(access_token=5)
    done = ata("status", "--json")
    assert json.loads(done.stdout)["error"]["code"] == "session_unreadable"
    portal.on("POST", "/oauth/token", TOKENS)
    assert ata("login", "--no-browser").returncode == 0
    assert ata("status").returncode == 0


def test_ata_session_names_another_file(ata: Ata, portal: StandIn) -> None:
    portal.on("POST", "/oauth/token", TOKENS)
    elsewhere = ata.home / "other.json"
    assert ata("login", "--no-browser", ATA_SESSION=str(elsewhere)).returncode == 0
    assert elsewhere.exists()
    assert not ata.session_file.exists()


def test_logout_revokes_and_forgets(signed_in: Ata, portal: StandIn) -> None:
    done = signed_in("logout", "--json")
    said = json.loads(done.stdout)
    assert (said["signed_in"], said["revoked"]) == (False, True)
    (request,) = portal.seen("POST", "/oauth/revoke")
    assert request.form["token"] == REFRESH_TOKEN
    assert not signed_in.session_file.exists()


def test_logout_says_until_when_the_access_token_lives(ata: Ata, portal: StandIn) -> None:
    ata.sign_in(seconds_left=3600)
    until = json.loads(ata.session_file.read_text())["expires_at"]
    said = ata("logout").stdout
    stamp = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert f"a copy of it works until {stamp}." in said
    ata.sign_in(seconds_left=-5)
    assert "The access token has expired." in ata("logout").stdout


def test_logout_forgets_even_when_the_issuer_is_away(ata: Ata) -> None:
    ata.sign_in(revocation_endpoint="http://127.0.0.1:9/revoke")
    done = ata("logout")
    assert done.returncode == 0
    assert "not revoked" in done.stdout
    assert not ata.session_file.exists()


def test_parallel_commands_refresh_once(ata: Ata, portal: StandIn) -> None:
    ata.sign_in(seconds_left=30)

    def slow(_: Request) -> Reply:
        time.sleep(0.3)
        return TOKENS

    portal.on("POST", "/oauth/token", slow)
    running = [ata.start("status", "--json") for _ in range(4)]
    for process in running:
        output, errors = process.communicate(timeout=90)
        assert process.returncode == 0, errors
        assert json.loads(output)["signed_in"] is True
    (refresh,) = portal.seen("POST", "/oauth/token")
    assert refresh.form == {
        "grant_type": "refresh_token",
        "client_id": "ata-cli",
        "refresh_token": REFRESH_TOKEN,
    }
    for request in portal.seen("GET", "/v1/whoami"):
        assert request.headers["authorization"] == "Bearer new-access-token"
    assert json.loads(ata.session_file.read_text())["refresh_token"] == "new-refresh-token"


def test_a_refused_token_is_renewed_once(signed_in: Ata, portal: StandIn) -> None:
    refused = Reply(401, {"code": "unauthorized", "title": "The token has expired"})
    portal.on("POST", "/oauth/token", TOKENS)
    portal.on("GET", "/v1/whoami", refused, Reply(200, {"sub": "auth0|1", "roles": []}))
    assert signed_in("status").returncode == 0
    portal.on("GET", "/v1/whoami", refused)
    done = signed_in("status")
    assert done.returncode == 1
    assert "The token has expired." in done.stderr
    assert "ata login" in done.stderr


def test_a_session_that_cannot_be_renewed_says_to_sign_in(ata: Ata, portal: StandIn) -> None:
    ata.sign_in(seconds_left=-5)
    portal.on("POST", "/oauth/token", Reply(403, {"error": "invalid_grant"}))
    done = ata("status", "--json")
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["fix"]) == ("session_ended", "Run `ata login`.")


def test_a_session_is_not_shown_to_another_portal(ata: Ata, portal: StandIn) -> None:
    ata.sign_in(portal="https://portal.example")
    done = ata("status", "--json")
    assert json.loads(done.stdout)["error"]["code"] == "other_portal"
    assert portal.seen("GET", "/v1/whoami") == []


def test_a_token_is_never_sent_in_clear_to_another_machine(ata: Ata) -> None:
    ata.sign_in(portal="http://portal.example")
    done = ata("status", "--json", ATA_PORTAL="http://portal.example")
    assert json.loads(done.stdout)["error"]["code"] == "insecure_url"


def test_a_portal_that_is_down_is_named_with_the_way_to_start_it(ata: Ata) -> None:
    ata.sign_in(portal="http://127.0.0.1:9")
    done = ata("status", ATA_PORTAL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert "http://127.0.0.1:9" in done.stderr
    assert "make up" in done.stderr

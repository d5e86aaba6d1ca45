"""`ata away`: an approver's absence is said, set and ended, and `ata whoami` shows it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn

PATH = "/v1/absence"
HELP = """\
Usage: ata away [OPTIONS]

  Say or set until when you are away as an approver.

  While you are away, other approvers are asked first, and you may still
  answer. Operators and admins set it.

Options:
  --until DATE|off  Your last day (UTC): 2026-12-05, 7d (days from today),
                    today or tomorrow; off: you are back.
  --json            Print one JSON object per result.
  --fields A,B      Only these members of each JSON object; asks for JSON.
  --help            Show this message and exit.

  Example:
    ata away --until 7d
"""
SAID = """\
You are away until the end of 5 Dec 2026 (UTC).
Other approvers are asked first; you may still answer.
"""


@pytest.fixture
def olu(signed_in: Ata, portal: StandIn) -> Ata:
    """The command line of an operator who is not away."""
    portal.on("GET", PATH, Reply(200, {"until": None}))
    portal.on("PUT", PATH, lambda request: Reply(200, request.json))
    portal.on("DELETE", PATH, Reply(200, {"until": None}))
    return signed_in


def days(ahead: int) -> set[str]:
    """The UTC day so many days from now; midnight may pass while a command runs."""
    now = datetime.now(UTC)
    return {
        (moment.date() + timedelta(days=ahead)).isoformat()
        for moment in (now - timedelta(minutes=2), now)
    }


def test_a_last_day_is_set_and_said(olu: Ata, portal: StandIn) -> None:
    done = olu.here("away", "--until", "2026-12-05")
    assert (done.exit_code, done.stdout) == (0, SAID)
    (request,) = portal.requests
    assert (request.method, request.path, request.json) == ("PUT", PATH, {"until": "2026-12-05"})


def test_without_a_day_it_only_says_what_is_set(olu: Ata, portal: StandIn) -> None:
    assert olu.here("away").stdout == "You are not away.\n"
    portal.on("GET", PATH, Reply(200, {"until": "2026-12-05"}))
    assert olu.here("away").stdout == SAID
    assert json.loads(olu.here("away", "--json").stdout) == {"until": "2026-12-05"}
    assert {request.method for request in portal.requests} == {"GET"}


def test_off_ends_it(olu: Ata, portal: StandIn) -> None:
    for typed in ("off", "OFF"):
        done = olu.here("away", "--until", typed)
        assert (done.exit_code, done.stdout) == (0, "You are not away.\n")
    assert [request.method for request in portal.requests] == ["DELETE", "DELETE"]


@pytest.mark.parametrize(
    ("typed", "ahead"), [("today", 0), ("Tomorrow", 1), ("7d", 7), ("30D", 30)]
)
def test_days_are_counted_from_today(olu: Ata, portal: StandIn, typed: str, ahead: int) -> None:
    assert olu.here("away", "--until", typed).exit_code == 0
    assert portal.requests[0].json["until"] in days(ahead)


@pytest.mark.parametrize(
    "typed", ["", "soon", "yesterday", "12h", "7", "-7d", "5 Dec 2026", "2026-12-05T10:00:00Z"]
)
def test_what_names_no_day_is_refused_before_anybody_is_asked(
    olu: Ata, portal: StandIn, typed: str
) -> None:
    done = olu.here("away", f"--until={typed}", "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.exit_code, error["code"]) == (2, "usage")
    assert error["fix"] == "Use such as 2026-12-05, 7d, tomorrow, or off."
    assert portal.requests == []


@pytest.mark.parametrize(
    ("status", "code", "ends"),
    [(401, "token_refused", 1), (403, "not_permitted", 1), (422, "invalid_request", 2)],
)
@pytest.mark.parametrize("typed", ["2001-01-01", "off"])
def test_a_refusal_has_the_code_and_the_words_of_the_portal(
    olu: Ata, portal: StandIn, status: int, code: str, ends: int, typed: str
) -> None:
    problem = {"type": "about:blank", "status": status, "code": code, "detail": "Not so."}
    for method in ("PUT", "DELETE"):
        portal.on(method, PATH, Reply(status, problem))
    portal.on("POST", "/oauth/token", Reply(403, {"error": "invalid_grant"}))
    done = olu.here("away", "--until", typed)
    assert done.exit_code == ends
    if status != 401:  # it is renewed first, which fails here
        assert f"Not so. ({code})" in done.stderr
    assert "away" not in done.stdout


def test_nobody_is_away_without_a_session(ata: Ata, portal: StandIn) -> None:
    error = json.loads(ata.here("away", "--until", "off", "--json").stdout)["error"]
    assert error["code"] == "not_signed_in" and portal.requests == []


def test_whoami_says_until_when(olu: Ata, portal: StandIn) -> None:
    assert "Away" not in olu.here("whoami").stdout
    assert json.loads(olu.here("whoami", "--json").stdout)["away_until"] is None
    portal.on("GET", PATH, Reply(200, {"until": "2026-12-05"}))
    assert "Away      until the end of 5 Dec 2026 (UTC)\n" in olu.here("whoami").stdout
    assert json.loads(olu.here("whoami", "--json").stdout)["away_until"] == "2026-12-05"


def test_whoami_works_with_a_portal_that_knows_no_absences(signed_in: Ata, portal: StandIn) -> None:
    done = signed_in.here("whoami")
    assert done.exit_code == 0 and "Away" not in done.stdout
    assert json.loads(signed_in.here("whoami", "--json").stdout)["away_known"] is False
    assert portal.seen("GET", PATH)


_TROUBLE = [
    Reply(429, {"status": 429, "code": "too_many_requests", "detail": "Too often."}),
    Reply(500, {"status": 500, "code": "internal", "detail": "Not now."}),
    Reply(503, {"status": 503, "code": "storage_unavailable", "detail": "Not now."}),
    Reply(403, {"status": 403, "code": "not_permitted", "detail": "Not so."}),
    Reply(200, ["no", "object"]),
]


@pytest.mark.parametrize("answer", _TROUBLE, ids=["429", "500", "503", "403", "unreadable"])
def test_whoami_says_who_you_are_where_the_absence_cannot_be_read(
    signed_in: Ata, portal: StandIn, answer: Reply
) -> None:
    portal.on("GET", PATH, answer)
    done = signed_in.here("whoami")
    assert done.exit_code == 0
    assert done.stdout.startswith("Olu Operator\n") and "Roles     operator\n" in done.stdout
    assert re.search(r"^Away      not known \([a-z_]+\)$", done.stdout, re.M)
    said = json.loads(signed_in.here("whoami", "--json").stdout)
    assert (said["roles"], said["away_until"], said["away_known"]) == (["operator"], None, False)


def test_whoami_says_in_json_whether_the_absence_is_known(olu: Ata, portal: StandIn) -> None:
    assert json.loads(olu.here("whoami", "--json").stdout)["away_known"] is True


def test_whoami_hides_no_trouble_with_who_you_are(olu: Ata, portal: StandIn) -> None:
    portal.on("GET", "/v1/whoami", _TROUBLE[2])
    done = olu.here("whoami")
    assert done.exit_code == 1 and "storage_unavailable" in done.stderr
    assert "Away" not in done.stdout


def test_a_portal_cannot_write_to_the_terminal(olu: Ata, portal: StandIn) -> None:
    portal.on("GET", PATH, Reply(200, {"until": "2026\x1b[2J"}))
    for command in ("away", "whoami"):
        done = olu.here(command)
        assert done.exit_code == 0 and "\x1b" not in done.stdout


def test_a_shell_completes_it_without_asking_anybody(olu: Ata, portal: StandIn) -> None:
    def offered(typed: str, word: int) -> list[str]:
        return olu(
            _ATA_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=str(word)
        ).stdout.split()

    assert offered("ata aw", 1) == ["away"]
    assert offered("ata away --until ", 3) == ["off", "today", "tomorrow", "7d", "14d"]
    assert offered("ata away --until to", 3) == ["today", "tomorrow"]
    assert portal.requests == []


def test_help_and_answer_fit_eighty_columns(olu: Ata) -> None:
    assert olu("away", "--help", COLUMNS="80").stdout == HELP
    shown = olu.on_a_terminal("away", "--until", "2026-12-05", columns=80)
    assert shown.replace("\r\n", "\n") == SAID

"""`ata reviews reassign`: one decision with a reason, and who it is about by issuer and subject."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ata.ata_process import Ata
from tests.ata.portal_stand_in import Reply, StandIn

REVIEW = "01890000-0000-7000-8000-000000000001"
WORDS = ("reviews", "reassign", REVIEW, "--person", "auth0|mia", "--reviewer")
DONE = {
    "event_id": "e-1",
    "operation": "o-1",
    "effects": [],
    "sentence": "Reassign the access review Q4 from Mia to Amir",
}
ME = {"iss": "https://acme.example/", "sub": "auth0|amir", "name": "Amir", "roles": ["admin"]}
HELP = """\
Usage: ata reviews reassign [OPTIONS] {REVIEW}

  Reassign what a person who leaves has to decide in an open review; for
  admins.

Arguments:
  REVIEW <str>  The review's id.  [required]

Options:
  --person SUBJECT    Who leaves; their access is frozen.  [required]
  --reviewer SUBJECT  The admin who decides from now on.  [required]
  --reason <str>      Why; kept in the audit trail.
  --iss <str>         The issuer of both, if it is not yours.
  --json              Print one JSON object per result.
  --fields A,B        Only these members of each JSON object; asks for JSON.
  --help              Show this message and exit.

  Example:
    ata reviews reassign 01890000-0000-7000-8000-000000000001 --person \
'auth0|1' --reviewer 'auth0|2' --reason leaves
"""
SAID = """\
✓ Reassign the access review Q4 from Mia to Amir: committed.
  Event e-1
"""


@pytest.fixture
def admin(signed_in: Ata, portal: StandIn) -> Ata:
    portal.on("GET", "/v1/whoami", Reply(200, ME))
    portal.on("GET", "/v1/decisions/o-1", Reply(200, DONE))
    return signed_in


def sent(portal: StandIn) -> Any:
    (request,) = portal.seen("POST", "/v1/decisions")
    assert request.headers["idempotency-key"]
    return request.json


def test_it_is_one_decision_with_its_reason(admin: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", Reply(201, DONE))
    done = admin.here(*WORDS, "auth0|anya", "--reason", "leaves")
    assert (done.exit_code, done.stdout) == (0, SAID)
    assert sent(portal) == {
        "verb": "review.reassign",
        "target": {"kind": "review", "name": REVIEW},
        "params": {
            "person": {"iss": ME["iss"], "sub": "auth0|mia"},
            "reviewer": {"iss": ME["iss"], "sub": "auth0|anya"},
        },
        "reason": "leaves",
    }


def test_people_of_another_issuer_are_named_with_it(admin: Ata, portal: StandIn) -> None:
    portal.on("POST", "/v1/decisions", Reply(201, DONE))
    other = "https://other.example/"
    assert admin.here(*WORDS, "auth0|anya", "--reason", "leaves", "--iss", other).exit_code == 0
    assert {one["iss"] for one in sent(portal)["params"].values()} == {other}


@pytest.mark.parametrize(
    "words",
    [
        ("reviews", "reassign", REVIEW),
        (*WORDS, "auth0|anya"),
        (*WORDS, "auth0|anya", "--reason", " "),
    ],
)
def test_without_people_or_a_reason_nothing_is_asked(
    admin: Ata, portal: StandIn, words: tuple[str, ...]
) -> None:
    assert admin.here(*words).exit_code == 2
    assert portal.requests == []


@pytest.mark.parametrize(
    ("status", "code"), [(403, "sign_in_again"), (409, "not_frozen"), (409, "not_reviewer")]
)
def test_a_refusal_ends_with_one_and_its_words(
    admin: Ata, portal: StandIn, status: int, code: str
) -> None:
    problem = {"type": "about:blank", "status": status, "code": code, "detail": "Not so."}
    portal.on("POST", "/v1/decisions", Reply(status, problem))
    refused = admin.here(*WORDS, "auth0|anya", "--reason", "leaves")
    assert refused.exit_code == 1 and "Not so." in refused.stderr


def test_nothing_to_reassign_is_no_failure(admin: Ata, portal: StandIn) -> None:
    nothing = {"code": "nothing_to_do", "detail": "No account waits."}
    portal.on("POST", "/v1/decisions", Reply(200, nothing))
    done = admin.here(*WORDS, "auth0|anya", "--reason", "leaves")
    assert done.exit_code == 0 and "Nothing to do: No account waits." in done.stdout


def test_its_help_fits_eighty_columns(ata: Ata) -> None:
    assert ata("reviews", "reassign", "--help", COLUMNS="80").stdout == HELP

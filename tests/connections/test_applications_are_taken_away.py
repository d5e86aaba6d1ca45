"""Consents and refresh tokens as CSV and XLSX: the same files, on record, held to the log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from approvals import clock
from audit.keys import log_identity
from audit.ledger import note
from audit.ledger.offline import connection_export_manifest_check, export_manifest
from audit.sequencing import sequencer
from connections.application_grants import consent_and_token_sync, export_file
from connections.application_grants.consent_and_token_sync import Listed
from connections.models import AccessKind, AccessState, AppAccess
from tests.accounts.trail import events
from tests.audit.exported_files import sheets
from tests.connections.test_the_inventory_is_taken_away import PAGE, rows_of, taken
from tests.connections.visitor import Gateway, know, subject
from tests.support.pages import signed_in

CONSENT = Listed(
    AccessKind.GRANT, "cgr_1", "calendar", ("https://calendar.example",), ("read", "+w")
)
TOKEN = Listed(AccessKind.REFRESH_TOKEN, "rt_1", "cli", ("https://vault.example",), ("offline",))


@pytest.fixture
def granted(db: None) -> dict[str, AppAccess]:
    """Milo's consent, named by its application, and his command line; what is gone; Mia's."""
    know("member1", "member2")
    now, iss = clock.now(), settings.ENV.issuer
    consent_and_token_sync._compare(iss, subject("member2"), AccessKind.GRANT, [CONSENT], now)
    consent_and_token_sync._compare(iss, subject("member2"), AccessKind.REFRESH_TOKEN, [TOKEN], now)
    gone = Listed(AccessKind.GRANT, "cgr_2", "old", (), ())
    consent_and_token_sync._compare(iss, subject("member1"), AccessKind.GRANT, [gone], now)
    mias = Listed(AccessKind.REFRESH_TOKEN, "rt_2", "cli", (), (), last_used_at=now)
    consent_and_token_sync._compare(iss, subject("member1"), AccessKind.REFRESH_TOKEN, [mias], now)
    AppAccess.objects.filter(client_id="old").update(state=AccessState.GONE)
    AppAccess.objects.filter(client_id="calendar").update(client_name="=Calendar & Co")
    sequencer.run_once()
    return {row.auth0_id: row for row in AppAccess.objects.all()}


def test_the_file_holds_what_is_in_force_and_each_row_its_entry(
    granted: dict[str, AppAccess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_file, "_BATCH", 2)  # more than one batch is one file
    answer = taken("?format=csv&what=applications")
    body = answer.getvalue()
    rows = {row["auth0_id"]: row for row in rows_of(body)}
    assert rows.keys() == {"cgr_1", "rt_1", "rt_2"}
    consent, token = rows["cgr_1"], rows["rt_1"]
    assert consent["application"] == "'=Calendar & Co" and consent["scopes"] == "read +w"
    assert (consent["use_told"], token["use_told"], rows["rt_2"]["use_told"]) == (
        "not told",
        "never exchanged",
        "yes",
    )
    assert token["owner_email"] == "member2@acme.example" and token["kind"] == "refresh_token"
    told = {e["target"]["name"]: e for e in events("access.reconciled")}
    for row in rows.values():
        event = told[row["access_id"]]
        assert row["entry"].endswith(f"/v1/audit/events/{event['id']}/entry")
        assert row["entry_index"] == str(event["index"])
    [event] = events("connection.exported")
    assert event["data"]["sha256"] == hashlib.sha256(body).hexdigest()
    assert (event["data"]["what"], event["data"]["credentials"]) == ("applications", 3)
    assert answer["Content-Disposition"].startswith('attachment; filename="applications-')
    [[header, *cells]] = sheets(taken("?format=xlsx&what=applications").getvalue())
    assert header == list(consent) and {row[0] for row in cells} == set(told) & {
        row["access_id"] for row in rows.values()
    }


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("member2", {"cgr_1", "rt_1"}),
        ("calendar", {"cgr_1"}),
        ("cli", {"rt_1", "rt_2"}),
        ("nobody", set()),
    ],
)
def test_it_is_narrowed_as_the_page_is(
    granted: dict[str, AppAccess], words: str, found: set[str]
) -> None:
    body = taken(f"?format=csv&what=applications&q={words}").getvalue()
    assert {row["auth0_id"] for row in rows_of(body)} == found
    page = signed_in("auditor", "auditor").get(f"/connections/access/?all=1&q={words}")
    text = page.content.decode()
    assert text.count("<tr>") - bool(found) == len(found)
    for format in ("csv", "xlsx"):
        link = f"{PAGE}?format={format}&amp;what=applications&amp;q={words}"
        assert (link in text) == bool(found)


def test_what_applications_are_not_found_by_is_refused(
    granted: dict[str, AppAccess], gateway: Callable[[str], Gateway]
) -> None:
    told = taken("?format=csv&what=applications&state=<b>")
    assert told.status_code == 400
    assert "state: applications are found by q alone." in told.content.decode()
    assert taken("?format=pdf&what=applications").status_code == 400
    assert taken("?format=csv&what=application").status_code == 400
    path = "/v1/connections/export?format=csv&what="
    long = f"applications&q={'q' * 101}"
    for query, code in (
        ("applications&state=x", "unknown_filter"), ("access", "bad_filter"), (long, "bad_filter"),
    ):  # fmt: skip
        refused = gateway("auditor").call("GET", path + query)
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert not events("connection.exported")


def test_over_the_api_everybody_takes_their_own(
    granted: dict[str, AppAccess], gateway: Callable[[str], Gateway]
) -> None:
    path = "/v1/connections/export?format=csv&what=applications"
    mine = rows_of(gateway("member1").call("GET", path).getvalue())
    assert [row["auth0_id"] for row in mine] == ["rt_2"]
    assert not rows_of(gateway("member1").call("GET", f"{path}&q=calendar").getvalue())
    assert len(rows_of(gateway("auditor").call("GET", path).getvalue())) == 3
    assert Gateway("").call("GET", path).status_code == 401


def test_its_manifest_holds_the_file_to_the_log(granted: dict[str, AppAccess]) -> None:
    answer = taken("?format=csv&what=applications&q=member2")
    body, event = answer.getvalue(), answer["ATA-Event"]
    sequencer.run_once()
    shown = signed_in("auditor", "auditor").get(f"{PAGE}{event}/manifest/")
    assert f'filename="applications-{event}.manifest.json"' in shown["Content-Disposition"]
    manifest = export_manifest.read_manifest(shown.content)
    assert (manifest["what"], manifest["rows"]) == ("applications", 2)
    assert manifest["filter"] == {
        "words": "applications; “member2”",
        "params": {"q": "member2"},
        "query": "what=applications&q=member2",
    }
    keys = [log_identity.vkey()]
    report = connection_export_manifest_check.check(manifest, body, keys)
    assert report.ok and "changes alone" in report.not_proven[0]

    def failing(bent: dict[str, Any], file: bytes = body) -> list[int]:
        bent["signed"] = note.sign(
            export_manifest.statement(bent), log_identity.origin(), log_identity.seed()
        )
        steps = connection_export_manifest_check.check(bent, file, keys).steps
        return [number for number, step in enumerate(steps) if not step.ok]

    assert failing({**manifest}, body + b"x") == [1]
    # Whoever has the key can call the rows something else; the entry in the log still says what.
    assert failing({**manifest, "what": "connections"}) == [2]
    assert failing({key: value for key, value in manifest.items() if key != "what"}) == [2]

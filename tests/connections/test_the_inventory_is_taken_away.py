"""The inventory as CSV and XLSX: what the filter shows, safe to open, on record with its hash."""

from __future__ import annotations

import csv
import hashlib
import io
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from approvals import clock, people_and_roles
from audit.keys import log_identity
from audit.ledger import note
from audit.ledger.offline import connection_export_manifest_check, export_manifest
from audit.sequencing import sequencer
from connections.component_manifests import manifest_store
from connections.inventory import account_filters
from connections.models import ConnectedAccount, SeenUse, State
from connections.sync import update_accounts
from tests.accounts.trail import events
from tests.audit.exported_files import sheets
from tests.connections.test_the_inventory_shows_everybody import make
from tests.connections.visitor import Gateway, know, subject
from tests.support.pages import signed_in

PAGE = "/connections/inventory/export/"


@pytest.fixture
def town(db: None, github_mcp: manifest_store.Declaration) -> ConnectedAccount:
    know("member1", "member2")
    make("member2", "slack", scopes=["chat:write"], state=State.SUSPENDED)
    make("member1", "slack", state=State.REVOKED)
    fact = update_accounts.Fact("cac_x", "github", ("repo", "gist"), clock.now(), None)
    row = update_accounts.appeared(settings.ENV.issuer, subject("member1"), fact, "management")
    ConnectedAccount.objects.filter(pk=row.pk).update(label="=cmd|' /C calc'!A0")
    sequencer.run_once()
    return row


def rows_of(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def taken(query: str, who: str = "auditor") -> Any:
    return signed_in(who, who).get(f"{PAGE}{query}")


def test_the_file_holds_what_the_filter_shows_and_each_row_its_entry(
    town: ConnectedAccount,
) -> None:
    answer = taken("?format=csv")
    body = answer.getvalue()
    rows = {row["connection"]: row for row in rows_of(body)}
    assert rows.keys() == {"github", "slack"}  # what is revoked is left out, as on the page
    assert rows["github"]["account"] == "'=cmd|' /C calc'!A0"
    assert rows["github"]["scopes_excess"] == "gist"
    assert rows["github"]["scopes_missing"] == "read:user"
    [told] = events("connection.reconciled")
    assert rows["github"]["entry"].endswith(f"/v1/audit/events/{told['id']}/entry")
    assert rows["github"]["entry_index"] == str(told["index"]) and rows["slack"]["entry"] == ""
    assert rows["slack"]["state"] == "suspended"
    [event] = events("connection.exported")
    digest = hashlib.sha256(body)
    assert event["data"]["sha256"] == digest.hexdigest() and event["data"]["credentials"] == 2
    assert answer["Repr-Digest"] == f"sha-256=:{b64encode(digest.digest()).decode()}:"
    assert answer["ATA-Event"] == event["id"]
    narrow = rows_of(taken("?format=csv&state=suspended&group=person").getvalue())
    assert [row["owner_email"] for row in narrow] == ["member2@acme.example"]


def test_the_workbook_says_the_same(town: ConnectedAccount) -> None:
    plain = rows_of(taken("?format=csv").getvalue())
    answer = taken("?format=xlsx")
    [[header, *rows]] = sheets(answer.getvalue())
    assert header == list(plain[0])
    at = header.index("account")
    assert [row[:at] for row in rows] == [list(row.values())[:at] for row in plain]
    assert "=cmd|' /C calc'!A0" in {row[at] for row in rows}  # its cell is marked as text
    assert answer["Content-Type"].endswith("spreadsheetml.sheet")


def test_more_than_one_batch_is_one_file(
    town: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connections.inventory import export_table

    monkeypatch.setattr(export_table, "_BATCH", 3)
    for n in range(8):
        make("member2", auth0_id=f"cac_{n}")
    found = [row["account_id"] for row in rows_of(taken("?format=csv").getvalue())]
    assert len(found) == len(set(found)) == 10


def test_the_later_use_is_named_with_who_told_of_it(town: ConnectedAccount) -> None:
    now = clock.now()
    watched = {"watched_since": now - timedelta(days=300)}
    old = watched | {"last_used_at": now - timedelta(days=200)}
    recent, past = {"last_used_at": now - timedelta(days=5)}, now.date() - timedelta(days=20)
    cases: dict[str, dict[str, Any]] = {
        "none": watched,
        "ours": old,
        "later": old,
        "theirs": old | recent,
    }
    for name, said in cases.items():
        row = make("member2", auth0_id=name, **said)
        if name in {"later", "theirs"}:
            ConnectedAccount.objects.filter(pk=row.pk).update(elsewhere_on=past)
            SeenUse.objects.create(account=row, client_id="desk", day=past)
    rows = {row["auth0_id"]: row for row in rows_of(taken("?format=csv").getvalue())}
    told = {
        name: (rows[name]["last_use_told_by"], int(rows[name]["days_idle"]), rows[name]["idle"])
        for name in ("none", "ours", "later", "theirs")
    }
    assert told == {
        "none": ("", 300, "yes"),
        "ours": ("our token broker", 200, "yes"),
        "later": ("Auth0’s tenant log", 20, "no"),
        "theirs": ("our token broker", 5, "no"),
    }
    assert (rows["later"]["elsewhere_on"], rows["later"]["elsewhere_by"]) == (str(past), "desk")
    page = signed_in("auditor", "auditor").get("/connections/inventory/?q=member2")
    assert page.content.decode().count("(tenant log)") == 1


@pytest.mark.parametrize("query", ["?format=pdf", "?format=csv&sate=x", "?format=csv&state=x"])
def test_what_cannot_be_read_is_not_exported(town: ConnectedAccount, query: str) -> None:
    assert taken(query).status_code == 400
    assert not events("connection.exported")


def test_over_the_api_everybody_takes_what_they_may_see(
    town: ConnectedAccount, gateway: Callable[[str], Gateway]
) -> None:
    path = "/v1/connections/export?format=csv"
    mine = rows_of(gateway("member1").call("GET", path).getvalue())
    assert [row["account_id"] for row in mine] == [str(town.pk)]
    assert len(rows_of(gateway("auditor").call("GET", path).getvalue())) == 2
    assert gateway("auditor").call("GET", "/v1/connections/export").status_code == 422
    assert Gateway("").call("GET", path).status_code == 401
    assert signed_in("member1", "member").get(PAGE).status_code == 403


def test_its_manifest_is_signed_and_holds_the_file_to_the_log(
    town: ConnectedAccount, gateway: Callable[[str], Gateway]
) -> None:
    answer = taken("?format=csv&q=member2&state=suspended")
    body, event = answer.getvalue(), answer["ATA-Event"]
    page = f"{PAGE}{event}/manifest/"
    assert signed_in("auditor", "auditor").get(page).status_code == 409  # no leaf yet
    sequencer.run_once()
    shown = signed_in("auditor", "auditor").get(page)
    manifest = export_manifest.read_manifest(shown.content)
    told = {key: manifest[key] for key in ("format", "rows", "everybody", "filter")}
    words = "state suspended; “member2”"
    query = {"words": words, "query": "state=suspended&q=member2"}
    params = {"state": ["suspended"], "q": "member2"}
    assert told == {
        "format": "csv", "rows": 1, "everybody": True, "filter": query | {"params": params}
    }  # fmt: skip
    assert manifest["exporter"]["sub"] == subject("auditor") and manifest["build"]
    assert manifest["event"]["id"] == event and manifest["event"]["index"] is not None
    keys = [log_identity.vkey()]
    assert connection_export_manifest_check.check(manifest, body, keys).ok
    assert page in signed_in("auditor", "auditor").get(f"/audit/events/{event}/").content.decode()
    over_api = gateway("auditor").call("GET", f"/v1/connections/export/{event}/manifest")
    assert over_api.json()["file"] == manifest["file"]
    assert answer["Link"] == f'</v1/connections/export/{event}/manifest>; rel="describedby"'
    missing = gateway("member1").call("GET", f"/v1/connections/export/{event}/manifest")
    assert missing.status_code == 404 and missing.json()["code"] == "not_found"
    assert signed_in("member1", "member").get(page).status_code == 403
    other = events("connection.reconciled")[0]["id"]
    assert signed_in("auditor", "auditor").get(f"{PAGE}{other}/manifest/").status_code == 404

    def failing(bent: dict[str, Any], file: bytes = body) -> list[int]:
        steps = connection_export_manifest_check.check(bent, file, keys).steps
        return [number for number, step in enumerate(steps) if not step.ok]

    assert failing(manifest, body + b"x") == [1]
    assert failing({**manifest, "rows": 2}) == [0, 2]
    foreign = note.sign(export_manifest.statement(manifest), "elsewhere.example", b"\1" * 32)
    assert failing({**manifest, "signed": foreign}) == [0]
    # Whoever has the key can sign another manifest; the entry in the log still says which file.
    bent = {**manifest, "file": {**manifest["file"], "sha256": hashlib.sha256(b"x").hexdigest()}}
    bent["signed"] = note.sign(
        export_manifest.statement(bent), log_identity.origin(), log_identity.seed()
    )
    assert failing(bent, b"x") == [2]
    assert failing({**manifest, "event": None}) == [0, 2]


def signed(bent: dict[str, Any]) -> dict[str, Any]:
    """A manifest as the holder of the log's key can sign it."""
    text = export_manifest.statement(bent)
    return {**bent, "signed": note.sign(text, log_identity.origin(), log_identity.seed())}


@pytest.mark.parametrize("what", ["connections", "applications"])
def test_the_file_of_one_member_is_said_to_have_their_own_rows_only(
    town: ConnectedAccount, gateway: Callable[[str], Gateway], what: str
) -> None:
    path = f"/v1/connections/export?format=csv&what={what}"
    made = gateway("member1").call("GET", path.removesuffix("&what=connections"))
    body, event = made.getvalue(), made["ATA-Event"]
    sequencer.run_once()
    manifest = gateway("member1").call("GET", f"/v1/connections/export/{event}/manifest").json()
    keys = [log_identity.vkey()]
    rows = {"connections": "accounts", "applications": "applications"}[what]
    own = f"Only {rows} of {subject('member1')} at {settings.ENV.issuer}: every "
    report = connection_export_manifest_check.check(manifest, body, keys)
    assert report.ok and report.words.startswith(own) and not manifest["everybody"]
    assert manifest["filter"]["words"] == report.words
    lie = connection_export_manifest_check.check(
        signed({**manifest, "everybody": True}), body, keys
    )
    assert not lie.ok and not lie.words.startswith("every ")


def test_the_words_of_a_manifest_are_those_of_the_filter_in_the_log(town: ConnectedAccount) -> None:
    answer = taken("?format=csv&state=suspended")
    body, event = answer.getvalue(), answer["ATA-Event"]
    sequencer.run_once()
    page = signed_in("auditor", "auditor").get(f"{PAGE}{event}/manifest/")
    manifest, keys = export_manifest.read_manifest(page.content), [log_identity.vkey()]
    assert connection_export_manifest_check.check(manifest, body, keys).words == "state suspended"
    others = {"words": "every account that is not revoked", "params": {}, "query": ""}
    for member, value in others.items():
        bent = signed({**manifest, "filter": {**manifest["filter"], member: value}})
        report = connection_export_manifest_check.check(bent, body, keys)
        assert (report.intact, report.words) == (False, "state suspended")
    # Without openings nobody knows which rows the file has: as of before, or of an erased filter.
    event_of_old = {key: v for key, v in manifest["event"].items() if key != "openings"}
    old = connection_export_manifest_check.check(
        signed({**manifest, "event": event_of_old, "filter": others}), body, keys
    )
    assert old.intact and not old.ok and old.unproven == (connection_export_manifest_check.CLOSED,)
    assert old.words == connection_export_manifest_check.NOT_OPENED
    [opening, *_] = manifest["event"]["openings"]
    unreadable: list[Any] = [[{**opening, "value": "x"}], [{}], 7]
    for openings in unreadable:
        bent = signed({**manifest, "event": {**manifest["event"], "openings": openings}})
        assert not connection_export_manifest_check.check(bent, body, keys).intact


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("&connection=github", "connection github; not revoked"),
        ("&owner=me", "owner {auditor}; not revoked"),
        ("&agent=x;+every+account", "agent “x; every account”; not revoked"),
        ("&state=revoked&connection=github", "state revoked; connection github"),
    ],
)
def test_the_words_of_a_file_leave_nothing_to_be_read_into_them(
    town: ConnectedAccount, asked: str, words: str
) -> None:
    answer = taken(f"?format=csv{asked}")
    sequencer.run_once()
    page = signed_in("auditor", "auditor").get(f"{PAGE}{answer['ATA-Event']}/manifest/")
    manifest = export_manifest.read_manifest(page.content)
    report = connection_export_manifest_check.check(
        manifest, answer.getvalue(), [log_identity.vkey()]
    )
    assert report.ok and report.words == words.format(auditor=subject("auditor"))


def test_the_manifest_of_a_file_of_everybody_is_not_read_once_the_role_is_gone(
    town: ConnectedAccount, gateway: Callable[[str], Gateway]
) -> None:
    over_api = gateway("auditor")
    made = over_api.call("GET", "/v1/connections/export?format=csv")
    event = made["ATA-Event"]
    sequencer.run_once()
    path = f"/v1/connections/export/{event}/manifest"
    assert over_api.call("GET", path).status_code == 200
    who: Any = {"iss": settings.ENV.issuer, "sub": subject("auditor")}
    later = clock.now() + timedelta(minutes=1)
    people_and_roles.note_person(**who, roles=[], phone=None, read_at=later)
    gone = over_api.call("GET", path)
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
    own = over_api.call("GET", "/v1/connections/export?format=csv")
    sequencer.run_once()
    path = f"/v1/connections/export/{own['ATA-Event']}/manifest"
    assert over_api.call("GET", path).status_code == 200


def test_a_file_by_words_is_whole_however_many_fit(
    town: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_filters, "FOUND", 2)
    for n in range(5):
        make("member2", auth0_id=f"cac_{n}")
    assert len(rows_of(taken("?format=csv&q=member2").getvalue())) == 6

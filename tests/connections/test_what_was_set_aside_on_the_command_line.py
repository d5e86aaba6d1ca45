"""`ata audit quarantine`: rows that could not become events, from the portal's own API."""

from __future__ import annotations

from pathlib import Path

from tests.connections.api_house import ADMIN, AUDITOR, OPERATOR, ApiHouse

TAKEN = """
import json
from audit.models import QuarantinedRow
from connections.models import Feed
from connections.tenant_log import entry_parsing, record_entries
entries = [entry_parsing.entry_of({"log_id": f"log_{n}", "type": "s"}) for n in range(3)]
record_entries.take(Feed.STREAM, [*entries, entry_parsing.entry_of("a\\x1b[31m line")])
print(json.dumps(list(QuarantinedRow.objects.order_by("-id").values_list("id", flat=True))))
"""


def test_it_lists_narrows_pages_and_shows(place: ApiHouse, tmp_path: Path) -> None:
    ids = place.runs(TAKEN)
    listed = place.ata(tmp_path, AUDITOR, "audit quarantine")
    assert [one["id"] for one in listed["items"]] == ids
    narrowed = place.ata(tmp_path, ADMIN, "audit quarantine --source auth0 --reason not_an_object")
    assert len(narrowed["items"]) == 1
    part = place.ata(tmp_path, ADMIN, "audit quarantine --limit 3")
    rest = place.ata(tmp_path, ADMIN, f"audit quarantine --after {part['next']}")
    assert part["items"] + rest["items"] == listed["items"]
    shown = place.ata(tmp_path, AUDITOR, f"audit quarantine {ids[0]}")
    assert shown["content"] == {"item": "a\x1b[31m line"}
    plain = place.typed(tmp_path, AUDITOR, f"audit quarantine {ids[0]}").stdout
    assert "no members, where an entry is an object" in plain and "\x1b" not in plain
    assert "log_0" in place.typed(tmp_path, AUDITOR, "audit quarantine").stdout


def test_it_says_who_may_and_what_is_not_there(place: ApiHouse, tmp_path: Path) -> None:
    place.runs(TAKEN)
    for who, words, code, ends in (
        (OPERATOR, "audit quarantine", "not_permitted", 1),
        (ADMIN, "audit quarantine 999999", "not_found", 1),
        (ADMIN, "audit quarantine that-one", "invalid_request", 2),
    ):
        no = place.ata(tmp_path, who, words, code=ends)
        assert no["error"]["code"] == code and no["error"]["fix"]

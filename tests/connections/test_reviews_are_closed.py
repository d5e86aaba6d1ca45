"""Access reviews close: a signed result that nothing changes afterwards."""

from __future__ import annotations

import hashlib

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.keys import log_identity
from audit.ledger import note
from audit.ledger.offline import access_review_check as review_files
from audit.recording import action_registry
from audit.recording.actors import Target
from audit.sequencing import sequencer
from connections.access_reviews import signed_result_file
from connections.models import ConnectedAccount, ReviewLines
from connections.views import access_review_pages
from tests.accounts.trail import events
from tests.connections.campaign import (
    LIST,
    _people,
    admin,
    close,
    connected,
    decide,
    file_of,
    mia,
    only,
    opened,
    person,
    refusal,
)
from tests.connections.visitor import subject
from tests.support.pages import signed_in

__all__ = ["_people", "mia"]  # fixtures


def test_the_result_is_signed_and_lists_what_nobody_decided(mia: ConnectedAccount) -> None:
    connected("member2", "slack", "chat:write")
    review = opened()
    decide(person("member1"), review.items.get(sub=mia.sub), "keep", "daily work")
    document = close(review)
    file, keys = file_of(review), [note.parse_vkey(log_identity.vkey())]
    assert review_files.check(file, keys).ok and len(file) == 3
    assert document["counts"] == {
        "accounts": 2, "keep": 1, "reduce": 0, "revoke": 0, "undecided": 1,
    }  # fmt: skip
    told = {one["connection"]: one["decision"] for one in document["accounts"]}
    assert told == {"github": "keep", "slack": "undecided"}
    [event] = events("review.closed")
    assert event["data"]["result_sha256"] == hashlib.sha256(b"".join(file)).hexdigest()
    assert action_registry.sentence(event).endswith(
        "“Spring”: 1 kept, 0 reduced, 0 revoked, 1 undecided"
    )
    kept = file[2].replace(b"undecided", b"keep")
    fewer = file[0].replace(b'"undecided":1', b'"undecided":0')
    for bent in ([*file[:2], kept], file[:2], [file[0], *file[:0:-1]], [fewer, *file[1:]], []):
        assert not review_files.check(bent, keys).ok


def test_nothing_is_decided_after_it_closed(mia: ConnectedAccount) -> None:
    review = opened()
    item = only(review)
    close(review)
    target = Target("review_item", str(item.id))
    keep = {"choice": "keep"}
    assert refusal(person("member1"), "review.decide", target, params=keep) == "review_closed"
    assert refusal(admin(), "review.close", Target("review", str(review.id))) == "review_closed"


def test_nothing_is_closed_where_origin_and_keys_do_not_agree(mia: ConnectedAccount) -> None:
    review = opened()
    sequencer.run_once()
    (log_identity.folder() / "origin").write_text("another.example/log\n")
    target = Target("review", str(review.id))
    assert refusal(admin(), "review.close", target) == "no_log_key"
    assert not ReviewLines.objects.exists() and events("review.closed") == []


def test_auditors_download_the_very_bytes_that_the_event_names(mia: ConnectedAccount) -> None:
    review = opened()
    client = signed_in("auditor", "auditor")
    assert client.get(f"{LIST}{review.id}/result/").status_code == 404
    close(review)
    answer = client.get(f"{LIST}{review.id}/result/")
    assert hashlib.sha256(answer.getvalue()).hexdigest() == review.result_digest
    assert f"access-review-{review.id}.ndjson" in answer["Content-Disposition"]
    assert signed_in("member1").get(f"{LIST}{review.id}/result/").status_code == 403


def test_each_reading_of_the_result_is_on_the_record(mia: ConnectedAccount) -> None:
    review = opened()
    client, address = signed_in("auditor", "auditor"), f"{LIST}{review.id}/result/"
    client.get(address)  # open: there is nothing to read
    close(review)
    signed_in("member1").get(address)
    assert client.head(address).status_code == 405
    assert not events("connection.exported")
    answer = client.get(address)
    [event] = events("connection.exported")
    assert answer["ATA-Event"] == event["id"] and "describedby" not in answer.get("Link", "")
    assert event["actor"]["sub"] == subject("auditor")
    assert (event["target"]["kind"], event["target"]["name"]) == ("review", str(review.id))
    body, data = answer.getvalue(), event["data"]
    assert (data["what"], data["bytes"], data["credentials"]) == ("review_result", len(body), 1)
    assert data["sha256"] == hashlib.sha256(body).hexdigest() == review.result_digest
    assert action_registry.sentence(event).endswith(
        "exported the signed result of the access review “Spring”"
    )
    [held] = ReviewLines.objects.all()
    assert held.text.encode() in body


def test_the_record_of_a_reading_names_the_bytes_that_were_handed_out(
    mia: ConnectedAccount,
) -> None:
    """Not those that were signed, where an erasure or somebody else changed them since."""
    review = opened()
    close(review)
    ReviewLines.objects.update(text="{}\n")
    answer = signed_in("auditor", "auditor").get(f"{LIST}{review.id}/result/")
    [event] = events("connection.exported")
    assert event["data"]["sha256"] == hashlib.sha256(answer.getvalue()).hexdigest()
    assert event["data"]["sha256"] != review.result_digest


def test_a_long_result_is_held_to_its_digest_on_demand(
    mia: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_review_pages, "CHECKED", 0)
    review = opened()
    close(review)
    ReviewLines.objects.update(text="{}")
    client, address = signed_in("auditor", "auditor"), f"{LIST}{review.id}/"
    with CaptureQueriesContext(connection) as queries:
        page = client.get(address).content.decode()
    assert "Compare with the signed result" in page and "was altered" not in page
    assert not any("reviewlines" in query["sql"] for query in queries)
    assert "The signed result was altered." in client.get(f"{address}?check=1").content.decode()


def test_counts_never_take_silence_for_an_answer() -> None:
    found = signed_result_file.count(["keep", "", "", "revoke"])
    assert (found.keep, found.undecided, found.decided) == (1, 2, 2)

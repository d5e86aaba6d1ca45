"""Gateways get success from the spool alone, and a refusal only for what they did wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from audit import clock
from audit.ingest.pushes import ingest_tokens, spool
from tests.audit import pushing
from tests.audit.pushing import TOKENS, hec, jsonl, real

ONE = real("b-0.8.4.jsonl").splitlines()[0]


@pytest.fixture(autouse=True)
def fleet(tmp_path: Path, settings: Any) -> Path:
    return pushing.register(tmp_path, settings)


def test_success_is_what_each_sender_takes_for_it() -> None:
    answer = hec(real("a-0.2.0.hec"))
    assert (answer.status, answer.said) == (200, {"text": "Success", "code": 0})
    assert jsonl(ONE).status == 200
    assert len(spool.waiting("edge-1")) == 2


@pytest.mark.django_db
def test_success_needs_no_database(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert hec(ONE).status == 200
        assert jsonl(ONE).status == 200


@pytest.mark.django_db
def test_a_wrong_token_is_refused_and_nothing_is_kept() -> None:
    assert (hec(ONE, token="of-nobody-at-all").status, hec(ONE, token="").status) == (403, 403)
    assert hec(ONE, token="of-nobody-at-all").said["code"] == 4
    assert (
        Client().post("/services/collector/event", ONE, content_type="text/plain").status_code
        == 401
    )
    for instance, token in [
        ("edge-1", TOKENS["edge-2"]), ("edge-9", TOKENS["edge-1"]), ("edge-1", "")
    ]:  # fmt: skip
        answer = jsonl(ONE, instance, token)
        assert (answer.status, answer.said["code"]) == (401, "token_refused")
    assert spool.instances() == []


def test_the_scheme_of_one_rail_is_none_of_the_other(db: None) -> None:
    token = TOKENS["edge-1"]
    for path, scheme in (
        ("/services/collector/event", "Bearer"),
        ("/v1/ingest/defenseclaw/edge-1", "Splunk"),
    ):
        answer = Client().post(
            path, ONE, content_type="x/y", headers={"Authorization": f"{scheme} {token}"}
        )
        assert answer.status_code in {401, 403}


def test_the_token_names_the_instance() -> None:
    hec(ONE, token=TOKENS["edge-2"])
    assert spool.instances() == ["edge-2"]


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_only_post_is_taken(method: str, db: None) -> None:
    for path in ("/services/collector/event", "/v1/ingest/defenseclaw/edge-1"):
        answer = getattr(Client(), method)(
            path, headers={"Authorization": f"Splunk {TOKENS['edge-1']}"}
        )
        assert answer.status_code == 405


def test_compressed_and_oversized_bodies_are_refused_unread() -> None:
    path = "/services/collector/event"
    credentials = {"Authorization": f"Splunk {TOKENS['edge-1']}"}
    packed = Client().post(path, ONE, content_type="application/json",
                           headers={**credentials, "Content-Encoding": "gzip"})  # fmt: skip
    assert packed.status_code == 415
    large = Client().post(path, b"x" * (33_554_432 + 1), content_type="application/json",
                          headers=credentials)  # fmt: skip
    assert large.status_code == 413


def test_a_batch_of_more_than_two_megabytes_is_taken() -> None:
    assert hec(b" " * 9_000_000 + ONE).status == 200


def test_a_body_without_content_is_success_and_leaves_nothing() -> None:
    assert hec(b"\n").status == 200
    assert spool.waiting("edge-1") == []


def test_a_replaced_token_is_good_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hec(ONE).status == 200
    (tmp_path / "edge-1.token").write_text("the-next-token-of-edge-1")
    assert (hec(ONE).status, hec(ONE, token="the-next-token-of-edge-1").status) == (200, 200)
    now = clock.now()
    monkeypatch.setattr("audit.clock.now", lambda: now + timedelta(hours=23, minutes=59))
    assert hec(ONE).status == 200
    monkeypatch.setattr("audit.clock.now", lambda: now + timedelta(hours=24, minutes=1))
    assert (hec(ONE).status, hec(ONE, token="the-next-token-of-edge-1").status) == (403, 200)


def test_a_replaced_token_is_noticed_without_a_request(tmp_path: Path) -> None:
    ingest_tokens.look()
    (tmp_path / "edge-1.token").write_text("the-next-token-of-edge-1")
    ingest_tokens.look()
    ingest_tokens._seen.clear()
    assert hec(ONE).status == 200
    remembered = (django_settings.VAR_DIR / "ingest-tokens" / "edge-1.json").read_text()
    assert TOKENS["edge-1"] not in remembered
    assert json.loads(remembered)["replaced_at"]


def test_files_that_cannot_be_read_for_a_moment_refuse_nobody(tmp_path: Path, fleet: Path) -> None:
    assert hec(ONE).status == 200
    (tmp_path / "edge-1.token").unlink()
    assert hec(ONE).status == 200
    fleet.write_text("half writ")
    assert hec(ONE).status == 200
    ingest_tokens._files.clear()  # as another process that begins now
    ingest_tokens._seen.clear()
    assert hec(ONE).status == 200


@pytest.mark.django_db
def test_an_instance_without_a_token_file_has_no_token_at_once_and_its_old_ones_stay_refused(
    tmp_path: Path, fleet: Path
) -> None:
    assert hec(ONE).status == 200
    before, held = fleet.read_text(), tmp_path / "edge-1.token"
    held.write_text("the-leaked-token-of-edge-1")
    assert hec(ONE, token="the-leaked-token-of-edge-1").status == 200
    fleet.write_text(before.replace('ingest_token_file = "edge-1.token"\n', ""))
    assert {hec(ONE).status, hec(ONE, token="the-leaked-token-of-edge-1").status} == {403}
    assert hec(ONE, token=TOKENS["edge-2"]).status == 200
    held.write_text("another-token-of-edge-1")
    fleet.write_text(before)
    assert hec(ONE, token="another-token-of-edge-1").status == 200
    assert {hec(ONE).status, hec(ONE, token="the-leaked-token-of-edge-1").status} == {403}


@pytest.mark.django_db
def test_one_token_of_two_instances_names_neither(tmp_path: Path) -> None:
    (tmp_path / "edge-2.token").write_text(TOKENS["edge-1"])
    assert hec(ONE).status == 403


def test_a_full_spool_is_503_and_closes_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MOST_FILES", 2)
    assert [hec(ONE).status for _ in range(4)] == [200, 200, 503, 503]
    assert hec(ONE).said == {"text": "Server is busy", "code": 9}
    assert jsonl(ONE).said["code"] == "spool_full"
    assert hec(ONE, token=TOKENS["edge-2"]).status == 200
    found = spool.refused("edge-1")
    assert found is not None and found.bodies == 4
    assert found.first <= found.last

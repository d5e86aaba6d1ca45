"""Answers that anybody may have cost little: what is dear is made once a process."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest
from django.test import Client

from portal.v1.routers import api

pytestmark = pytest.mark.django_db
PATH = "/v1/openapi.json"


def test_the_api_document_is_built_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Client().get(PATH)

    def refuse(**options: Any) -> Any:
        raise AssertionError("built again")

    monkeypatch.setattr(api, "get_openapi_schema", refuse)
    again = Client().get(PATH)
    assert first.status_code == again.status_code == 200
    assert again.content == first.content and json.loads(first.content)["paths"]
    assert Client().get("/v1/docs").status_code == 200


def test_who_has_the_api_document_is_answered_without_it() -> None:
    first = Client().get(PATH)
    again = Client().get(PATH, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "public" in first["Cache-Control"]


def test_the_compressed_api_document_is_the_same() -> None:
    plain, packed = Client().get(PATH), Client().get(PATH, headers={"Accept-Encoding": "gzip"})
    assert packed["Content-Encoding"] == "gzip" and "Accept-Encoding" in packed["Vary"]
    assert gzip.decompress(packed.content) == plain.content


@pytest.mark.parametrize(
    "path",
    [PATH, "/v1/client-config", "/v1/docs", "/", "/healthz", "/log/key", "/log/verify.html"],
)
def test_an_answer_for_strangers_takes_less_than_a_fifth_of_building_the_document(
    path: str,
) -> None:
    began = time.thread_time()
    api.get_openapi_schema()
    building = time.thread_time() - began
    Client().get(path)

    def once() -> float:
        began = time.thread_time()
        assert Client().get(path).status_code == 200
        return time.thread_time() - began

    cost = min(once() for _ in range(5))
    print(f"{path}: {cost * 1000:.1f} ms of {building * 1000:.0f} ms")
    assert cost < building / 5

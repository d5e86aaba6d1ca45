"""Reading fields out of answers that lie about their types."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from http_client import Answer, BadAnswer, Fields
from http_client.redaction import printable, redact_text


def fields(**values: object) -> Fields:
    return Fields(values, "t.read", "idp.example")


def answer(body: bytes) -> Answer:
    return Answer("t.read", "idp.example", 200, httpx.Headers(), body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[1]",
        b'"text"',
        b"null",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_not_one_object_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        answer(body).fields()


@pytest.mark.parametrize("value", [1, True, [], {}, "", None])
def test_a_required_text_is_named_when_it_is_anything_else(value: object) -> None:
    with pytest.raises(BadAnswer) as caught:
        fields(access_token=value).text("access_token")
    assert caught.value.field == "access_token"


@pytest.mark.parametrize("value", ["5", True, 1.5, -1, float("inf"), float("nan"), [], {}, None])
def test_a_required_number_is_named_when_it_is_anything_else(value: object) -> None:
    with pytest.raises(BadAnswer) as caught:
        fields(interval=value).integer("interval")
    assert caught.value.field == "interval"


def test_nested_fields_are_named_by_their_path() -> None:
    with pytest.raises(BadAnswer) as caught:
        fields(accounts=[{"id": "a"}, {"id": 7}]).objects("accounts")[1].text("id")
    assert caught.value.field == "accounts[1].id"
    with pytest.raises(BadAnswer) as caught:
        fields(scopes=["a", None]).texts("scopes")
    assert caught.value.field == "scopes[1]"
    with pytest.raises(BadAnswer):
        fields(scopes="a b").texts("scopes")


def test_times_are_read_in_utc_and_nothing_else_is_a_time() -> None:
    read = fields(at="2026-11-24T11:00:00+01:00").moment("at")
    assert read == datetime(2026, 11, 24, 10, tzinfo=UTC)
    for value in ("yesterday", "2026-11-24T10:00:00", 5, "0001-01-01T00:00:00+14:00"):
        with pytest.raises(BadAnswer):
            fields(at=value).moment("at")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(json_values)
def test_every_reader_returns_its_type_or_raises_bad_answer(value: Any) -> None:
    source = fields(x=value)
    readers: list[Callable[[str], object]] = [
        source.text,
        source.optional_text,
        source.integer,
        source.optional_integer,
        source.optional_flag,
        source.texts,
        source.moment,
        source.nested,
        source.objects,
    ]
    for read in readers:
        try:
            read("x")
        except BadAnswer as problem:
            assert problem.field.startswith("x")


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc.def-123456",
        "client_secret=hunter2hunter2&x=1",
        '{"refresh_token": "hunter2hunter2"}',
        "auth_req_id='hunter2hunter2'",
        "token eyJhbGciOi.eyJzdWIi.hunter2hunter2",
    ],
)
def test_secrets_are_taken_out_of_text(text: str) -> None:
    clean = redact_text(text)
    assert "hunter2" not in clean
    assert "abc.def" not in clean
    assert "[redacted]" in clean


def test_harmless_text_is_left_alone() -> None:
    text = "error_code=access_denied status code 403, encode=utf-8"
    assert redact_text(text).startswith("error_code=access_denied status code 403")


def test_known_values_are_taken_out_wherever_they_stand() -> None:
    assert redact_text("id abcd1234 is gone", ["abcd1234"]) == "id [redacted] is gone"


def test_an_answer_never_shows_its_body() -> None:
    shown = repr(answer(b'{"access_token":"hunter2"}'))
    assert "hunter2" not in shown
    assert "hunter2" not in repr(answer(b'{"access_token":"hunter2"}').fields())


def test_foreign_text_becomes_one_short_line() -> None:
    assert printable("a\x1b[31m\r\nb\u202e") == "a [31m b"
    assert len(printable("x" * 1000)) == 300

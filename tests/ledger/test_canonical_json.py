"""Canonical JSON equals RFC 8785, whichever encoder writes it; what JSON cannot hold is refused."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.ledger.format.canonical import MAX_SAFE_INTEGER, EntryError, canonical, scan

integers = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
floats = st.floats(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER, allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"]))
ascii_texts = st.text(st.characters(max_codepoint=127))


def documents(keys: st.SearchStrategy[str], numbers: st.SearchStrategy[Any]) -> st.SearchStrategy:
    return st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
        max_leaves=20,
    )


@given(documents(ascii_texts, integers))
def test_the_fast_encoder_writes_the_jcs_bytes(value: Any) -> None:
    assert scan(value)
    assert canonical(value) == rfc8785.dumps(value)


@given(documents(texts, integers | floats))
def test_any_json_value_gets_the_jcs_bytes_and_survives_reading(value: Any) -> None:
    written = canonical(value)
    assert written == rfc8785.dumps(value)
    assert canonical(json.loads(written)) == written


def test_keys_outside_the_bmp_sort_by_utf16_and_numbers_are_ecmascript() -> None:
    assert canonical({"\U0001f600": 1, "\ufb33": 2}) == '{"\U0001f600":1,"\ufb33":2}'.encode()
    assert canonical([1e-7, 100.0, -0.0, 0.1]) == b"[1e-7,100,0,0.1]"
    assert canonical("\x07\x7f\n\u2028\u20ac/") == '"\\u0007\x7f\\n\u2028\u20ac/"'.encode()


class Colour(StrEnum):
    RED = "red"


def test_tuples_and_text_enumerations_are_taken() -> None:
    assert canonical({"a": (Colour.RED, True)}) == b'{"a":["red",true]}'


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"a": [0, 2**53]}, "/a/1"),
        ({"a": -(2**53)}, "/a"),
        ({"a": 1e300}, "/a"),
        ({"a": {"b/~": math.nan}}, "/a/b~1~0"),
        ([math.inf], "/0"),
        ({"a": [b"bytes"]}, "/a/0"),
        ({"a": {1: 2}}, "/a"),
        ({"a": ["fine", "\ud800"]}, "/a/1"),
        ({"é": ["fine", "\ud800"]}, "/é/1"),
        ({"a": {"\udc00": 1}}, "/a/\\udc00"),
        ({"a": {1, 2}}, "/a"),
        ("\udfff", ""),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_pointer(value: Any, pointer: str) -> None:
    with pytest.raises(EntryError) as caught:
        canonical(value)
    assert caught.value.pointer == pointer
    str(caught.value).encode()


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(EntryError, match="nested deeper than 64"):
        canonical(loop)

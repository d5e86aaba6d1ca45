"""The digest of a row is compared with one that an earlier version stored: it may never change."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from audit.importing.source_row_identity import SourceRow, content_digest
from audit.models.exact_json_field import ExactJSONField

TEXT = st.text(max_size=8) | st.sampled_from(["\udcff", "\x7f\x00\x1f\u2028", "é😀", '"\\/'])
VALUE = TEXT | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.binary(max_size=4)


@given(st.dictionaries(TEXT, VALUE, max_size=5))
def test_a_digest_is_that_of_sorted_json(values: dict[str, Any]) -> None:
    plain = {
        k: {"$base64": b64encode(v).decode()} if isinstance(v, bytes) else v
        for k, v in values.items()
    }
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        body = f"ata.row.v1\naudit_events\n{text}".encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return  # SQLite's text is read so that only U+DC80 … U+DCFF stand for what is no UTF-8
    assert content_digest(SourceRow("audit_events", 1, values)) == hashlib.sha256(body).digest()


JSON = st.recursive(
    st.sampled_from([None, True, float("inf"), -0.0, 2**70]) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=6,
)


@given(JSON)
def test_a_stored_value_comes_back_as_it_was(value: Any) -> None:
    field = ExactJSONField()
    stored = field.get_prep_value(value)
    back = field.from_db_value(stored)
    assert back == value and type(back) is type(value)
    assert stored is None or "\0" not in stored

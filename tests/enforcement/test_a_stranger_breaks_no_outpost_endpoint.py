"""Whatever a caller without an enrolled key sends to the outposts' endpoints, it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from enforcement.models import Outpost, OutpostReport, SeenProof
from tests.enforcement.outpost_device import ENROL, REPORTS, Device, b64, code, enrolled

pytestmark = pytest.mark.django_db
REFUSED = range(400, 500)
NUMBERS = [-1, 0, 2**53, 2**63, 2**64, 10**18, 10**308, 10**399, -(10**399), 1e308, True, None, "1"]
TEXTS: list[Any] = [
    *["", "\0", "\u202e", "\uffff", "a\n", "\u0661" * 16, "=" * 43, "A" * 43, "A" * 65],
    *["x" * 900, None, 7, 10**399, [], {}, ["A" * 43], {"x": "A" * 43}],
]
RAW = [
    "",
    ".",
    "..",
    "...",
    "a" * 5000,
    *(f"{b64(head)}.{b64(head)}.{b64(bytes(64))}" for head in (b"null", b"[]", b'"jwk"', b"1e999")),
    *(f"{b64(b'[' * 700)}.{tail}.{'A' * 86}" for tail in ("", "A", "AA")),
    b64(b'{"jwk":NaN}') + "..",
    b64(b"\xff\xfe{\x00") + "..",
    b64(b'{"jwk":"\\ud800"}') + "..",
    b64(b"9" * 1400) + ".A.A",
    "\u00e9.\u00e9.\u00e9",
]


def answered(path: str, value: Any, device: Device, **other: Any) -> str:
    answer = device.post(path, value, **other)
    assert answer.status_code in REFUSED, (answer.status_code, value, other)
    return code(answer)


@pytest.mark.parametrize("path", [ENROL, REPORTS])
def test_no_claim_key_or_header_of_a_proof_is_an_error_of_ours(db: None, path: str) -> None:
    device = Device()
    value = device.enrolment("ABCD") if path == ENROL else device.report()
    seen = set()
    for other in [
        *({"iat": number} for number in [*NUMBERS, *TEXTS]),
        *({name: text} for name in ("jti", "htm", "htu", "body", "nonce") for text in TEXTS),
        *({"header": {name: text}} for name in ("typ", "alg", "jwk", "crit") for text in TEXTS),
        *(
            {"header": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": device.public_key} | {k: v}}}
            for k in ("kty", "crv", "x")
            for v in TEXTS
        ),
        *({"proof": raw} for raw in RAW),
    ]:
        seen.add(answered(path, value, device, **other))
    assert "401 proof_refused malformed" in seen and "401 proof_refused time" in seen
    assert (Outpost.objects.count(), SeenProof.objects.count()) == (0, 0)


def test_no_field_of_an_enrolment_is_an_error_of_ours(db: None) -> None:
    device = Device()
    for name in device.enrolment("ABCD"):
        for value in [*TEXTS, *NUMBERS]:
            answered(ENROL, device.enrolment("ABCD") | {name: value}, device)
    assert Outpost.objects.count() == 0


def test_no_field_of_a_report_is_an_error_of_ours(db: None) -> None:
    device = Device()
    for name in ("n", "previous", "outpost", "instance", "lag_s", "rows", "schema", "time"):
        for value in [*TEXTS, *NUMBERS]:
            answered(REPORTS, {"report": {name: value}, "signature": "A" * 86}, device)
    for value in [*TEXTS, *NUMBERS]:
        answered(REPORTS, {"report": value, "signature": value}, device)
    assert OutpostReport.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"\xff",
        b"NaN",
        b"9" * 5000,
        b'{"code":"\\ud800"}',
    ],
)
@pytest.mark.parametrize("path", [ENROL, REPORTS])
def test_no_body_is_an_error_of_ours(db: None, path: str, body: bytes) -> None:
    proof = Device().proof(path, body)
    answer = Client().post(path, body, content_type="application/json", headers={"DPoP": proof})
    assert answer.status_code in REFUSED
    assert "code" in json.loads(answer.content)


def test_no_number_or_name_of_an_enrolled_outpost_is_an_error_of_ours(db: None) -> None:
    device = Device()
    enrolled(device)
    for name in ("n", "lag_s", "previous", "time", "version", "why", "rows", "entries", "health"):
        for value in [*TEXTS, *NUMBERS]:
            answer = device.post(REPORTS, device.report(**{name: value}))
            assert answer.status_code < 500, (name, value)

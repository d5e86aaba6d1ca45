"""A small pack of a stranger, with many keys or many events, keeps nobody busy."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from time import process_time
from typing import Any, Final
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from audit.ledger import inclusion_proof_file, issuer_token_verification
from audit.ledger.format import entry
from audit.ledger.format.canonical import canonical
from audit.ledger.issuer_token_verification import MOST_KEYS, TokenError, distinct_keys
from audit.ledger.offline import erasures
from audit.ledger.packs import archive, pack_check
from audit.ledger.packs.pack_check_result import PackReport
from audit.ledger.trust_policy import Policy
from tests.support.signed import sign_checkpoint

ISS: Final = "https://issuer.example/"
LOG: Final = "log.example/hostile"
SEED: Final = bytes(32)
NOW: Final = datetime(2026, 11, 28, tzinfo=UTC)
MODULUS: Final = (1 << 2047) + 1


def b64(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def token(name: str = "k") -> bytes:
    """A sign-in token that no key verifies."""
    parts = {"alg": "RS256", "kid": name}, {"iss": ISS, "sub": "olu", "iat": 1}
    return ".".join([*(b64(json.dumps(one).encode()) for one in parts), b64(b"x" * 256)]).encode()


def key(number: int, name: str = "k") -> dict[str, Any]:
    modulus = (MODULUS + 2 * number).to_bytes(256, "big")
    return {"kty": "RSA", "kid": name, "e": "AQAB", "n": b64(modulus)}


def written(members: Mapping[str, bytes], size: int, withheld: Sequence[Any] = ()) -> bytes:
    about = {"tree": {"size": size}, "about": {}, "words": "w", "build": "b"}
    about["withheld"] = list(withheld)
    return archive.write(members, about, {}, LOG, SEED)


def hostile(events: int, keys: int) -> bytes:
    """A pack whose events all name a token that all these keys might have signed."""
    key_set = canonical({"iss": ISS, "keys": [key(number) for number in range(keys)]})
    members = of_events(events, {"evidence": [{"kind": "id_token", "digest": DIGEST}]})
    members[f"evidence/{DIGEST}.id_token"] = token()
    members[f"issuer/{hashlib.sha256(key_set).hexdigest()}.issuer_keys"] = key_set
    return written(members, events)


def of_events(events: int, more: Mapping[str, Any]) -> dict[str, bytes]:
    """The members of that many events, each with these fields too."""
    fields = {
        "time": NOW,
        "recorded_at": NOW,
        "action": "skill.blocked",
        "actor": {"iss": ISS, "sub": "olu"},
        **more,
    }
    signed = sign_checkpoint(LOG, events, bytes(32), SEED)
    members = {"log/checkpoint": signed.encode()}
    for index in range(events):
        built = entry.build(fields, id=UUID(int=index + 1))
        openings = [
            {"path": one.path, "subject": one.subject, "salt": one.salt.hex(), "value": one.value}
            for one in built.openings
        ]
        members[archive.event_name(index, "entry")] = built.entry
        members[archive.event_name(index, "openings.json")] = canonical({"openings": openings})
        members[archive.event_name(index, "tlog-proof")] = inclusion_proof_file.write(
            index, [], signed
        ).encode()
    return members


DIGEST: Final = hashlib.sha256(token()).hexdigest()
SIGNER: Final = RSAKey.generate_key(2048, {"kid": "k"})


def of_many_approvers(different: int, times: int, approvers: int) -> bytes:
    """One event that names so many sign-ins of strangers so many times each, and approvers."""
    header = {"alg": "RS256", "kid": "k"}
    claims = ({"iss": ISS, "sub": f"stranger {n}", "iat": 1} for n in range(different))
    bodies = [jwt.encode(header, one, SIGNER).encode() for one in claims]
    digests = [hashlib.sha256(body).hexdigest() for body in bodies]
    named = [{"kind": "id_token", "digest": digest} for digest in digests * times]
    members = of_events(1, {"evidence": named, "private": {"approvers": [{}] * approvers}})
    key_set = canonical({"iss": ISS, "keys": [SIGNER.as_dict(private=False)]})
    members[f"issuer/{hashlib.sha256(key_set).hexdigest()}.issuer_keys"] = key_set
    for digest, body in zip(digests, bodies, strict=True):
        members[f"evidence/{digest}.id_token"] = body
    return written(members, 1)


def checked(data: bytes) -> tuple[PackReport, float]:
    """The report, and how much processor time it took in seconds."""
    issuer_token_verification.forget()
    begun = process_time()
    report = pack_check.check(data, pack_check.Roots(Policy((), {}, {}, "none")))
    return report, process_time() - begun


def test_keys_of_a_pack_are_tried_a_few_times_and_not_for_each_event() -> None:
    plain, usual = checked(hostile(20, 1))
    report, taken = checked(hostile(20, 500))
    assert [one.human.code for one in report.events] == ["H0"] * 20
    assert [one.checks for one in report.events] == [one.checks for one in plain.events]
    assert taken < 4 * usual + 1


@pytest.mark.parametrize(("different", "times"), [(1, 400), (100, 1)])
def test_much_evidence_of_an_event_is_not_compared_with_each_approver(
    different: int, times: int
) -> None:
    _, usual = checked(of_many_approvers(different, times, 1))
    report, taken = checked(of_many_approvers(different, times, 30_000))
    [event] = report.events
    assert [one.name for one in event.checks].count("The issuer signed the sign-in") == different
    assert taken < usual + 0.8


def of_much_withheld(events: int, others: int) -> bytes:
    """A pack that withholds all evidence that its events name, and so many other values."""
    digests = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(300)]
    named = [{"kind": "id_token", "digest": digest} for digest in digests]
    held = [{"kind": "value", "name": f"9:{number}", "why": "secret"} for number in range(others)]
    held += [{"kind": "id_token", "name": digest, "why": "erased"} for digest in digests]
    return written(of_events(events, {"evidence": named}), events, held)


def test_what_is_withheld_is_not_searched_for_each_piece_of_evidence() -> None:
    _, usual = checked(of_much_withheld(4, 0))
    report, taken = checked(of_much_withheld(4, 10_000))
    states = [one.state for event in report.events for one in event.checks]
    assert states.count("withheld") == 4 * 300
    assert taken < usual + 1


def test_missing_values_are_not_looked_for_in_each_range_of_a_certificate() -> None:
    ranges = [[2 * number, 2 * number] for number in range(200_000)]
    data = {"certificate": True, "subject": "s", "ranges": [*ranges, [5, 9], [8, 20], [9, 7]]}
    document = {"action": "subject.erased", "source": "portal", "data": data}
    found = erasures.certificate(500_000, document)
    assert found is not None
    begun = process_time()
    covered = [index for index in range(398_001, 399_400, 2) if found.covers(index)]
    assert covered == [] and process_time() - begun < 1
    assert [index for index in range(24) if not found.covers(index)] == [1, 3, 21, 23]


def too_many() -> bytes:
    """A pack of one event more than a pack may have, in one member each."""
    names = [archive.event_name(index, "tlog-proof") for index in range(archive.MAX_EVENTS + 1)]
    return written(dict.fromkeys(names, b""), 1)


def test_a_pack_of_more_events_than_a_pack_may_have_is_refused() -> None:
    with pytest.raises(archive.PackError, match="more than 1,000 events"):
        archive.read(too_many())
    members = {archive.event_name(index, "tlog-proof"): b"" for index in range(archive.MAX_EVENTS)}
    assert len(archive.read(written(members, 1)).members) == archive.MAX_EVENTS


def test_a_pack_of_more_values_than_a_pack_may_have_is_refused() -> None:
    body = archive.archive({archive.MANIFEST: b"[0" + b",0" * archive.MAX_PARTS + b"]"})
    begun = process_time()
    with pytest.raises(archive.PackError, match="more than 2,000,000 values"):
        archive.read(body)
    assert process_time() - begun < 0.5


def test_a_token_that_no_key_verifies_is_remembered_as_one_that_verifies() -> None:
    issuer_token_verification.forget()
    for _ in range(3):
        with pytest.raises(TokenError, match="verifies"):
            issuer_token_verification.claims(token(), {ISS: {"keys": [key(1)]}})
    assert issuer_token_verification._verified.cache_info().misses == 1


def test_of_several_key_sets_the_first_distinct_keys_count() -> None:
    sets: list[list[Any]] = [
        [key(1), key(2)],
        [key(2), key(3)],
        [{"kid": "x" * 20_000}, {"kid": float("nan")}],
    ]
    assert distinct_keys(sets) == [key(1), key(2), key(3)]
    assert len(distinct_keys([[key(number) for number in range(200)]])) == MOST_KEYS

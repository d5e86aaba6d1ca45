"""One flipped bit anywhere, and the pack is refused by a check that has a name."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from audit.ledger.packs import archive as pack_files
from audit.ledger.packs import pack_check
from audit.ledger.packs.pack_check_result import PackReport
from tests.packs.act import Act
from tests.packs.bending import BENDS, FORGED, members_of, resigned

pytestmark = pytest.mark.django_db
RANDOM_BITS = 300


def failed(report: PackReport) -> list[str]:
    """Names of the checks that failed, in order."""
    checks = [*report.checks, *(check for event in report.events for check in event.checks)]
    return [check.name for check in checks if check.state == "failed"]


def one_of_each_place(body: bytes) -> Iterator[int]:
    """Positions of every field of every header, of every member, and of the end."""
    at = 0
    while body[at : at + 4] == b"PK\3\4":
        named = int.from_bytes(body[at + 26 : at + 28], "little")
        size = int.from_bytes(body[at + 22 : at + 26], "little")
        head = 30 + named
        yield from range(at, at + head)
        yield from {at + head, at + head + size // 2, at + head + size - 1}
        at += head + size
    yield from range(at, min(at + 46 + 13, len(body)))
    yield from range(len(body) - 22, len(body))


def test_a_bit_flipped_anywhere_is_refused_by_name(act: Act) -> None:
    body = act.pack().body
    places = sorted(set(one_of_each_place(body)))
    seeded = random.Random(20261124)
    flips = [(at, seeded.randrange(8)) for at in places]
    flips += [(seeded.randrange(len(body)), seeded.randrange(8)) for _ in range(RANDOM_BITS)]
    roots = act.roots()
    for at, bit in flips:
        bent = bytearray(body)
        bent[at] ^= 1 << bit
        report = pack_check.check(bytes(bent), roots)
        assert not report.intact and len(failed(report)) == 1, (at, bit)
        assert pack_files.looks_like(bytes(bent)), (at, bit)


def test_a_bit_flipped_in_any_member_is_refused_also_when_its_crc_was_mended(act: Act) -> None:
    members = members_of(act.pack().body)
    roots = act.roots()
    for name, content in members.items():
        middle = len(content) // 2
        bent = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        report = pack_check.check(pack_files.archive(members | {name: bent}), roots)
        assert not report.intact and failed(report), name


@pytest.mark.parametrize("how", BENDS)
def test_another_form_is_refused_by_the_check_that_names_it(act: Act, how: str) -> None:
    bend, name = BENDS[how]
    report = act.check(bend(act.pack().body))
    assert not report.intact
    assert failed(report) == [name], report.to_dict()["checks"]


@pytest.mark.parametrize("how", FORGED)
def test_what_the_owner_of_the_log_key_signs_anew_is_found_where_it_lies(
    act: Act, how: str
) -> None:
    change, name = FORGED[how]
    report = act.check(resigned(act.pack().body, change))
    assert not report.intact
    assert name in failed(report), failed(report)

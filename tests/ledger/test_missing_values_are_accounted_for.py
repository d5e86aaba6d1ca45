"""Values that a log no longer opens: which certificate says so, and which nobody certified."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from audit.ledger import merkle, note
from audit.ledger.format import entry
from audit.ledger.format.entry import Built
from audit.ledger.offline import erasures, log_file
from audit.ledger.offline.erasures import Account
from audit.ledger.offline.full_log_check import HistoryReport, check
from audit.ledger.packs import missing_values
from audit.ledger.trust_policy import parse
from tests.support.signed import sign_checkpoint

LOG = note.new_key("log.example/x")
TRUST = parse(f"log {LOG.vkey}\nquorum none\n")
WHEN = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
OLU = {"iss": "https://a.example/", "sub": "auth0|o", "name": "Olu"}


def built(number: int, action: str = "skill.blocked", **members: Any) -> Built:
    fields = {"time": WHEN, "recorded_at": WHEN, "action": action, "source": "portal", **members}
    return entry.build(fields, id=UUID(int=number))


def event(number: int) -> Built:
    return built(number, actor=OLU, reason="exfiltrates")


def ends(number: int, *ranges: Any, action: str = "subject.erased", **members: Any) -> Built:
    told = {"certificate": True, "subject": "abc", "ranges": list(ranges)}
    return built(number, action, data=told | members.pop("data", {}), **members)


def checked(
    entries: list[Built], gone: Collection[int] = (), withheld: Collection[int] = ()
) -> HistoryReport:
    root = merkle.root([merkle.leaf_hash(one.entry) for one in entries])
    head = sign_checkpoint(LOG.name, len(entries), root, LOG.seed)
    lines = [log_file.header(LOG.name, len(entries), head)]
    for n, one in enumerate(entries):
        held = [o for o in one.openings if n not in {*gone, *withheld}]
        names = [o.path for o in one.openings] if n in withheld else []
        lines.append(log_file.line(n, one.entry, held, names))
    return check(lines, TRUST)


def told(report: HistoryReport) -> dict[str, Any]:
    assert report.ok, report.steps
    return {k: report.to_dict()[k] for k in ("erased", "missing_without_certificate")}


def words(report: HistoryReport) -> str:
    return " ".join(report.not_proven)


def test_what_a_certificate_covers_names_the_entry_of_the_certificate() -> None:
    log = [event(0), event(1), event(2), event(3), ends(4, [1, 2])]
    report = checked(log, {1, 2})
    assert told(report) == {
        "erased": [{"certificate": 4, "entries": [[1, 2]]}],
        "missing_without_certificate": [],
    }
    assert "Values of entries 1 to 2: erased, certificate in entry 4." in words(report)
    assert "no certificate" not in words(report)


def test_what_nobody_certified_is_said_in_other_words() -> None:
    log = [event(0), event(1), event(2), event(3), ends(4, [1, 1])]
    report = checked(log, {1, 2})
    assert told(report) == {
        "erased": [{"certificate": 4, "entries": [[1, 1]]}],
        "missing_without_certificate": [[2, 2]],
    }
    assert "Why values of entries 2 are missing: no certificate of erasure" in words(report)
    assert "someone took them away" in words(report)


def test_withheld_values_are_not_missing_and_whole_logs_say_nothing() -> None:
    log = [event(0), event(1)]
    nothing: dict[str, Any] = {"erased": [], "missing_without_certificate": []}
    assert told(checked(log, withheld={1})) == nothing
    assert told(checked(log)) == nothing
    assert "certificate" not in words(checked(log))


@pytest.mark.parametrize(
    "forged",
    [
        ends(3, [0, 3]),  # itself, and whatever comes later
        ends(3, [0, 9]),
        ends(3, [0, 1], source="external"),  # reported by somebody
        ends(3, [0, 1], action="external.erased"),
        ends(3, ["0", 1], [0], [True, 2], 7),
        built(3, "subject.erased", data={"ranges": "0-9"}),
        built(3, "subject.erased", outcome="pending"),  # the decision, and not its end
    ],
)
def test_what_is_no_certificate_of_those_entries_accounts_for_nothing(forged: Built) -> None:
    report = checked([event(0), event(1), event(2), forged], {1})
    assert told(report) == {"erased": [], "missing_without_certificate": [[1, 1]]}


def test_stretches_are_cut_where_another_certificate_begins() -> None:
    account = Account()
    for index in range(20):
        account.look(index, entry.parse(event(index).entry), ())
    account.look(20, entry.parse(ends(20, [2, 4], [9, 9]).entry), ())
    account.look(21, entry.parse(ends(21, [4, 6], [15, 19]).entry), ())
    assert account.erased() == {20: [(2, 4), (9, 9)], 21: [(5, 6), (15, 19)]}
    assert account.unaccounted() == [(0, 1), (7, 8), (10, 14)]
    assert account.covering(4) is not None and account.covering(8) is None


def test_an_erasure_that_a_hold_stopped_accounts_for_what_it_took() -> None:
    stopped = ends(2, [0, 0], data={"certificate": False, "failure": "legal_hold"})
    found = erasures.certificate(2, entry.parse(stopped.entry))
    assert found and found.covers(0) and not found.whole


def test_committed_paths_are_those_that_have_openings() -> None:
    full = built(
        1,
        actor=OLU | {"email": "o@a.example"},
        on_behalf_of=OLU,
        target={"kind": "skill", "name": "pdf", "instance": ""},
        reason="why",
        changes={"state": {"before": "a", "after": "b"}},
        private={"raw": {"x": 1}, "note": ""},
    )
    assert set(erasures.committed(entry.parse(full.entry))) == {o.path for o in full.openings}


def test_a_pack_says_which_of_its_entries_certifies_and_when_none_does() -> None:
    body = event(1)
    (told,) = missing_values.certificates(
        [(1, body.entry), (4, ends(4, [1, 1]).entry), (5, b"bad")]
    )
    nothing = missing_values.Withheld([])
    gone = missing_values.judge(1, body.entry, [], nothing, [told])
    assert gone == ("ok", "3 values erased, as entry 4 certifies.")
    gone = missing_values.judge(1, body.entry, body.openings[1:], nothing, [])
    assert gone and gone[0] == "unchecked" and gone[1].startswith("1 value missing, and no cert")
    assert missing_values.judge(1, body.entry, body.openings, nothing, []) is None
    held = [{"kind": "value", "name": f"1:{one.path}", "why": "secret"} for one in body.openings]
    assert missing_values.judge(1, body.entry, [], missing_values.Withheld(held), []) is None
    counted = [{"kind": "values", "name": "1", "count": 2}, {"kind": "values", "name": 1}]
    gone = missing_values.judge(1, body.entry, [], missing_values.Withheld(counted), [])
    assert gone and gone[1].startswith("1 value missing")
    assert missing_values.judge(2, body.entry, [], missing_values.Withheld(held), []) is not None

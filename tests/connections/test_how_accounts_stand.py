"""How an account stands: one pure answer, and the database's own, which is the same."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from approvals import clock
from connections.auth_ibom.inventory_records import Account
from connections.idle_access.idle_and_hours_setting_types import BadHours, Hours, Setting, tightens
from connections.models import ConnectedAccount, Freeze, JustInTime, State
from connections.status import account_status, state_filters
from connections.status.account_status import Code, Frozen, Ground

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)  # a Wednesday
DAY = timedelta(days=1)
OFFICE = Hours(("mon", "tue", "wed", "thu", "fri"), "09:00", "18:00", "Europe/Paris")
NIGHT = Hours(("fri",), "22:00", "06:00", "UTC")
LATE = Hours(("mon",), "10:00", "12:00", OFFICE.zone)
EARLY = Hours(("mon",), "08:00", "12:00", OFFICE.zone)
WEEK = Setting(idle_h=168)
OWNERS = Setting(idle_h=168, wake="owner")
MIDNIGHT = NOW.replace(hour=0)
PAST_US = {"seen": {"desk": "2026-11-19", "concierge": "2026-11-01"}}
LONG_AGO = {"seen": {"desk": "2026-11-16", "concierge": "2026-11-01"}}


def account(**said: object) -> Account:
    given = {"state_since": NOW - 30 * DAY, "watched_since": NOW - 30 * DAY, "sub": "mia"}
    return Account("a", "github", **{**given, **said})  # type: ignore[arg-type]


def stands(ground: Ground, now: datetime = NOW) -> account_status.Standing:
    return account_status.of(account(), ground, now)


@pytest.mark.parametrize(
    ("said", "ground", "code", "since"),
    [
        ({}, Ground(), Code.CONNECTED, NOW - 30 * DAY),
        ({"expires_at": NOW + 8 * DAY}, Ground(), Code.CONNECTED, NOW - 30 * DAY),
        ({"expires_at": NOW + 6 * DAY}, Ground(), Code.EXPIRING, NOW - DAY),
        ({"expires_at": NOW - DAY}, Ground(), Code.NEEDS_RECONNECT, NOW - DAY),
        ({}, Ground({"github": WEEK}), Code.ASLEEP, NOW - 23 * DAY),
        ({"last_used_at": NOW - 6 * DAY}, Ground({"github": WEEK}), Code.CONNECTED, None),
        ({"last_used_at": NOW - 9 * DAY}, Ground({"github": WEEK}), Code.ASLEEP, NOW - 2 * DAY),
        ({"state_since": NOW - DAY}, Ground({"github": WEEK}), Code.CONNECTED, NOW - DAY),
        (PAST_US, Ground({"github": WEEK}), Code.CONNECTED, None),
        (PAST_US | {"last_used_at": NOW - 8 * DAY}, Ground({"github": WEEK}), Code.CONNECTED, None),
        (LONG_AGO, Ground({"github": WEEK}), Code.ASLEEP, MIDNIGHT - 2 * DAY),
        (PAST_US, Ground({"github": OWNERS}), Code.ASLEEP, NOW - 23 * DAY),
        ({}, Ground({"slack": WEEK}), Code.CONNECTED, None),
        ({"state": "suspended"}, Ground({"github": WEEK}), Code.SUSPENDED, None),
        ({"expires_at": NOW + DAY}, Ground({"github": WEEK}), Code.ASLEEP, None),
        ({"state": "suspended"}, Ground(frozen={("service", "*"): Frozen(NOW)}), Code.FROZEN, NOW),
        ({}, Ground(frozen={("person", "mia"): Frozen(NOW)}), Code.FROZEN, NOW),
        ({}, Ground(frozen={("service", "slack"): Frozen(NOW)}), Code.CONNECTED, None),
        ({"state": "revoked"}, Ground(frozen={("service", "*"): Frozen(NOW)}), Code.REVOKED, None),
    ],
    ids=str,
)
def test_what_decides_most_is_said_first(
    said: dict[str, object], ground: Ground, code: Code, since: datetime | None
) -> None:
    found = account_status.of(account(**said), ground, NOW)
    assert found.code == code
    assert since is None or found.since == since
    assert found.usable == (code in {Code.CONNECTED, Code.EXPIRING})


def test_outside_its_hours_it_sleeps_and_says_when_it_opens() -> None:
    ground = Ground({"github": Setting(hours=OFFICE)})
    assert stands(ground).code == Code.CONNECTED
    evening = NOW.replace(hour=17, minute=30)  # 18:30 in Paris
    found = stands(ground, evening)
    assert (found.code, found.reason) == (Code.ASLEEP, "outside its working hours")
    assert found.since == evening.replace(hour=17, minute=0)
    assert found.opens == datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
    friday = datetime(2026, 11, 27, 20, 0, tzinfo=UTC)
    assert stands(ground, friday).opens == datetime(2026, 11, 30, 8, 0, tzinfo=UTC)


def test_hours_over_midnight_and_over_a_change_of_the_clock() -> None:
    saturday = datetime(2026, 11, 28, 5, 59, tzinfo=UTC)
    assert NIGHT.is_open(saturday) and not NIGHT.is_open(saturday + timedelta(minutes=1))
    assert NIGHT.opens_next(saturday + timedelta(hours=1)) == saturday.replace(
        day=27, hour=22, minute=0
    ) + timedelta(days=7)
    # In Paris the clock went back on 25 October 2026: nine o'clock is an hour later in UTC.
    assert OFFICE.opens_next(datetime(2026, 10, 23, 17, 0, tzinfo=UTC)) == datetime(
        2026, 10, 26, 8, 0, tzinfo=UTC
    )
    assert OFFICE.is_open(datetime(2026, 10, 23, 7, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("days", "opens", "zone"),
    [((), "09:00", "UTC"), (("noday",), "09:00", "UTC"), (("mon",), "9", "UTC"),
     (("mon",), "25:00", "UTC"), (("mon",), "09:00", "Mars/Olympus"), (("mon",), "09:00", "../x")],
)  # fmt: skip
def test_hours_that_cannot_be_are_refused(days: tuple[str, ...], opens: str, zone: str) -> None:
    with pytest.raises(BadHours):
        Hours(days, opens, "18:00", zone)


@pytest.mark.parametrize(
    ("old", "new", "tighter"),
    [
        (Setting(), WEEK, True),
        (WEEK, Setting(), False),
        (WEEK, Setting(idle_h=24), True),
        (WEEK, Setting(idle_h=169), False),
        (WEEK, Setting(idle_h=168, wake="owner"), True),
        (Setting(idle_h=168, wake="owner"), WEEK, False),
        (Setting(), Setting(hours=OFFICE), True),
        (Setting(hours=OFFICE), Setting(idle_h=1), False),
        (Setting(hours=OFFICE), Setting(hours=LATE), True),
        (Setting(hours=OFFICE), Setting(hours=EARLY), False),
        (Setting(hours=OFFICE), Setting(hours=Hours(("mon",), "10:00", "12:00", "UTC")), False),
        (Setting(hours=NIGHT), Setting(hours=Hours(("fri",), "23:00", "05:00", "UTC")), True),
        (Setting(hours=NIGHT), Setting(hours=Hours(("sat",), "01:00", "05:00", "UTC")), True),
    ],
    ids=str,
)  # fmt: skip
def test_only_what_never_allows_more_is_tighter(old: Setting, new: Setting, tighter: bool) -> None:
    assert tightens(old, new) is tighter


def test_a_setting_says_itself() -> None:
    assert Setting(168, OFFICE, "owner").in_words("GitHub") == (
        "GitHub is paused after 7 idle days and resumes on next use, once the owner approves. "
        "Agents get GitHub tokens Mon–Fri 09:00–18:00 (Europe/Paris) only."
    )
    assert Setting(168, OFFICE, "owner").in_short() == (
        "Paused after 7 idle days. Resumes on next use, once the owner approves. "
        "Tokens only Mon–Fri 09:00–18:00 (Europe/Paris)."
    )
    assert Setting(None, OFFICE).in_short().startswith("Never paused. Tokens only Mon–Fri")
    for setting in (Setting(), WEEK, Setting(36, NIGHT, "owner")):
        assert Setting.read(setting.as_json()) == setting


def _somewhere(choose: random.Random, number: int) -> ConnectedAccount:
    def ago() -> datetime:
        return NOW - timedelta(hours=choose.randint(0, 400))

    return ConnectedAccount(
        iss=settings.ENV.issuer,
        sub=choose.choice("ab"),
        connection=choose.choice(["github", "slack", "x"]),
        auth0_id=f"cac_{number}",
        state=choose.choice(State.values + [State.CONNECTED] * 8),
        state_since=ago(),
        watched_since=ago(),
        last_used_at=choose.choice([None, ago()]),
        elsewhere_on=choose.choice([None, ago().date()]),
        expires_at=choose.choice([None, None, NOW + timedelta(hours=choose.randint(-50, 300))]),
        source="management",
        seen_at=NOW,
    )


@pytest.mark.parametrize("seed", range(6))
def test_the_database_decides_as_the_pure_answer_does(
    db: None, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = random.Random(seed)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    rows = [_somewhere(choose, number) for number in range(80)]
    ConnectedAccount.objects.bulk_create(rows)
    by = {"changed_at": NOW, "changed_by": "x"}
    JustInTime.objects.create(name="github", idle_h=choose.choice([None, 48, 168]), **by)
    JustInTime.objects.create(name="x", idle_h=96, wake=choose.choice(["use", "owner"]), **by)
    hours = choose.choice([None, OFFICE.as_json(), NIGHT.as_json()])
    JustInTime.objects.create(name="slack", idle_h=72, hours=hours, **by)
    for kind, name in choose.sample(
        [("service", "x"), ("person", "a"), ("service", "*")], seed % 3
    ):
        Freeze.objects.create(kind=kind, name=name, by="x", since=NOW)
    ground, everything = state_filters.now(), ConnectedAccount.objects.all()
    expected = {row.pk: account_status.of(row, ground, NOW).code for row in everything}
    coded = everything.annotate(code=state_filters.code_of(ground, NOW)).values_list("pk", "code")
    assert dict(coded) == expected
    for code in Code:
        found = state_filters.standing_as(everything, code, ground, NOW).values_list(
            "pk", flat=True
        )
        assert set(found) == {pk for pk, stood in expected.items() if stood == code}
    assert len(set(expected.values())) > 2

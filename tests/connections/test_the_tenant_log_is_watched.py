"""Auth0's tenant log, by stream and by reader: each entry once, in any order, and gaps are said."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx
from django.conf import settings as configured
from django.test import Client

from approvals import auth0_clients, clock
from audit.models import EventRow, QuarantinedRow
from connections.component_manifests import manifest_store
from connections.models import (
    ConnectedAccount,
    Feed,
    LogFact,
    LogFeed,
    LogGap,
    LogKind,
    PersonLook,
    Schedule,
    State,
)
from connections.sync import person_queue, schedule, update_accounts
from connections.tenant_log import feed_gaps, reader, record_entries
from connections.tenant_log.entry_parsing import entry_of
from tests.connections.log_entries import PATH, START, TOKEN, deliver, entry, lines, wrapped
from tests.connections.visitor import Gateway, empty_vault, fill_vault, know, subject
from tests.support.receiver import Receiver
from tests.support.tenant import LocalTenant

_SEND = """
from local.tenant.tenant_log.webhook_stream import Stream, deliver_once
for mode in ("duplicate", "reorder"):
    while deliver_once(Stream({url!r} + "/" + mode, {token!r}, mode)):
        pass
"""


@pytest.fixture(autouse=True)
def _stream(settings: Any) -> None:
    env = settings.ENV.model_copy(update={"AUTH0_LOG_STREAM_TOKEN": TOKEN})
    settings.ENV = env


@pytest.fixture
def github() -> ConnectedAccount:
    """Milo's GitHub account, as we know it."""
    know("member2")
    now = START - timedelta(days=1)
    fact = update_accounts.Fact("cac_1", "github", ("repo",), now, None)
    return update_accounts.appeared(configured.ENV.issuer, subject("member2"), fact, "management")


def recorded(action: str) -> list[EventRow]:
    return list(EventRow.objects.filter(action=action).order_by("time", "event"))


def what_is_known(account: ConnectedAccount) -> dict[str, Any]:
    account.refresh_from_db()
    return {
        "facts": sorted(LogFact.objects.values_list("log_id", "kind", "at", "reason")),
        "used": (account.auth0_used_at, account.auth0_used_by),
        "failed": (account.auth0_failures, account.auth0_failed_at, account.auth0_failure),
        "told": sorted((row.outcome, row.sentence) for row in recorded("connection.use_seen")),
    }


@pytest.mark.parametrize(
    ("given", "token", "status", "code"),
    [
        (TOKEN, "", 401, "token_refused"),
        (TOKEN, "Bearer other", 401, "token_refused"),
        (TOKEN, TOKEN + "x", 401, "token_refused"),
        ("", TOKEN, 404, "not_found"),
        ("", "", 404, "not_found"),
    ],
)
def test_only_who_knows_the_value_delivers(
    settings: Any, given: str, token: str, status: int, code: str
) -> None:
    settings.ENV = settings.ENV.model_copy(update={"AUTH0_LOG_STREAM_TOKEN": given})
    answer = deliver(lines(entry(1)), token=token)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not LogFact.objects.exists()


def test_deliveries_are_bounded_and_posted() -> None:
    assert Client().get(PATH).status_code == 405
    assert deliver(b"x" * 2_700_000).json()["code"] == "too_large"
    assert deliver(b"[" + b"1," * 5000 + b"1]").json()["code"] == "too_many"
    packed = Client().post(
        PATH, data=b"x", content_type="application/json", HTTP_CONTENT_ENCODING="gzip"
    )
    assert packed.status_code == 415
    assert not LogFact.objects.exists() and not QuarantinedRow.objects.exists()


def test_every_form_of_a_delivery_is_read(github: ConnectedAccount) -> None:
    some = [entry(n, minutes=n) for n in range(6)]
    bodies = [
        lines(*some[:2]),
        json.dumps(wrapped(*some[2:4])).encode(),
        json.dumps(wrapped(some[4])[0]).encode(),
        json.dumps({"logs": wrapped(some[5])}).encode(),
    ]
    answers = [deliver(body).json() for body in bodies]
    assert [one["recorded"] for one in answers] == [2, 2, 1, 1]
    github.refresh_from_db()
    assert github.auth0_used_at == START + timedelta(minutes=5)
    assert github.last_used_at is None, "what the broker saw is another source"
    again = deliver(bodies[0], kind="application/x-ndjson").json()
    assert again == {
        "received": 2, "recorded": 0, "duplicates": 2, "ignored": 0, "quarantined": 0,
    }  # fmt: skip


def test_order_and_repetition_change_nothing(github: ConnectedAccount) -> None:
    some = [entry(n, minutes=400 * n) for n in range(8)]
    some += [
        entry(n, "feta", minutes=400 * n - 3000, failure_reason=f"reason_{n}") for n in range(8, 16)
    ]
    results = []
    for seed in range(6):
        LogFact.objects.all().delete()
        EventRow.objects.filter(action="connection.use_seen").delete()
        ConnectedAccount.objects.update(auth0_used_at=None, auth0_failures=0, auth0_failed_at=None)
        choose = random.Random(seed)
        sent = some * 2 if seed else list(some)
        choose.shuffle(sent)
        while sent:
            size = choose.randint(1, 7)
            assert deliver(lines(*sent[:size])).status_code == 200
            sent = sent[size:]
        found = what_is_known(github)
        # Which entry of a day is told depends on which came first; that the day is told does not.
        found["told"] = sorted(outcome for outcome, _ in found["told"])
        results.append(found)
    assert all(found == results[0] for found in results)
    assert results[0]["used"] == (START + timedelta(minutes=2800), "concierge")
    assert results[0]["failed"][0] == 1 and results[0]["failed"][2] == "reason_15"


def test_a_busy_application_is_one_event_a_day(github: ConnectedAccount) -> None:
    deliver(lines(*(entry(n, minutes=n) for n in range(300))))
    deliver(lines(*(entry(n, minutes=n) for n in range(300, 600))))
    deliver(
        lines(entry(601, minutes=60 * 24), entry(602, "feta", minutes=1, failure_reason="unknown"))
    )
    told = recorded("connection.use_seen")
    assert [(row.outcome, row.target_name) for row in told] == [
        ("success", str(github.id)), ("failure", str(github.id)), ("success", str(github.id)),
    ]  # fmt: skip
    assert "gave application concierge a GitHub token for Milo Member" in told[0].sentence
    assert {row.source for row in told} == {"auth0"}
    assert LogFact.objects.count() == 602


def test_what_our_broker_exchanged_is_not_told_twice(github: ConnectedAccount) -> None:
    ours = configured.ENV.AUTH0_VAULT_CLIENT_ID
    deliver(lines(entry(1, client=ours), entry(2, "s"), entry(3, "sapi"), entry(4, "seccft")))
    assert not recorded("connection.use_seen")
    github.refresh_from_db()
    assert (github.auth0_used_at, github.auth0_used_by) == (START, ours)
    assert LogFact.objects.get(sub=github.sub, kind="signed_in").at == START
    feed = LogFeed.objects.get(feed=Feed.STREAM)
    assert (feed.recorded, feed.ignored, feed.newest) == (2, 2, START)


def test_with_two_accounts_either_may_be_meant(github: ConnectedAccount) -> None:
    fact = update_accounts.Fact("cac_2", "github", (), START, None)
    update_accounts.appeared(github.iss, github.sub, fact, "management")
    deliver(lines(entry(1)))
    [told] = recorded("connection.use_seen")
    assert told.target_name == ""
    assert set(ConnectedAccount.objects.values_list("auth0_used_at", flat=True)) == {START}


def test_what_is_no_entry_is_set_aside_and_the_rest_counts(github: ConnectedAccount) -> None:
    bad: list[Any] = [
        "text", 7, None, [1], {}, {"data": {}}, {"log_id": 5, "type": "seta"},
        {**entry(1), "date": "yesterday"}, {**entry(2), "type": None},
        {**entry(3), "user_id": ["x"]}, {**entry(4), "log_id": "x" * 300},
        {**entry(5), "date": "\u0000", "details": {"access_token": "ghp_" + "a" * 36}},
    ]  # fmt: skip
    good = lines(entry(10), entry(11))
    body = good + b"{not json\n\xff\xfe\n" + b"".join(json.dumps(b).encode() + b"\n" for b in bad)
    answer = deliver(body).json()
    assert (answer["recorded"], answer["quarantined"]) == (2, len(bad) + 2)
    [said] = recorded("audit.quarantined")
    assert (said.source, said.instance, said.target_name) == ("auth0", "auth0", "stream")
    kept = QuarantinedRow.objects.filter(instance="auth0")
    assert kept.count() == len(bad) + 2
    assert "ghp_" not in json.dumps(list(kept.values_list("content", flat=True)))
    assert deliver(body).json()["duplicates"] == 2
    assert len(recorded("audit.quarantined")) == 1, "set aside once"


def test_the_tenants_own_sender_in_its_worse_manners(
    portal_tenant: LocalTenant,
    gateway: Callable[[str], Gateway],
    github_mcp: manifest_store.Declaration,
) -> None:
    assert gateway("operator").exchange().status_code == 200
    receiver = Receiver().start()
    try:
        portal_tenant.execute(_SEND.format(url=receiver.url, token=TOKEN))
        arrived = list(receiver.received.queue)
    finally:
        receiver.stop()
    sent = {mode: [a for a in arrived if a.path == f"/{mode}"] for mode in ("duplicate", "reorder")}
    counts = {}
    for mode, deliveries in sent.items():
        answers = [deliver(a.body, token=a.headers["authorization"]).json() for a in deliveries]
        counts[mode] = [sum(a[k] for a in answers) for k in ("recorded", "duplicates")]
        assert not any(a["quarantined"] for a in answers)
    once = LogFact.objects.count()
    assert once > 0
    assert counts == {"duplicate": [once, once], "reorder": [0, once]}
    account = ConnectedAccount.objects.get(sub=subject("operator"), connection="github")
    assert account.last_used_at is not None
    told = LogFact.objects.filter(sub=account.sub, kind=LogKind.EXCHANGED).order_by("at").last()
    assert told is not None and told.client_id == configured.ENV.AUTH0_VAULT_CLIENT_ID


def test_the_reader_begins_now_and_goes_on_where_it_was(
    portal_tenant: LocalTenant,
    gateway: Callable[[str], Gateway],
    github_mcp: manifest_store.Declaration,
) -> None:
    caller = gateway("operator")
    assert reader.run_due() == 1
    begun = LogFeed.objects.get(feed=Feed.CHECKPOINT)
    assert begun.since is not None and not LogFact.objects.exists()
    assert caller.exchange().status_code == 200
    assert reader.run_due() == 0, "it is not due yet"
    schedule.ask_now(reader.READER, clock.now())
    assert reader.run_due() == 1
    [fact] = LogFact.objects.filter(kind=LogKind.EXCHANGED)
    assert (fact.feed, fact.sub) == (Feed.CHECKPOINT, subject("operator"))
    [account] = ConnectedAccount.objects.filter(sub=subject("operator"), connection="github")
    assert account.auth0_used_at == fact.at
    moved = LogFeed.objects.get(feed=Feed.CHECKPOINT)
    assert moved.cursor > begun.cursor and moved.since == begun.since
    deliver(lines({**entry(1), "log_id": fact.log_id}))
    assert LogFact.objects.filter(kind=LogKind.EXCHANGED).count() == 1, "both feeds, one fact"


def test_a_checkpoint_moves_with_its_entries_or_not_at_all(
    github: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_entries.take(Feed.CHECKPOINT, [], cursor="a")
    with monkeypatch.context() as broken:
        broken.setattr(record_entries, "_bring_accounts_up_to_date", lambda _fresh: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            record_entries.take(Feed.CHECKPOINT, [entry_of(entry(1))], cursor="b")
    assert LogFeed.objects.get(feed=Feed.CHECKPOINT).cursor == "a"
    assert not LogFact.objects.exists() and not recorded("connection.use_seen")


def _logs(routes: respx.Router, tenant: LocalTenant, *answers: httpx.Response) -> respx.Route:
    routes.route(method="POST", path="/oauth/token").pass_through()
    routes.route(path__regex=r"^/\.well-known/").pass_through()
    return routes.get(f"{tenant.url}/api/v2/logs").mock(side_effect=list(answers))


def _run() -> Schedule:
    schedule.ask_now(reader.READER, clock.now())
    reader.run_due()
    return Schedule.objects.get(name=reader.READER)


def test_the_reader_waits_as_long_as_auth0_says(portal_tenant: LocalTenant) -> None:
    auth0_clients.management()
    record_entries.take(Feed.CHECKPOINT, [], cursor="900a")
    no = httpx.Response(429, json={"errorCode": "too_many_requests"}, headers={"Retry-After": "90"})
    with respx.mock(assert_all_called=False) as routes:
        _logs(routes, portal_tenant, *[no] * 10)
        row = _run()
    assert timedelta(seconds=80) < row.due - clock.now() <= timedelta(seconds=90)
    assert LogFeed.objects.get(feed=Feed.CHECKPOINT).cursor == "900a"


def test_an_odd_entry_stops_no_reader(portal_tenant: LocalTenant, github: ConnectedAccount) -> None:
    record_entries.take(Feed.CHECKPOINT, [], cursor="900a")
    page = [entry(1), {"type": 3}, entry(2)]
    link = {"Link": f'<{portal_tenant.url}/api/v2/logs?from=next&take=100>; rel="next"'}
    with respx.mock(assert_all_called=False) as routes:
        _logs(routes, portal_tenant, httpx.Response(200, json=page, headers=link))
        _run()
    feed = LogFeed.objects.get(feed=Feed.CHECKPOINT)
    assert (feed.cursor, feed.recorded, feed.quarantined) == ("next", 2, 1)


def test_a_checkpoint_that_auth0_forgot_is_a_gap_and_an_event(portal_tenant: LocalTenant) -> None:
    record_entries.take(Feed.CHECKPOINT, [entry_of(entry(1))], cursor="900never")
    before = LogFeed.objects.get(feed=Feed.CHECKPOINT)
    _run()
    [gap] = LogGap.objects.all()
    assert (gap.why, gap.start) == ("checkpoint_lost", START)
    [told] = recorded("tenant_log.gap_found")
    assert "no longer knows where reading had stopped" in told.sentence
    feed = LogFeed.objects.get(feed=Feed.CHECKPOINT)
    assert feed.since is not None and before.since is not None and feed.since > before.since
    assert feed_gaps.watched().since == feed.since
    _run()
    assert LogGap.objects.count() == 1


def test_a_long_absence_is_a_gap(
    portal_tenant: LocalTenant, travel: Callable[[float], None]
) -> None:
    _run()
    travel(2 * 86_400)
    _run()
    assert [gap.why for gap in LogGap.objects.all()] == ["away"]


def test_a_stream_that_fell_silent_is_told_once_until_it_is_back(
    github: ConnectedAccount, travel: Callable[[float], None]
) -> None:
    feed_gaps.watch_the_stream(clock.now())
    deliver(lines(entry(1)))
    later = (clock.now() - START).total_seconds() / 60 + 5
    record_entries.take(Feed.CHECKPOINT, [entry_of(entry(2, minutes=later))], cursor="x")
    feed_gaps.watch_the_stream(clock.now())
    assert not LogGap.objects.exists(), "it may still come"
    travel(1200)
    for _ in range(2):
        feed_gaps.watch_the_stream(clock.now())
    [gap] = LogGap.objects.all()
    assert (gap.why, gap.end) == ("silent", None)
    deliver(lines(entry(3)))
    gap.refresh_from_db()
    assert gap.end is not None
    assert len(recorded("tenant_log.gap_found")) == 1


def test_an_account_that_came_or_went_is_looked_at_soon(
    portal_tenant: LocalTenant, travel: Callable[[float], None]
) -> None:
    know("member2")
    empty_vault(portal_tenant, "member2")
    auth0_id = fill_vault(portal_tenant, "member2", "slack", "milo@acme", "channels:read")
    account: dict[str, Any] = {"connected_account": {"id": auth0_id}}
    came = entry(1, "connected_accounts_connection_succeeded", connection="slack", **account)
    deliver(lines(came))
    assert person_queue.run_due() == 0 and PersonLook.objects.count() == 1
    travel(10)
    assert person_queue.run_due() == 1 and not PersonLook.objects.exists()
    row = ConnectedAccount.objects.get(auth0_id=auth0_id)
    empty_vault(portal_tenant, "member2")
    deliver(lines(came, entry(2, "connected_accounts_delete_succeeded", **account)))
    travel(10)
    person_queue.run_due()
    row.refresh_from_db()
    assert row.state == State.GONE
    deliver(lines(entry(3, "connected_accounts_delete_succeeded", **account)))
    assert not PersonLook.objects.exists(), "we know that already"


def test_old_facts_are_forgotten_and_what_they_told_stays(github: ConnectedAccount) -> None:
    deliver(lines(entry(1)))
    record_entries.tidy(clock.now() + timedelta(days=36))
    assert not LogFact.objects.exists()
    github.refresh_from_db()
    assert github.auth0_used_at == START

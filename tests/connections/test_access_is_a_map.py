"""Access as a map: each cell is what the inventory has at both instants, and claims no more."""

from __future__ import annotations

import html
import random
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import clock
from approvals.pipeline.service import perform
from audit.models import Entry, EventRow
from audit.recording.actors import Actor, Target
from audit.sequencing import sequencer
from connections.auth_ibom import fact_collection
from connections.auth_ibom.inventory_records import Account, Declared, Used
from connections.auth_ibom.replay import Inventory
from connections.component_manifests import enforcement_decision_hook, manifest_store
from connections.component_manifests.manifest_store import Declaration
from connections.inventory.component_map import (
    UNNAMED,
    Cell,
    Mark,
    Spot,
    component_map,
    component_of,
)
from connections.lifecycle import bulk_decisions
from connections.models import AllowRule, ConnectedAccount
from connections.status.account_status import ENDED, USABLE
from connections.sync import update_accounts
from connections.views.inventory import access_map
from connections.views.inventory.access_map_attention import Attention, attention
from connections.views.inventory.access_map_changes import Line, ticks
from tests.connections.random_inventories import anything, owner
from tests.connections.visitor import know, subject
from tests.support.pages import keep_the_shell, signed_in

PAGE = "/connections/map/"
NOW = clock.now()
LONG = timedelta(days=200)


def text(answer: Any) -> str:
    """The words of a page."""
    plain = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", html.unescape(plain))


def account(number: str, **more: Any) -> Account:
    """One account of a person, as the log has it."""
    return replace(Account(number, "github", sub=f"owner-{number}", state="connected"), **more)


def used(agent: str, skill: str, days_ago: float) -> dict[tuple[str, str], Used]:
    return {(agent, skill): Used(agent, skill, 3, NOW - timedelta(days=days_ago))}


def inventory(*accounts: Account, needs: tuple[str, ...] = ("github",)) -> Inventory:
    """An inventory with a manifest of one MCP server."""
    declared = Declared("mcp", "hub", "d", NOW, tuple((one, ("repo",)) for one in needs))
    return Inventory(
        accounts={one.id: one for one in accounts}, manifests={("mcp", "hub"): declared}
    )


def cell_of(before: Inventory, after: Inventory, component: str = "mcp:hub") -> Cell:
    """The cell of the only account."""
    found = component_map(before, after, NOW - timedelta(days=7), NOW)
    return found.rows[0].cells[found.components.index(component)]


@pytest.mark.parametrize(
    ("state", "uses", "mark"),
    [
        ("connected", used("codex", "mcp:hub", 1), Mark.RECENT),
        ("connected", used("codex", "mcp:hub", 8), Mark.BEFORE),
        ("connected", {}, Mark.UNUSED),
        ("suspended", used("codex", "mcp:hub", 1), Mark.BARRED),
        ("frozen", {}, Mark.BARRED),
        ("asleep", {}, Mark.BARRED),
    ],
)
def test_a_cell_says_what_is_known_of_use_and_of_the_account(
    state: str, uses: dict[tuple[str, str], Used], mark: Mark
) -> None:
    one = inventory(account("a", state=state, uses=uses))
    cell = cell_of(one, one)
    assert (cell.now.mark, cell.then.declared, cell.change) == (mark, True, "")
    assert cell.agents == [agent for agent, _ in uses]


def test_an_account_that_ended_is_shown_while_it_stood_before() -> None:
    live, gone = inventory(account("a")), inventory(account("a", state="revoked"))
    assert cell_of(live, gone).now.mark == Mark.ENDED
    assert cell_of(live, gone).change == "lost"
    assert component_map(gone, gone, NOW, NOW).rows == ()


def test_what_was_gained_and_lost_is_what_the_manifest_names_and_the_account_gives() -> None:
    live, barred = inventory(account("a")), inventory(account("a", state="suspended"))
    unnamed = inventory(account("a"), needs=())
    assert cell_of(barred, live).change == "gained" and cell_of(live, barred).change == "lost"
    assert cell_of(unnamed, live).change == "gained" and cell_of(live, unnamed).change == "lost"
    assert cell_of(Inventory(), live).change == "gained"
    assert cell_of(live, live).change == "" and cell_of(barred, barred).change == ""


def test_a_use_without_a_manifest_is_shown_and_claims_no_declaration() -> None:
    uses = used("", "hub", 1) | used("codex", "", 2)
    one = inventory(account("a", uses=uses), needs=("slack",))
    bare = cell_of(one, one, "skill:hub")
    assert (bare.now.mark, bare.now.declared, bare.now.may) == (Mark.RECENT, False, False)
    assert bare.agents == ["unnamed"], "a caller without a name"
    assert cell_of(one, one, UNNAMED).agents == ["codex"]
    assert cell_of(one, one).now == Spot(), "neither declared nor seen"


@pytest.mark.parametrize("seed", range(3))
def test_the_map_is_the_inventory_at_both_instants(db: None, seed: int) -> None:
    know("member1", "member2")
    choose = random.Random(seed)
    declare("github")
    for number in range(30):
        if number == 15:
            declare("slack")
        anything(choose)
    sequencer.run_once()
    total = Entry.objects.count()
    for _ in range(4):
        first, size = sorted((choose.randint(1, total), choose.randint(1, total)))
        compared = fact_collection.compare(str(first), str(size))
        then, now = fact_collection.at(first), fact_collection.at(size)
        assert tuple(compared.before.accounts[a.id] for a in then.accounts) == then.accounts
        assert tuple(compared.after.accounts[a.id] for a in now.accounts) == now.accounts
        found = component_map(compared.before, compared.after, compared.then, compared.now)
        old, new = ({a.id: a for a in facts.accounts} for facts in (then, now))
        stood = {name for name, one in old.items() if one.state not in ENDED}
        assert {row.account.id for row in found.rows} == {
            name for name, one in new.items() if one.state not in ENDED or name in stood
        }
        for row in found.rows:
            for cell in row.cells:
                for spot, facts, known in ((cell.now, now, new), (cell.then, then, old)):
                    check(spot, cell.component, facts, known.get(row.account.id))
        assert compared.found.changes == fact_collection.between(str(first), str(size)).changes


def check(spot: Spot, component: str, facts: fact_collection.Facts, one: Account | None) -> None:
    """A spot says of an account what the inventory of its instant does."""
    if one is None:
        assert spot == Spot()
        return
    needs = {
        scopes
        for declared in facts.manifests
        for name, scopes in declared.needs
        if (f"{declared.kind}:{declared.name}", name) == (component, one.connection)
    }
    uses = [use for use in one.users if component_of(use.skill) == component]
    assert spot.declared is bool(needs) and (not needs or spot.scopes in needs)
    assert list(spot.uses) == uses
    assert spot.may is (bool(needs) and one.state in USABLE)
    assert (spot.mark == Mark.NOTHING) is (not needs and not uses)


def declare(connection: str) -> None:
    """Put the manifest of the MCP server in force."""
    wanted = {"connections": [{"connection": connection, "scopes": ["repo"]}]}
    manifest_store.declare_shipped("mcp", "hub", Declaration.model_validate(wanted))


def by() -> Actor:
    """An admin."""
    return replace(owner("admin"), roles=frozenset({"admin"}))


@pytest.fixture
def story(db: None) -> ConnectedAccount:
    """An account that appears (entry 0), its manifest (1), a risky scope more (2)."""
    know("member1", "admin")
    fact = update_accounts.Fact("a", "github", ("read:user",), clock.now(), None)
    row = update_accounts.appeared(settings.ENV.issuer, subject("member1"), fact, "management")
    sequencer.run_once()
    declare("github")
    sequencer.run_once()
    later = clock.now() + timedelta(seconds=1)
    update_accounts.still_there(row, replace(fact, scopes=("read:user", "repo")), later)
    sequencer.run_once()
    return row


def test_the_page_answers_who_may_use_what_and_what_changed(story: ConnectedAccount) -> None:
    auditor = signed_in("auditor", "auditor")
    page = text(auditor.get(f"{PAGE}?compare=1"))
    assert "Components can write or delete through 1 account with no use seen yet" in page
    assert "View accounts with no use seen" in page
    assert "+ 2 gained · − 0 lost" in page and "in its manifest, no use seen, newly usable" in page
    assert "2 changes since" in page and "+ gained" in page
    assert "It never says that an agent cannot" in page
    past = text(auditor.get(f"{PAGE}?compare=0&now=1"))
    assert "No component was declared for a usable account" in past
    assert "nothing declared or seen" not in past, "no column without a component"
    perform(owner("member1"), "connection.suspend", Target("connection", str(story.pk)))
    sequencer.run_once()
    lost = text(auditor.get(f"{PAGE}?compare=3"))
    assert "+ 0 gained · − 1 lost" in lost and "Was connected, is suspended" in lost
    assert "1 account · 1 suspended" in lost


def test_two_dates_are_compared_below_the_map_and_open_where_one_is_given(
    story: ConnectedAccount,
) -> None:
    auditor = signed_in("auditor", "auditor")
    page = auditor.get(f"{PAGE}?account={story.pk}&component=mcp:hub").content.decode()
    assert page.index('aria-label="Key"') < page.index('id="panel"') < page.index('name="compare"')
    assert '<details class="card"><summary' in page
    for query in ("?compare=2026-01-01", "?now=0", "?compare=never"):
        found = auditor.get(PAGE + query).content.decode()
        assert '<details class="card" open>' in found and found.count('name="compare"') == 1


def test_a_frozen_person_is_called_by_name(story: ConnectedAccount) -> None:
    before = Entry.objects.count()
    perform(by(), "person.freeze", Target("person", subject("member1")), reason="a test")
    sequencer.run_once()
    page = text(signed_in("auditor", "auditor").get(f"{PAGE}?compare={before}"))
    assert "“Mia Member” : Frozen" in page and "frozen" in page and "1 lost" in page


def test_a_change_is_amber_only_where_it_is_risky(story: ConnectedAccount) -> None:
    page = signed_in("auditor", "auditor").get(f"{PAGE}?compare=2").content.decode()
    assert page.count('aria-label="risky"') == 1, "repo can write to every repository"
    calm = signed_in("auditor", "auditor").get(f"{PAGE}?compare=0&now=1").content.decode()
    assert 'aria-label="risky"' not in calm


def test_a_cell_explains_itself_and_a_past_one_claims_nothing_of_now(
    story: ConnectedAccount,
) -> None:
    auditor = signed_in("auditor", "auditor")
    asked = f"account={story.pk}&component=mcp:hub"
    page = text(auditor.get(f"{PAGE}?compare=1&{asked}"))
    assert "The manifest of mcp:hub names GitHub, and the account gives tokens." in page
    assert "read and write all repositories, including private ones" in page
    assert "usable at the earlier date (" in page
    assert "No use was seen" in page and "Component allowed" in page
    assert "the portal knows of none that still works" in page
    past = text(auditor.get(f"{PAGE}?compare=1&now=3&{asked}"))
    assert "not known for an earlier date" in past and "not decided" not in past
    other = text(auditor.get(f"{PAGE}?compare=1&account={story.pk}&component=mcp:other"))
    assert "Select a dot" in other
    assert "Use, as seen by the broker" not in other, "no panel for what is not on the map"


@pytest.mark.parametrize("several", [False, True])
def test_a_cell_shows_a_revocation_that_waits_alone_or_in_a_selection(
    story: ConnectedAccount, several: bool
) -> None:
    listed = {"accounts": [str(story.pk)]}
    target = bulk_decisions.target_of(listed["accounts"])
    if several:
        asked = perform(by(), bulk_decisions.REVOKE, target, params=listed, reason="left").approval
    else:
        alone = Target("connection", str(story.pk))
        asked = perform(by(), "connection.revoke", alone, reason="left").approval
    assert asked is not None
    page = signed_in("auditor", "auditor").get(
        f"{PAGE}?compare=1&account={story.pk}&component=mcp:hub"
    )
    assert f'href="/approvals/{asked.pk}/"' in page.content.decode()


@pytest.mark.parametrize(
    ("decided", "open_", "said"),
    [
        ("block", True, "blocked: the broker refuses it"),
        ("hold", True, "on hold: the broker refuses it"),
        ("none", True, "not decided, and left open"),
        ("none", False, "not decided: the broker refuses it"),
    ],
)
def test_a_cell_says_what_was_decided_on_the_component(
    story: ConnectedAccount,
    decided: str,
    open_: bool,
    said: str,
) -> None:
    enforcement_decision_hook.answer_with(lambda components: dict.fromkeys(components, decided))
    AllowRule.objects.update_or_create(pk=1, defaults={"open": open_, "changed_at": NOW})
    asked = f"{PAGE}?compare=1&account={story.pk}&component=mcp:hub"
    page = text(signed_in("auditor", "auditor").get(asked))
    assert said in page
    counted = "1 component blocked, on hold or not allowed: the broker refuses it"
    assert (counted in page) == ("the broker refuses it" in said)
    assert counted not in text(signed_in("auditor", "auditor").get(f"{PAGE}?compare=1&now=2"))


@pytest.mark.parametrize("query", ["compare=x", "now=99999", "now=0&compare=2", "now=2026-13-01"])
def test_dates_that_are_none_are_kept_and_explained(story: ConnectedAccount, query: str) -> None:
    answer = signed_in("auditor", "auditor").get(f"{PAGE}?{query}")
    assert answer.status_code == 422
    key, _, value = query.partition("&")[0].partition("=")
    page = answer.content.decode()
    assert f'name="{key}" value="{value}"' in page and 'aria-invalid="true"' in page
    assert 'class="map' not in page, "no map under dates that cannot be read"


def change_at(time: datetime) -> Line:
    """A change of that time."""
    return Line("+", False, "", "", "", [], [], time, "")


def test_the_bars_of_the_first_and_the_last_day_stand_at_the_ends_of_the_timeline() -> None:
    then = NOW - timedelta(days=7)
    drawn = ticks([change_at(NOW), change_at(then)], then, NOW)
    assert drawn is not None
    first, last = drawn["days"]
    assert (first.x, round(last.x + drawn["bar"], 2)) == (0, drawn["width"])
    today = ticks([change_at(NOW)], NOW, NOW)
    assert today is not None and today["days"][0].x + today["bar"] == today["width"]


def test_a_comparison_with_no_entries_is_dated_before_the_first_entry(
    story: ConnectedAccount,
) -> None:
    compared = fact_collection.compare("0", "")
    assert compared.then == EventRow.objects.get(seq=0).recorded_at
    page = text(signed_in("auditor", "auditor").get(f"{PAGE}?compare=0"))
    assert ", before the first entry + " in page


def test_the_panel_names_whose_account_it_is_beyond_the_rows_of_the_page(
    story: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = f"{PAGE}?account={story.pk}&component=mcp:hub"
    assert "mcp:hub and Mia Member’s GitHub" in text(signed_in("auditor", "auditor").get(chosen))
    monkeypatch.setattr(access_map, "SHOWN", 0)
    assert "mcp:hub and Mia Member’s GitHub" in text(signed_in("auditor", "auditor").get(chosen))


def test_an_empty_log_says_so(db: None) -> None:
    page = text(signed_in("admin", "admin").get(f"{PAGE}?compare=0&now=0"))
    assert "No account at that date" in page and "Nothing changed since" in page


@pytest.mark.parametrize(
    ("roles", "status"), [((), 403), (("operator",), 403), (("auditor",), 200), (("admin",), 200)]
)
def test_only_who_sees_every_account_sees_the_map(
    db: None, roles: tuple[str, ...], status: int
) -> None:
    assert signed_in("member1", *roles).get(PAGE).status_code == status


def test_the_map_asks_the_same_however_many_accounts_there_are(
    story: ConnectedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_the_shell(monkeypatch)
    client = signed_in("auditor", "auditor")

    def queries() -> list[str]:
        client.get(f"{PAGE}?compare=1")
        with CaptureQueriesContext(connection) as asked:
            assert client.get(f"{PAGE}?compare=1").status_code == 200
        return [query["sql"] for query in asked]

    few = queries()
    for number in range(12):
        fact = update_accounts.Fact(f"b{number}", "github", ("repo",), clock.now(), None)
        update_accounts.appeared(settings.ENV.issuer, subject("member1"), fact, "management")
    sequencer.run_once()
    many = queries()
    assert len(many) == len(few), "\n".join(many)


def risky(number: str, **more: Any) -> Account:
    """An account that has a scope of the manifest that can write."""
    return account(number, **({"scopes": ("repo",), "watched_since": NOW - LONG} | more))


def at(*accounts: Account, refused: frozenset[str] = frozenset()) -> Attention | None:
    """What the map of these accounts leads with."""
    one = inventory(*accounts)
    return attention(component_map(one, one, NOW, NOW), refused, NOW)


@pytest.mark.parametrize(
    ("accounts", "said", "meaning"),
    [
        (
            [risky("a"), risky("b", last_used_at=NOW - timedelta(days=95))],
            "Components can write or delete through 2 accounts with no use seen for 90 days",
            "",
        ),
        (
            [risky("a", watched_since=NOW), risky("b", last_used_at=NOW)],
            "Components can write or delete through 1 account with no use seen yet",
            f"Use is recorded only since tracking began on {NOW.day} {NOW:%b %Y}",
        ),
        (
            [risky("a", watched_since=NOW), risky("b", watched_since=NOW - timedelta(days=9))],
            "Components can write or delete through 2 accounts with no use seen yet",
            "Use is recorded only since tracking of each began",
        ),
    ],
)
def test_the_headline_names_unused_accounts_and_no_more_time_than_was_watched(
    accounts: list[Account], said: str, meaning: str
) -> None:
    found = at(*accounts)
    assert found and (found.headline, found.meaning) == (said, meaning)


@pytest.mark.parametrize(
    "calm",
    [
        risky("a", scopes=("read:user",)),
        risky("a", state="suspended"),
        risky("a", last_used_at=NOW - timedelta(days=2)),
        risky("a", watched_since=None),
        risky("a", seen={"app": f"{NOW:%Y-%m-%d}"}),
    ],
)
def test_an_account_that_is_used_or_closed_or_harmless_makes_no_headline(calm: Account) -> None:
    assert at(calm) is None


def test_a_component_that_the_broker_refuses_makes_no_headline() -> None:
    assert at(risky("a")) and at(risky("a"), refused=frozenset({"mcp:hub"})) is None


def test_accounts_that_the_headline_counts_stand_above_the_map(story: ConnectedAccount) -> None:
    auditor = signed_in("auditor", "auditor")
    page = text(auditor.get(f"{PAGE}?compare=1"))
    first, _, rest = page.partition("Who can use what")
    assert "Check first Use is recorded only since tracking began on" in first
    assert "Mia Member GitHub" in first and "mcp:hub Details" in first
    assert "read and write all repositories, including private ones" in first
    assert "Select a dot" in rest and "Use, as seen by the broker" not in rest
    chosen = text(auditor.get(f"{PAGE}?compare=1&account={story.pk}&component=mcp:hub"))
    assert "The manifest of mcp:hub names GitHub" in chosen and "Select a dot" not in chosen
    past = text(auditor.get(f"{PAGE}?compare=1&now=3"))
    assert "1 component was declared for usable accounts of 1 person" in past

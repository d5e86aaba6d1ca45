"""Several holds and blocks of one component, by this portal and by others on the host: an act ends
what it is about, and nothing that stands for another decision."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.ata.outpost.commanded import Commanded
from tests.ata.outpost.commanding_portal import stamp

type Enrol = Callable[..., Commanded]
AGENT = "--agent=claudecode"


@pytest.mark.parametrize(("kind", "name"), [("skill", "pdf"), ("mcp", "github")])
def test_a_hold_over_an_older_block_does_not_let_its_denial_end_the_block(
    commanded: Enrol, kind: str, name: str
) -> None:
    edge = commanded("head", AGENT)
    portal = edge.portal
    edge.send(portal.restrict("block", kind, name, intent_hash="ab" * 32))
    denial = portal.decide("release", portal.intent(f"{kind}.block", name), decision="denied")
    digest = denial["command"]["intent_hash"]
    past = stamp(datetime.now(UTC) - timedelta(days=3))
    edge.send(portal.restrict("hold", kind, name, intent_hash=digest, issued_at=past))
    assert edge.refusals() == ["done ", "done "]
    blocked = [row["actions"] for row in edge.entries(kind, name)]
    edge.send(portal.sign({**denial["command"], "n": portal.n + 1}, denial["evidence"]))
    portal.n += 1
    [done] = edge.report()
    assert (done["code"], [row["actions"] for row in edge.entries(kind, name)]) == (
        "nothing_of_ours",
        blocked,
    )
    edge.send(portal.decide("release", portal.intent(f"{kind}.release", name)))
    assert edge.refusals() == ["done nothing_of_ours"] and edge.entries(kind, name)
    edge.send(portal.decide("unblock", portal.intent(f"{kind}.unblock", name)))
    assert edge.refusals() == ["done "] and edge.entries(kind, name) == []


def test_two_requests_that_hold_a_skill_end_its_hold_once_both_are_denied(
    commanded: Enrol,
) -> None:
    edge = commanded("head", AGENT)
    intents = [edge.portal.intent("skill.block", "pdf") for _ in range(2)]
    denials = [edge.portal.decide("release", one, decision="denied") for one in intents]
    for one in denials:
        digest = one["command"]["intent_hash"]
        edge.send(edge.portal.restrict("hold", "skill", "pdf", intent_hash=digest))
    assert edge.refusals() == ["done ", "done "]
    edge.send(edge.portal.decide("release", intents[1], decision="denied"))
    assert edge.refusals() == ["done nothing_of_ours"] and edge.entries("skill", "pdf")
    edge.send(edge.portal.decide("release", intents[0], decision="denied"))
    assert edge.refusals() == ["done "] and edge.entries("skill", "pdf") == []


def test_a_block_that_others_ended_owns_nothing_of_a_later_hold(commanded: Enrol) -> None:
    edge = commanded("head")
    edge.send(edge.portal.restrict("block", "mcp", "github"))
    edge.report()
    edge.set_entry("mcp", "github", {})
    edge.send(edge.portal.restrict("hold", "mcp", "github"))
    edge.send(edge.portal.decide("release", edge.portal.intent("mcp.release", "github")))
    assert edge.refusals() == ["done ", "done "] and edge.entries("mcp", "github") == []


def test_a_block_that_could_not_be_read_back_is_not_ended_by_an_older_decision(
    commanded: Enrol,
) -> None:
    edge = commanded("head")
    before = datetime.now(UTC) - timedelta(minutes=2)
    older = edge.portal.decide("unblock", edge.portal.intent("mcp.unblock", "github"), at=before)
    edge.send(edge.portal.restrict("block", "mcp", "github"))
    with edge.unreadable():
        [unproven] = edge.carry_out()
    assert (unproven["state"], unproven["code"]) == ("unproven", "entries_unreadable")
    edge.portal.n += 1
    edge.send(edge.portal.sign({**older["command"], "n": edge.portal.n}, older["evidence"]))
    assert edge.refusals()[-1] == "refused too_old" and edge.entries("mcp", "github")


@pytest.mark.parametrize(("kind", "name"), [("skill", "pdf"), ("mcp", "github")])
def test_a_block_of_others_under_a_hold_of_ours_is_not_ended(
    commanded: Enrol, kind: str, name: str
) -> None:
    edge = commanded("head", AGENT)
    edge.set_entry(kind, name, {"install": "block"})
    edge.send(edge.portal.restrict("hold", kind, name, reason="ATA hold x until y"))
    assert edge.refusals() == ["done "]
    edge.send(edge.portal.decide("unblock", edge.portal.intent(f"{kind}.unblock", name)))
    [done] = edge.report()
    assert [(one["dimension"], one["why"]) for one in done["left"]] == [("install", "others")]
    assert {"install": "block"} in [row["actions"] for row in edge.entries(kind, name)]


def test_an_allow_over_a_block_of_others_says_what_it_replaced(commanded: Enrol) -> None:
    edge = commanded("head")
    edge.set_entry("mcp", "github", {"install": "block"})
    edge.send(edge.portal.decide("allow", edge.portal.intent("mcp.allow", "github")))
    [done] = edge.report()
    assert (done["state"], done["code"]) == ("done", "replaced_others")
    assert done["detail"] == "It replaced a block that others had added."


@pytest.mark.parametrize("act", ["release", "unblock"])
@pytest.mark.parametrize(("kind", "name"), [("skill", "pdf"), ("mcp", "github")])
def test_what_an_earlier_enrolment_placed_is_ended_by_a_decision(
    commanded: Enrol, kind: str, name: str, act: str
) -> None:
    edge = commanded("head", AGENT)
    edge.put("skill", "claudecode", "pdf")
    placed, why = ("hold", "ATA hold x until y") if act == "release" else ("block", "unsafe")
    edge.send(edge.portal.restrict(placed, kind, name, reason=why))
    assert edge.refusals() == ["done "]
    shutil.rmtree(edge.folder.path)
    edge.receiver.commands.clear()
    edge.enrol()
    edge.send(edge.portal.restrict(placed, kind, name, reason=why))
    denied = edge.portal.decide(
        "release", edge.portal.intent(f"{kind}.block", name), decision="denied"
    )
    edge.send(denied)
    kept = edge.carry_out()[-1]
    assert kept["code"] == "nothing_of_ours" and kept["detail"].startswith("Not lifted")
    edge.send(edge.portal.decide(act, edge.portal.intent(f"{kind}.{act}", name)))
    done = edge.carry_out()[-1]
    assert (done["state"], done["code"]) == ("done", "")
    assert not any(row["actions"] for row in edge.entries(kind, name))


def test_a_hold_of_an_earlier_enrolment_is_ended_without_a_hold_of_the_new_one(
    commanded: Enrol,
) -> None:
    edge = commanded("head", AGENT)
    edge.send(edge.portal.restrict("hold", "skill", "pdf", reason="ATA hold x until y"))
    edge.report()
    shutil.rmtree(edge.folder.path)
    edge.receiver.commands.clear()
    edge.enrol()
    edge.send(edge.portal.decide("release", edge.portal.intent("skill.release", "pdf")))
    done = edge.carry_out()[-1]
    assert (done["state"], done["code"]) == ("done", "")
    assert not any(row["actions"] for row in edge.entries("skill", "pdf"))

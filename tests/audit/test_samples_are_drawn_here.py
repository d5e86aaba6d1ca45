"""Samples drawn in the portal: asked for on record, drawn by a tree nobody knew, drawn again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from ata.cli import app
from audit.exports import full_log
from audit.ingest import reported_events
from audit.keys import log_identity
from audit.ledger.offline.samples import SCHEMA_1, Draw, SampleError, Source, sample_of
from audit.ledger.query import EventQuery, InvalidQuery
from audit.models import Event, EventRow, Openings
from audit.recording import stored_event_loader
from audit.recording.actors import Actor
from audit.recording.record import record
from audit.sampling import draw_and_record, sample_from_its_events, sample_requests
from audit.sampling.draw_and_record import NoSample
from audit.sampling.sample_from_its_events import Ask
from audit.search import fulltext_index, projection
from audit.sequencing import sequencer
from tests.audit.factories import ADA, MIA, OLU, DraftFactory
from tests.support.recording import record_many

pytestmark = pytest.mark.django_db

ACTIONS = ("skill.blocked", "skill.allowed", "audit.verified")


def happens(count: int = 40, **fields: Any) -> None:
    list(
        record_many(
            DraftFactory.build(
                **{"action": ACTIONS[n % 3], "actor": (OLU, MIA)[n % 2]} | fields,
                reason=f"number {n % 5}",
            )
            for n in range(count)
        )
    )
    sequencer.run_once()


def asked(bar: str = "", size: int = 7, seed: str = "") -> Ask:
    """A sample that Ada asked for, and that was drawn."""
    id = sample_requests.ask(ADA, EventQuery.from_bar(bar), size, seed)
    sequencer.run_once()
    draw_and_record.drawn(ADA, id)
    sequencer.run_once()
    return sample_from_its_events.find(id)


def told(action: str) -> list[dict[str, Any]]:
    rows = EventRow.objects.filter(action=action).order_by("event")
    return [stored_event_loader.load(row.event) for row in rows]


def offline(ask: Ask, folder: Path, *more: str) -> Any:
    """Somebody else with the log of that tree draws again."""
    assert ask.drawn is not None and ask.drawn.sample is not None
    tree = full_log.checkpoint_of(ask.drawn.tree_size)
    (folder / "log.ndjson").write_bytes(b"".join(full_log.hand_out(OLU, tree)))
    (folder / "sample.json").write_bytes(ask.drawn.sample.to_bytes())
    line = ["audit", "sample", str(folder / "log.ndjson"), "--check", str(folder / "sample.json")]
    return CliRunner().invoke(app, [*line, "--vkey", log_identity.vkey(), *more])


@pytest.mark.parametrize(
    ("bar", "seed"),
    [
        ("", ""),
        ("action:skill.blocked", ""),
        ("action:skill.blocked", "room 4"),
        ("-action:skill.* outcome:success via:web", ""),
        ("action:skill.* number -actor:mia@acme.example", ""),
        ("-q:4 role:operator", ""),
    ],
)
def test_what_is_drawn_here_is_what_a_stranger_draws(bar: str, seed: str, tmp_path: Path) -> None:
    happens()
    ask = asked(bar, seed=seed)
    assert ask.drawn is not None and len(ask.drawn.indices) == 7
    done = offline(ask, tmp_path)
    assert done.exit_code == 0, done.output
    assert "the same 7" in done.output
    assert ("No one chose the seed" in done.output) is (not seed)


def reports(who: Actor, count: int) -> None:
    """Events of another system that `who` reports, each of somebody else."""
    some = [{"action": "deploy.started", "actor": {"sub": f"p{n}"}} for n in range(count)]
    assert all("id" in result for result in reported_events.report(who, some))


def gateway(count: int) -> None:
    """Rows of a gateway that name another operator each."""
    nobody = replace(OLU, iss="", roles=frozenset())
    drafts = [
        DraftFactory.build(
            actor=replace(nobody, sub=f"x{n}"), source="defenseclaw", instance="edge"
        )
        for n in range(count)
    ]
    list(record_many(drafts))


@pytest.mark.parametrize(("bar", "asks"), [("", 1), ("-source:auth0", 1), ("-q:nothing", 0)])
def test_nobody_fills_a_sample_with_events_of_their_own(
    bar: str, asks: int, tmp_path: Path
) -> None:
    happens(200, source="portal")  # Olu and Mia
    gateway(150)
    reports(MIA, 150)
    reports(ADA, 2)
    sequencer.run_once()
    ask = asked(bar, 12)
    assert ask.drawn is not None
    rows = {row.seq: row for row in EventRow.objects.all()}
    picked = [rows[index] for index in ask.drawn.indices]
    gateways = sum(row.source == "defenseclaw" for row in picked)
    assert gateways in (2, 3), "a turn as everybody"
    reported = {
        stored_event_loader.load(row.event)["data"]["reported_by"]["sub"]
        for row in picked
        if row.source == "external"
    }
    assert reported == {MIA.sub, ADA.sub}
    assert {row.actor_sub for row in picked} >= {OLU.sub, MIA.sub}
    assert (ask.drawn.reporters, ask.drawn.most, ask.drawn.reporters_left_out) == (5 + asks, 150, 0)
    assert ask.drawn.left_out == ask.drawn.population - 12 == 502 + asks - 12
    done = offline(ask, tmp_path)
    assert done.exit_code == 0, done.output


def test_the_draw_says_of_how_many_it_has_nothing() -> None:
    for n in range(9):
        happens(4, actor=replace(OLU, sub=f"auth0|{n}"))
    ask = asked(size=3)
    assert ask.drawn is not None
    assert (ask.drawn.reporters, ask.drawn.most, ask.drawn.reporters_left_out) == (10, 4, 7)


def test_who_is_withheld_erased_or_has_no_row_counts_as_in_the_log(tmp_path: Path) -> None:
    happens(4, actor=replace(OLU, sub="token ghp_" + "a1B2" * 9))
    happens(4, actor=replace(OLU, sub="a\0b"))
    happens(4)
    mine = EventRow.objects.filter(actor_sub=MIA.sub)
    Openings.objects.filter(event__in=mine.values("event"), subject=MIA.key).delete()
    projection.refresh([row.event for row in mine])
    EventRow.objects.filter(seq=0).delete()
    ask = asked(size=12)
    assert offline(ask, tmp_path).exit_code == 0


def test_a_search_row_with_another_actor_draws_nothing() -> None:
    happens(30)
    row = EventRow.objects.get(seq=3)
    EventRow.objects.filter(seq=3).update(actor_key="ab" * 32)
    ask = sample_requests.ask(ADA, EventQuery(), 200)
    sequencer.run_once()
    with pytest.raises(SampleError, match=f"entry {row.seq} says otherwise than its search row"):
        draw_and_record.drawn(ADA, ask)


def test_a_sample_from_before_this_format_is_read_and_drawn_again(tmp_path: Path) -> None:
    happens()
    id = sample_requests.ask(ADA, EventQuery(), 7, "room 4")
    sequencer.run_once()
    tree = full_log.checkpoint_of(None)
    draw = Draw(log_identity.origin(), tree.size, bytes(tree.root), {}, "room 4", SCHEMA_1)
    events = ((seq, Source("", ""), None) for seq in range(tree.size))
    sample = sample_of(draw, 7, draw.pick(events, 7), 0)
    data = sample.to_dict() | {
        "asked": str(id), "filter": sample_from_its_events.find(id).filter, "seed_of_tree": False,
        "sha256": hashlib.sha256(sample.to_bytes()).hexdigest(),
    }  # fmt: skip
    for name in ("schema", "seed"):
        del data[name]
    record(
        ADA, "audit.sampled", id=sample_from_its_events.drawn_id(id), operation=str(id), data=data
    )
    sequencer.run_once()
    ask = sample_from_its_events.find(id)
    assert ask.drawn is not None and ask.drawn.sample is not None
    assert ask.drawn.sample.to_bytes() == sample.to_bytes()
    assert (ask.drawn.reporters, ask.drawn.reporters_left_out) == (None, None)
    assert offline(ask, tmp_path).exit_code == 0


def test_nobody_knows_the_tree_when_they_ask() -> None:
    happens()
    id = sample_requests.ask(ADA, EventQuery(), 5)
    assert draw_and_record.drawn(ADA, id).drawn is None, "no tree with the ask in it is signed"
    assert not told("audit.sampled")
    sequencer.run_once()
    happens(3)
    ask = draw_and_record.drawn(ADA, id)
    assert ask.drawn is not None and ask.index is not None
    assert ask.index < ask.drawn.tree_size <= ask.index + 1, "the first tree, not the newest"


def test_the_ask_and_the_draw_are_on_record_and_tell_everything() -> None:
    happens()
    ask = asked("action:skill.blocked actor:mia@acme.example", 3)
    [wish], [draw] = told("audit.sample_asked"), told("audit.sampled")
    assert wish["data"]["size"] == 3 and wish["data"]["seed_sha256"] == ""
    query = {"action": ["skill.blocked"], "actor": ["mia@acme.example"]}
    assert wish["data"]["query"] == query
    assert wish["operation"] == draw["operation"] == str(ask.id) == draw["data"]["asked"]
    assert ask.drawn is not None and ask.drawn.sample is not None
    file = ask.drawn.sample.to_bytes()
    assert draw["data"]["sha256"] == hashlib.sha256(file).hexdigest()
    assert draw["data"]["indices"] == json.loads(file)["indices"] == list(ask.drawn.indices)
    assert draw["data"]["seed_of_tree"] is True
    entries = Event.objects.values_list("entry", flat=True)
    assert not any(b"mia@acme" in bytes(entry) for entry in entries)


def test_it_is_drawn_once_whoever_looks_and_however_often() -> None:
    happens()
    first = asked()
    happens(20)
    again = draw_and_record.drawn(OLU, first.id)
    assert again.drawn == first.drawn
    assert len(told("audit.sampled")) == 1


def test_a_seed_that_was_named_is_the_seed_and_stays_out_of_the_clear() -> None:
    happens()
    ask = asked(seed="audit 2026, room 4")
    assert ask.drawn is not None and ask.drawn.sample is not None
    assert ask.drawn.sample.draw.seed == "audit 2026, room 4"
    assert ask.drawn.seed_of_tree is False
    [wish] = told("audit.sample_asked")
    assert wish["data"]["seed_sha256"] == hashlib.sha256(b"audit 2026, room 4").hexdigest()


def test_the_same_ask_later_is_another_draw_and_both_are_found() -> None:
    happens()
    one = asked("action:skill.* via:web", 3)
    happens(5)
    two = asked("via:web action:skill.* order:oldest", 5)
    other = asked("via:web", 5)
    assert one.drawn is not None and two.drawn is not None
    assert one.filter == two.filter != other.filter
    found, count = sample_from_its_events.of_filter(one.filter, 10)
    assert ([each.id for each in found], count) == ([two.id, one.id], 2)
    assert found[1].drawn == one.drawn


def test_what_the_log_as_a_file_withholds_is_undecided_here_too(tmp_path: Path) -> None:
    happens(6)
    list(record_many([DraftFactory.build(reason="token ghp_" + "a1B2" * 9 + " number")]))
    sequencer.run_once()
    ask = asked("number", 20)
    assert ask.drawn is not None
    assert (ask.drawn.population, ask.drawn.undecided) == (7, 1), "six, and the ask itself"
    assert offline(ask, tmp_path).exit_code == 0


def test_a_filter_that_takes_nothing_draws_nothing_and_says_so() -> None:
    happens(3)
    ask = asked("action:finding.opened")
    assert ask.drawn is not None and (ask.drawn.population, ask.drawn.indices) == (0, ())


def test_a_search_row_that_somebody_bent_draws_nothing() -> None:
    happens(30)
    rows = EventRow.objects.filter(action="skill.allowed")
    assert rows.count() == 10
    ask = sample_requests.ask(ADA, EventQuery.from_bar("action:skill.blocked"), 200)
    sequencer.run_once()
    row = rows.order_by("seq")[0]
    bent = EventRow.objects.get(action="skill.blocked", seq=0)
    assert row.seq is not None
    fulltext_index.replace(
        row.seq, row.terms, bent.terms
    )  # SQLite's index; PostgreSQL's is of the row
    EventRow.objects.filter(pk=row.pk).update(terms=bent.terms)
    with pytest.raises(SampleError, match=f"entry {row.seq} says otherwise than its search row"):
        draw_and_record.drawn(ADA, ask)
    assert not told("audit.sampled")


def test_what_named_an_erased_person_stays_drawn_and_cannot_be_drawn_again() -> None:
    happens()
    named = asked("actor:mia@acme.example", 3)
    seeded = asked(seed="Mia Straße")
    own = asked("action:skill.blocked", 3)
    Openings.objects.filter(event__in=[named.id, seeded.id]).delete()
    for ask in (named, seeded):
        again = draw_and_record.drawn(ADA, ask.id)
        assert again.query is None and (again.words, again.seed) == ("", "")
        assert again.by == "(erased)"
        assert again.drawn is not None and again.drawn.sample is None
        assert ask.drawn is not None and again.drawn.indices == ask.drawn.indices
    kept = draw_and_record.drawn(ADA, own.id).drawn
    assert kept is not None and kept.sample is not None


def test_two_who_open_it_at_once_are_told_of_one_draw() -> None:
    happens()
    id = sample_requests.ask(ADA, EventQuery(), 5)
    sequencer.run_once()
    ask = sample_from_its_events.find(id)
    first = draw_and_record.drawn(ADA, id)
    late = draw_and_record.settle(
        OLU, ask
    )  # found it not drawn yet, and has worked it out meanwhile
    assert late.drawn == first.drawn
    assert len(told("audit.sampled")) == 1


@pytest.mark.parametrize(
    ("bar", "size", "seed", "says"),
    [
        ("human:H2", 5, "", "human is computed"),
        ("-log:L1", 5, "", "log is computed"),
        ("", 0, "", "1 to 200"),
        ("", 201, "", "1 to 200"),
        ("", 5, " ", "printable"),
        ("", 5, "x" * 201, "printable"),
    ],
)
def test_what_is_no_sample_is_refused_and_leaves_nothing(
    bar: str, size: int, seed: str, says: str
) -> None:
    with pytest.raises(SampleError, match=says):
        sample_requests.ask(ADA, EventQuery.from_bar(bar), size, seed)
    assert not told("audit.sample_asked")


def test_a_filter_with_mistakes_is_refused() -> None:
    with pytest.raises(InvalidQuery):
        sample_requests.ask(ADA, EventQuery.from_bar("outcom:x"), 5)


def test_what_nobody_waits_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    happens(9)
    monkeypatch.setattr(sample_requests, "MOST_OPENED", 5)
    with pytest.raises(SampleError, match="9 of them would have to be opened"):
        sample_requests.ask(ADA, EventQuery.from_bar("number"), 5)
    sample_requests.ask(ADA, EventQuery.from_bar("number action:skill.blocked"), 5)
    sample_requests.ask(ADA, EventQuery.from_bar("via:web"), 5)


def test_only_what_was_asked_for_is_a_sample() -> None:
    happens(3)
    row = EventRow.objects.first()
    assert row is not None
    for id in (row.event, uuid4()):
        with pytest.raises(NoSample):
            draw_and_record.drawn(ADA, id)


def test_what_nobody_looked_at_in_time_is_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    happens(3)
    id = sample_requests.ask(ADA, EventQuery(), 5)
    sequencer.run_once()
    monkeypatch.setattr(draw_and_record, "WITHIN", -draw_and_record.WITHIN)
    ask = draw_and_record.drawn(ADA, id)
    assert ask.drawn is None and draw_and_record.lapsed(ask)
    assert not told("audit.sampled")

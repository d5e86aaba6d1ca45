"""A seeded draw from a log: by hand, by the command, and by somebody who checks it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from ata.cli import app
from audit.ledger import merkle, note
from audit.ledger.format import entry
from audit.ledger.format.entry import Built
from audit.ledger.offline import log_file, samples
from audit.ledger.offline.log_file import EntriesError, EntriesFile
from audit.ledger.offline.samples import (
    Draw,
    Sample,
    SampleError,
    Source,
    canonical_filter,
    draw,
    source_from,
)
from audit.ledger.query import EventQuery
from tests.support.signed import sign_checkpoint

LOG = note.new_key("log.example/x")
WHEN = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
SIZE = 60
SEED = "audit 2026, room 4"
DRAW = Draw("log.example/x", 10**6, bytes(32), {"action": ("skill.blocked",)}, SEED)


def built(number: int) -> Built:
    event = {
        "time": WHEN + timedelta(minutes=number),
        "recorded_at": WHEN,
        "action": ("skill.blocked", "skill.allowed", "audit.viewed")[number % 3],
        "source": "portal",
        "actor": {"iss": "https://a.example/", "sub": "auth0|o", "name": "Olu"},
        "reason": "exfiltrates" if number % 2 else "is fine",
    }
    return entry.build(event, id=UUID(int=0x01890000_0000_7000_8000_000000000000 + number))


ENTRIES = [built(number) for number in range(SIZE)]
ROOT = merkle.root([merkle.leaf_hash(one.entry) for one in ENTRIES])


def lines(gone: int = -1) -> list[bytes]:
    """The log as a file; the values of entry `gone` are not in it any more."""
    head = sign_checkpoint(LOG.name, SIZE, ROOT, LOG.seed)
    rest = (
        log_file.line(n, one.entry, [] if n == gone else one.openings, [])
        for n, one in enumerate(ENTRIES)
    )
    return [log_file.header(LOG.name, SIZE, head), *rest]


def drawn(bar: str = "", seed: str = SEED, n: int = 7, gone: int = -1) -> Sample:
    return draw(EntriesFile(lines(gone), [LOG.vkey]), EventQuery.from_bar(bar), seed, n)


def by_hand(filter: str, population: list[int], n: int, version: int = 2) -> list[int]:
    """The draw as docs/ledger-format.md says it for events of one source, with nothing of ours."""
    named = (
        f'{{"filter":{filter},"origin":"log.example/x","root":"{ROOT.hex()}",'
        f'"seed":"{SEED}","tree_size":{SIZE}}}'
    )
    prefix = hashlib.sha256(f"ata.sample.v{version}\n".encode() + named.encode()).digest()

    def score(index: int) -> str:
        return hashlib.sha256(prefix + index.to_bytes(8, "big")).hexdigest()

    return sorted(population, key=score)[:n]


def test_the_draw_is_the_one_that_the_format_describes() -> None:
    sample = drawn("action:skill.blocked action:skill.allowed -q:fine")
    mine = [n for n in range(SIZE) if n % 3 < 2 and n % 2]
    filter = '{"-q":["fine"],"action":["skill.allowed","skill.blocked"]}'
    assert list(sample.indices) == by_hand(filter, mine, 7)
    assert (sample.population, sample.undecided) == (len(mine), 0)
    assert sample.events.keys() == set(sample.indices)
    assert all(sample.events[n]["index"] == n for n in sample.indices)


def test_everything_can_be_drawn_from_and_drawn() -> None:
    assert list(drawn().indices) == by_hand("{}", list(range(SIZE)), 7)
    assert sorted(drawn(n=200).indices) == list(range(SIZE))


def test_a_filter_has_one_spelling() -> None:
    one = canonical_filter(EventQuery.from_bar("order:oldest outcome:denied action:b.* action:a.*"))
    other = canonical_filter(EventQuery.from_bar("action:a.* action:b.* outcome:denied"))
    assert one == other == {"action": ("a.*", "b.*"), "outcome": ("denied",)}


def test_another_seed_filter_or_tree_is_another_draw() -> None:
    assert drawn().indices != drawn(seed=f"{SEED}.").indices
    scores = {DRAW.scores()(5)}
    scores.add(Draw("log.example/y", 10**6, bytes(32), DRAW.filter, SEED).scores()(5))
    scores.add(Draw("log.example/x", 10**6 + 1, bytes(32), DRAW.filter, SEED).scores()(5))
    scores.add(Draw("log.example/x", 10**6, bytes(31) + b"1", DRAW.filter, SEED).scores()(5))
    scores.add(Draw("log.example/x", 10**6, bytes(32), {}, SEED).scores()(5))
    assert len(scores) == 5


@given(st.sets(st.integers(0, 2**63 - 1), max_size=60), st.integers(1, 20), st.integers(0, 20))
def test_a_larger_sample_begins_with_the_smaller_one(
    population: set[int], n: int, more: int
) -> None:
    small = DRAW.pick(((index, some(index), None) for index in population), n)
    large = DRAW.pick(((index, some(index), None) for index in sorted(population)), n + more)
    assert large.events[:n] == small.events
    assert (small.population, len(small.events)) == (len(population), min(n, len(population)))


def some(index: int) -> Source:
    """One of six sources, two of them of one gateway."""
    at = index % 6
    return Source("gateway a" if at < 2 else f"{at}", f"{at}")


@example({0, 16385, 138464, 140038467, 554, 2181531674476, 33774, 148, 473685, 17177533}, 8, 1)
@given(st.sets(st.integers(0, 2**63 - 1), max_size=60), st.integers(1, 20), st.integers(1, 30))
def test_candidates_that_were_dropped_on_the_way_were_not_in_the_sample(
    population: set[int], n: int, kept: int
) -> None:
    whole = DRAW.pick(((index, some(index), None) for index in population), n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "_KEPT", kept - 2 * n)
        pruned = DRAW.pick(((index, some(index), None) for index in population), n)
    assert pruned == whole


def turns(population: dict[int, Source], n: int) -> list[int]:
    """The rounds by hand: a turn for each reporter, who gives turns to the actors."""
    waiting: dict[str, dict[str, list[int]]] = {}
    for index in sorted(population, key=DRAW.scores()):
        source = population[index]
        waiting.setdefault(source.reporter, {}).setdefault(source.actor, []).append(index)
    orders = [in_turns(list(actors.values())) for actors in waiting.values()]
    return in_turns(orders)[:n]


def in_turns(lists: list[list[int]]) -> list[int]:
    rounds: list[int] = []
    while any(lists):
        rounds += sorted((some.pop(0) for some in lists if some), key=DRAW.scores())
    return rounds


@given(
    st.dictionaries(
        st.integers(0, 2**63 - 1),
        st.builds(Source, st.sampled_from("abc"), st.sampled_from("xyz")),
        max_size=60,
    ),
    st.integers(1, 20),
)
def test_each_reporter_and_each_actor_of_one_has_turns(
    population: dict[int, Source], n: int
) -> None:
    picked = DRAW.pick(((index, by, None) for index, by in population.items()), n)
    assert [one.index for one in picked.events] == turns(population, n)
    assert picked.reporters == len({by.reporter for by in population.values()})


@pytest.mark.parametrize("of", ["one person", "one gateway that names many", "one reporter"])
def test_whoever_makes_thousands_of_events_pushes_nobody_out(of: str) -> None:
    def crowd(n: int) -> Source:
        return {
            "one person": source_from("portal", "", "mallory", None),
            "one gateway that names many": source_from("defenseclaw", "gw", f"mallory {n}", None),
            "one reporter": source_from("external", f"{n}", f"{n}", {"iss": "i", "sub": "mallory"}),
        }[of]

    others = {n: source_from("portal", "", f"person {n}", None) for n in range(9)}
    events = others | {n: crowd(n) for n in range(9, 5_000)}
    picked = DRAW.pick(((index, by, None) for index, by in events.items()), 25)
    assert set(others) < {one.index for one in picked.events}
    assert (picked.population, picked.reporters, picked.most) == (5_000, 10, 4_991)


def test_a_sample_of_format_v1_is_still_drawn_again(log: Path, tmp_path: Path) -> None:
    indices = by_hand("{}", list(range(SIZE)), 7, version=1)
    assert indices != list(drawn().indices)
    old = {
        "schema": "ata.sample.v1", "origin": "log.example/x", "tree_size": SIZE,
        "root": ROOT.hex(), "filter": {}, "seed": SEED, "size": 7, "population": SIZE,
        "undecided": 0, "indices": indices,
    }  # fmt: skip
    again = run(log, "--check", changed(old, tmp_path / "s.json"))
    assert (again.exit_code, "! Drawn again from the log: the same 7" in again.stdout) == (0, True)
    assert "a person who made many of them fills it" in again.stdout, again.output
    assert run(log, "--check", changed(old, tmp_path / "s.json", schema="ata.sample.v2")).exit_code


def by_many(withheld: str) -> list[bytes]:
    """A log of 20 people with 3 events each; the openings of a part of them are withheld."""
    made = []
    for n in range(SIZE):
        event: dict[str, Any] = {
            "time": WHEN + timedelta(minutes=n),
            "recorded_at": WHEN,
            "action": "skill.blocked",
            "source": "external" if withheld == "private.reported_by" else "portal",
            "actor": {"iss": "https://a.example/", "sub": f"person {n % 20}", "name": "x"},
            "private": {"reported_by": {"iss": "https://a.example/", "sub": f"{n % 20}"}},
        }
        made.append(entry.build(event, id=UUID(int=0x01890000_0000_7000_8000_000000000000 + n)))
    root = merkle.root([merkle.leaf_hash(one.entry) for one in made])
    rest = (
        log_file.line(
            n,
            one.entry,
            [each for each in one.openings if n % 20 > 9 or each.path != withheld],
            [],
        )
        for n, one in enumerate(made)
    )
    head = sign_checkpoint(LOG.name, SIZE, root, LOG.seed)
    return [log_file.header(LOG.name, SIZE, head), *rest]


@pytest.mark.parametrize("withheld", ["actor.sub", "private.reported_by"])
def test_events_whose_account_is_withheld_are_counted_and_spoil_the_check_mark(
    tmp_path: Path, withheld: str
) -> None:
    log, path = tmp_path / "log.ndjson", tmp_path / "s.json"
    log.write_bytes(b"".join(by_many(withheld)))
    sample = json.loads(run(log, "--seed", SEED, "--size", "5", "--json").stdout)
    done = verify(changed(sample, path), "--entries", log)
    assert done.exit_code == 0, done.output
    assert "✓" not in done.stdout and "! Drawn again from the log: the same 5." in done.stdout
    assert f"30 of {SIZE} events are of accounts that are erased or withheld" in done.stdout
    assert json.loads(verify(path, "--entries", log, "--json").stdout)["hidden"] == 30
    assert "30 of" in run(log, "--seed", SEED).stdout


def test_events_that_the_filter_cannot_decide_spoil_the_check_mark(tmp_path: Path) -> None:
    log, path = tmp_path / "log.ndjson", tmp_path / "s.json"
    log.write_bytes(b"".join(lines(gone=7)))
    sample = drawn("q:exfiltrates", n=5, gone=7).to_dict()
    done = verify(changed(sample, path), "--entries", log)
    assert done.exit_code == 0 and "1 more may belong to them" in done.stdout
    assert "✓" not in done.stdout and "! Drawn again from the log: the same 5." in done.stdout


def test_where_every_account_is_open_the_check_mark_stays(log: Path, tmp_path: Path) -> None:
    done = verify(changed(drawn(n=5).to_dict(), tmp_path / "s.json"), "--entries", log)
    assert "✓ Drawn again" in done.stdout and "erased or withheld" not in done.stdout


def verify(sample: Path, *args: str | Path) -> Result:
    return CliRunner().invoke(app, ["verify", str(sample), *map(str, args), "--vkey", LOG.vkey])


def test_ata_verify_draws_a_sample_again(log: Path, tmp_path: Path) -> None:
    path = changed(drawn("action:skill.*", n=5).to_dict(), tmp_path / "s.json")
    good = verify(path, "--entries", log)
    assert good.exit_code == 0 and "Drawn again from the log: the same 5" in good.stdout
    assert verify(path).exit_code == 2
    assert verify(path, log, "--entries", log).exit_code == 2
    bad = verify(changed(drawn(n=5).to_dict(), path, most=SIZE - 1), "--entries", log)
    assert bad.exit_code == 1 and "differs in most" in bad.output


def test_ata_verify_says_what_a_sample_was_drawn_from_and_by_whose_seed(
    log: Path, tmp_path: Path
) -> None:
    sample = drawn("action:skill.* -q:fine", n=3).to_dict()
    done = verify(changed(sample, tmp_path / "s.json"), "--entries", log)
    assert done.exit_code == 0
    few = f"Drawn from {sample['population']} of its {SIZE} entries: events "
    assert few in done.stdout and sample["population"] < SIZE
    assert "skill.*" in done.stdout and "“fine”" in done.stdout
    assert f"Someone chose the seed: “{SEED}”." in done.stdout
    assert f"Tree of {SIZE} entries of {LOG.name}, root {ROOT.hex()}." in done.stdout
    given = samples.tree_seed(LOG.name, SIZE, ROOT, canonical_filter(EventQuery.from_bar("-q:x9")))
    tried = drawn("-q:x9", given, n=3).to_dict()
    done = verify(changed(tried, tmp_path / "s.json"), "--entries", log)
    assert "shows that no one tried other filters" in done.stdout, done.output


def test_a_member_that_stands_twice_is_no_sample(log: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text('{"size": 3, ' + json.dumps(drawn(n=5).to_dict())[1:])
    assert run(log, "--check", path).exit_code == 2


def test_what_cannot_be_decided_is_counted_and_takes_no_part() -> None:
    sample = drawn("q:exfiltrates", n=200, gone=7)
    assert (sample.population, sample.undecided) == (SIZE // 2 - 1, 1)
    assert 7 not in sample.indices


@pytest.mark.parametrize(
    ("bar", "seed", "n", "says"),
    [
        ("human:H2", SEED, 5, "human is computed"),
        ("-log:L1", SEED, 5, "-log is computed"),
        ("outcom:x", SEED, 5, "outcom"),
        ("", " ", 5, "a seed is"),
        ("", "x" * 201, 5, "a seed is"),
        ("", "a\nb", 5, "a seed is"),
        ("", SEED, 0, "1 to 200"),
        ("", SEED, 201, "1 to 200"),
    ],
)
def test_what_is_no_draw_is_refused(bar: str, seed: str, n: int, says: str) -> None:
    with pytest.raises(SampleError, match=says):
        drawn(bar, seed, n)


def test_nothing_is_drawn_from_a_log_that_was_bent() -> None:
    bent = lines()
    bent[9] = log_file.line(8, ENTRIES[10].entry, ENTRIES[10].openings, [])
    with pytest.raises(EntriesError):
        draw(EntriesFile(bent, [LOG.vkey]), EventQuery(), SEED, 5)


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(app, ["audit", "sample", *map(str, args), "--vkey", LOG.vkey])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.ndjson"
    path.write_bytes(b"".join(lines()))
    return path


def changed(sample: dict[str, Any], path: Path, **members: Any) -> Path:
    path.write_text(json.dumps(sample | members))
    return path


def test_the_command_draws_and_somebody_else_draws_it_again(log: Path, tmp_path: Path) -> None:
    done = run(log, "action=skill.*", "-q=fine", "--seed", SEED, "--size", "5", "--json")
    assert done.exit_code == 0, done.output
    sample = json.loads(done.stdout)
    assert sample == drawn("action:skill.* -q:fine", n=5).to_dict()
    assert "exfiltrates" not in done.stdout
    again = run(log, "--check", changed(sample, tmp_path / "s.json"))
    assert (again.exit_code, "the same 5" in again.stdout) == (0, True)


@pytest.mark.parametrize(
    "members",
    [
        {"indices": [0, 1, 2]},
        {"population": 3},
        {"root": "00"},
        {"tree_size": 9},
        {"seed": "x"},
        {"note": "more"},
    ],
)
def test_a_sample_that_was_bent_is_named(
    log: Path, tmp_path: Path, members: dict[str, Any]
) -> None:
    sample = drawn("action:skill.*", n=3).to_dict()
    done = run(log, "--check", changed(sample, tmp_path / "s.json", **members), "--json")
    assert done.exit_code == 1
    differs = json.loads(done.stdout)["differs"]
    assert set(members) <= set(differs) or differs == ["indices"]


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "no JSON"), ("[]", "no ata.sample.v2"), ('{"schema": "x"}', "no ata.sample.v2")],
)
def test_what_is_no_sample_is_said(log: Path, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "s.json").write_text(text)
    done = run(log, "--check", tmp_path / "s.json")
    assert done.exit_code == 2
    assert says in done.output


def test_the_command_says_the_population_the_tree_and_the_events(log: Path) -> None:
    told = run(log, "--seed", SEED, "--size", "2").stdout.splitlines()
    assert told[0] == f"2 of {SIZE} events, by the seed {SEED}."
    assert ROOT.hex() in told[1]
    assert told[2] == f"Drawn from {SIZE} of its {SIZE} entries: all events."
    assert told[3] == f"Left out by the draw: {SIZE - 2} of them."
    assert told[4] == f"Reported by 1 person, gateway or system, {SIZE} at most by one."
    assert [line.split("  ")[0] for line in told[5:]] == [str(n) for n in drawn(n=2).indices]


def test_a_seed_has_to_be_named(log: Path) -> None:
    assert run(log).exit_code == 2
    assert run(log, "action=x.y", "--check", log).exit_code == 2


def test_a_log_of_nobody_we_trust_is_refused(log: Path) -> None:
    stranger = note.new_key("other.example/x").vkey
    args = ["audit", "sample", str(log), "--seed", SEED, "--vkey", stranger]
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 1

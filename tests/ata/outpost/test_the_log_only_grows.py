"""What relaxes something needs the decision in a log that only grew since the newest checkpoint
that this outpost accepted; a log with two histories relaxes nothing."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ata.cli import app
from ata.errors import AtaError
from ata.outpost.commands.command_journal import HEAD, LINES
from audit.ledger import merkle, note
from tests.ata.outpost.commanded import Commanded
from tests.ata.outpost.commanding_portal import ORIGIN, Portal

type Enrol = Callable[..., Commanded]
type Envelope = dict[str, Any]


@pytest.fixture
def edge(commanded: Enrol) -> Commanded:
    """An outpost next to a gateway, enrolled when the log had three entries."""
    found = commanded("head", enrol=False)
    found.portal.leaves += [merkle.leaf_hash(bytes([n])) for n in range(3)]
    found.receiver.checkpoint = found.portal.checkpoint()
    found.receiver.complete = found.portal.extend
    found.enrol()
    return found


def release(portal: Portal, name: str = "Bash") -> Envelope:
    return portal.decide("release", portal.intent("tool.release", name))


def held(edge: Commanded, name: str = "Bash") -> None:
    edge.send(edge.portal.restrict("hold", "tool", name))
    assert edge.refusals() == ["done "]


def forked(edge: Commanded, entries: int) -> None:
    """The log's key signs another history of so many entries from now on."""
    edge.portal.leaves = [merkle.leaf_hash(b"other %d" % n) for n in range(entries)]


def status(edge: Commanded, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    monkeypatch.setenv("HOME", str(edge.home))
    return CliRunner().invoke(app, ["outpost", "status", *options]).output


def test_a_request_for_commands_names_the_newest_checkpoint_that_was_accepted(
    edge: Commanded,
) -> None:
    held(edge)
    edge.send(release(edge.portal))
    edge.send(edge.portal.decide("allow", edge.portal.intent("tool.allow", "Read")))
    assert edge.refusals() == ["done ", "done "], "both under the newest checkpoint"
    assert edge.receiver.log_sizes[0] == 3, "the one of the enrolment"
    edge.portal.leaves.append(merkle.leaf_hash(b"of another decision"))
    edge.send(edge.portal.decide("allow", edge.portal.intent("tool.allow", "Write")))
    assert edge.refusals() == ["done "]
    edge.report()
    assert edge.receiver.log_sizes[-1] == 7


@pytest.mark.parametrize("entries", [3, 9])
def test_a_longer_log_that_does_not_go_on_relaxes_nothing_and_accuses_nobody(
    edge: Commanded, entries: int
) -> None:
    """Hashes are not signed: that they do not hold shows no second history."""
    held(edge)
    genuine = list(edge.portal.leaves)
    forked(edge, entries)
    edge.send(release(edge.portal))
    assert edge.refusals() == ["refused no_consistency"] and edge.entries("tool", "Bash")
    edge.portal.leaves = genuine
    edge.send(release(edge.portal))
    assert edge.refusals() == ["done "]


def test_a_log_with_another_history_relaxes_nothing_any_more_and_holds_go_on(
    edge: Commanded, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(edge)
    genuine = list(edge.portal.leaves)
    forked(edge, 2)  # one more comes with the decision: as many as at the enrolment
    edge.send(release(edge.portal))
    [refused] = edge.report()
    assert (refused["state"], refused["code"]) == ("refused", "log_forked")
    assert "two histories" in refused["detail"] and edge.entries("tool", "Bash")
    held(edge, "Read")
    edge.portal.leaves = genuine
    edge.send(release(edge.portal))
    assert edge.refusals() == ["refused log_forked"], "also the genuine log, until it enrols again"
    said = status(edge, monkeypatch)
    assert "two histories" in said and "enrol" in said
    assert json.loads(status(edge, monkeypatch, "--json"))["log_forked_at"]
    health = [one["health"] for one in edge.receiver.reports if "health" in one]
    assert health[-1]["log_forked_at"] and "log_forked_at" not in health[0]
    lines = (edge.folder.path / LINES).read_text()
    assert edge.portal.log.name in lines, "the checkpoint of the other history is kept as proof"


def test_a_journal_that_was_removed_whole_relaxes_nothing_and_is_reported(edge: Commanded) -> None:
    held(edge)
    edge.receiver.commands.clear()
    for name in (LINES, HEAD):
        (edge.folder.path / name).unlink()
    edge.send(release(edge.portal))
    assert edge.refusals() == ["refused journal_changed"] and edge.entries("tool", "Bash")
    held(edge, "Read")
    health = [one["health"] for one in edge.receiver.reports if "health" in one]
    first, second = dict.fromkeys(one["journal"] for one in health)
    assert first and second


def test_a_forked_checkpoint_that_another_key_signed_is_no_fork(edge: Commanded) -> None:
    held(edge)
    genuine, leaves = edge.portal.log, list(edge.portal.leaves)
    forked(edge, 9)
    edge.portal.log = note.new_key(ORIGIN)
    edge.send(release(edge.portal))
    assert edge.refusals() == ["refused proof_refused"]
    edge.portal.log, edge.portal.leaves = genuine, leaves
    edge.send(release(edge.portal))
    assert edge.refusals() == ["done "]


def _none(grown: Any) -> None:
    return None


def _of_another_size(grown: Any) -> Any:
    return grown | {"from": grown["from"] - 1}


def _no_hashes(grown: Any) -> Any:
    return grown | {"hashes": "none"}


def _no_hash(grown: Any) -> Any:
    return grown | {"hashes": ["AAAA"]}


def _other_hashes(grown: Any) -> Any:
    return grown | {"hashes": [b64encode(bytes(32)).decode() for _ in grown["hashes"]]}


@pytest.mark.parametrize("change", [_none, _of_another_size, _no_hashes, _no_hash, _other_hashes])
def test_without_the_proof_that_the_log_only_grew_nothing_is_relaxed(
    edge: Commanded, change: Callable[[Any], Any]
) -> None:
    """Nor does it show a fork: the next command that has the proof is carried out."""
    held(edge)

    def changed(envelope: Envelope, size: int) -> Envelope:
        found = edge.portal.extend(envelope, size)
        if found["evidence"]:
            found["evidence"]["consistency"] = change(found["evidence"]["consistency"])
        return found

    edge.receiver.complete = changed
    edge.send(release(edge.portal))
    assert edge.refusals() == ["refused no_consistency"] and edge.entries("tool", "Bash")
    edge.receiver.complete = edge.portal.extend
    edge.send(release(edge.portal))
    assert edge.refusals() == ["done "]


def test_a_shorter_log_relaxes_nothing_and_is_no_fork(edge: Commanded) -> None:
    held(edge)
    genuine = list(edge.portal.leaves)
    forked(edge, 1)
    edge.send(release(edge.portal))
    assert edge.refusals() == ["refused proof_refused"]
    edge.portal.leaves = genuine
    edge.send(release(edge.portal))
    assert edge.refusals() == ["done "]


def test_an_outpost_of_before_begins_with_the_next_checkpoint_it_sees(commanded: Enrol) -> None:
    """It enrolled without one, at a portal that proved nothing of its log."""
    edge = commanded("head")
    held(edge)
    edge.send(release(edge.portal))
    assert edge.refusals() == ["done "]
    held(edge)
    assert edge.receiver.log_sizes[0] == 0 and edge.receiver.log_sizes[-1] == 1
    edge.receiver.complete = edge.portal.extend
    edge.send(release(edge.portal))
    assert edge.refusals() == ["done "], "goes on from the one that the earlier version saw"
    held(edge)
    edge.receiver.complete = None
    edge.send(release(edge.portal))
    assert edge.refusals() == ["refused no_consistency"], "now the portal is known to prove it"


def test_a_portal_of_before_is_believed_as_before_and_status_says_what_is_missing(
    commanded: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = commanded("head")
    missing = "The portal has not proven yet that its log only grows"
    held(edge)
    edge.send(release(edge.portal))
    assert edge.refusals() == ["done "] and missing in status(edge, monkeypatch)
    edge.receiver.complete = edge.portal.extend
    edge.send(edge.portal.decide("allow", edge.portal.intent("tool.allow", "Read")))
    assert edge.refusals() == ["done "] and missing not in status(edge, monkeypatch)


def test_no_outpost_enrols_with_a_checkpoint_that_the_pinned_log_did_not_sign(
    commanded: Enrol, tmp_path: Path
) -> None:
    edge = commanded("head", enrol=False)
    edge.portal.leaves.append(merkle.leaf_hash(b"first"))
    genuine, edge.portal.log = edge.portal.log, note.new_key(ORIGIN)
    edge.receiver.checkpoint = edge.portal.checkpoint()
    edge.portal.log = genuine
    with pytest.raises(AtaError, match="checkpoint"):
        edge.enrol()
    assert edge.folder.read("enrolment.json") == {}

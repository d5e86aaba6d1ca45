"""Masking is linear in the text, whatever the text is made of, and long texts are cut."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from audit import importing
from audit.exports import full_log
from audit.importing import mask, secret_masking
from audit.ingest import reported_events
from audit.ledger.format import truncation
from audit.models import QuarantinedRow
from audit.recording import stored_event_loader
from audit.recording.actors import Actor
from audit.sequencing import sequencer
from tests.audit import imports
from tests.support import pumping

KIB: Final = 1024
PROSE: Final = "The agent asked for the list of open issues and got 17 of them, as before. "


def _seconds(work: Callable[[], Any], times: int = 5) -> float:
    def once() -> float:
        began = time.thread_time()
        work()
        return time.thread_time() - began

    return min(once() for _ in range(times))


def _of(piece: str, size: int) -> str:
    return (piece * (size // len(piece) + 1))[:size]


HOSTILE: Final = (
    *("eyJ-", "\\", "\\u002", "-----BEGIN A", "token='", "authorization \t", "://a:", "*"),
    *("secret:", "bearer a", "token=*", "?key=", "v1."),
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_sixteen_times_the_text_takes_at_most_twenty_times_as_long(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(truncation, "BOUND", 2 * KIB * KIB)  # the patterns alone, nothing is cut
    small, large = _of(piece, 64 * KIB), _of(piece, KIB * KIB)

    def is_linear() -> bool:
        return _seconds(lambda: mask(large), 3) <= 20 * max(_seconds(lambda: mask(small)), 0.0005)

    # Others on the machine can only make a round slower, and the longer text more so.
    assert any(is_linear() for _ in range(4))


@pytest.mark.parametrize("shape", secret_masking._SHAPES, ids=lambda shape: shape.hints[0])
def test_no_text_takes_more_than_five_times_what_prose_of_its_size_takes(
    shape: secret_masking._Shape,
) -> None:
    prose = _of(PROSE, KIB * KIB)
    most = 5 * _seconds(partial(mask, prose))
    slow = []
    makers = list(pumping.texts_of(shape.pattern))
    for make in makers[:: len(makers) // 12 + 1]:
        text = make(KIB * KIB)
        if _seconds(partial(mask, text), 1) > most and _seconds(partial(mask, text)) > most:
            slow.append(text[:40])
    assert slow == []


def test_a_long_text_becomes_its_start_with_length_and_digest() -> None:
    text = _of(PROSE, 300 * KIB)
    shown = mask({"log": text})["log"]
    start, _, label = shown.partition(" [cut: ")
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert text.startswith(start) and len(shown) <= truncation.BOUND and len(start) > 250 * KIB
    assert label == f"307,200 characters in all, SHA-256 {digest}]"
    assert mask(shown) == shown
    assert truncation.start_shown(shown, text) == start
    assert truncation.start_shown(shown, text + ".") is None


def test_a_secret_that_the_cut_would_halve_is_not_shown() -> None:
    secret = "ghp_" + "Zk3v9QpLmX2nT7wRb5yHc8DfGjA1sE4u"
    before = truncation.BOUND - 160 - 12
    text = _of(PROSE, before - 1) + " " + secret + PROSE * 10
    assert "ghp_" not in mask(text)


@pytest.mark.parametrize("before", ["password=", "Authorization: ", "api_key: '", "Bearer "])
def test_what_was_cut_reads_the_same_when_it_is_masked_again(before: str) -> None:
    fill = _of("x ", truncation.BOUND - 160 - len(before))
    once = mask(fill + before + "\n" + _of("y ", 10 * KIB))
    assert mask(once) == once


def test_many_masked_secrets_that_make_a_text_longer_are_cut_too() -> None:
    once = mask(_of("token=1a2b ", truncation.BOUND - 5))
    assert len(once) <= truncation.BOUND
    assert mask(once) == once


@pytest.mark.django_db
def test_a_row_of_three_mebibytes_is_imported_with_its_long_text_cut(tmp_path: Path) -> None:
    path, text = imports.empty(tmp_path / "audit.db", 7), _of(PROSE, 3 * KIB * KIB)
    imports.audit_row(path, "large", details=text)
    report = importing.run(path, "edge-1")
    assert imports.counts(report)["imported"] == 1 and not QuarantinedRow.objects.exists()
    raw = imports.event(source="defenseclaw")["data"]["raw"]
    assert truncation.start_shown(raw["columns"]["details"], text) is not None
    assert len(raw["digest"]) == 64


@pytest.mark.django_db
@pytest.mark.parametrize("piece", ["eyJ-", "\\"])
def test_an_event_with_a_hostile_text_is_recorded_and_shown_within_a_second(piece: str) -> None:
    reporter = Actor(iss="https://issuer/", sub="ci", via="api")
    text = _of(piece, 240_000)
    began = time.thread_time()
    item = {"action": "deploy.started", "data": {"log": text}}
    (result,) = reported_events.report(reporter, [item])
    event = stored_event_loader.load(UUID(result["id"]))
    assert mask(event)["data"]["log"] == text
    assert time.thread_time() - began < 1


@pytest.mark.django_db
def test_the_length_of_the_log_is_told_without_masking(monkeypatch: pytest.MonkeyPatch) -> None:
    reporter = Actor(iss="https://issuer/", sub="ci", via="api")
    items = [{"action": "deploy.started", "data": {"log": "x" * 10_000}}] * 20
    reported_events.report(reporter, items)
    sequencer.run_once()
    checkpoint = full_log.checkpoint_of(None)
    length = len(b"".join(full_log.hand_out(reporter, checkpoint)))

    def refuse(value: Any) -> Any:
        raise AssertionError("masked at a page view")

    monkeypatch.setattr(full_log, "mask", refuse)
    assert full_log.length_of(checkpoint) == pytest.approx(length, rel=0.2)

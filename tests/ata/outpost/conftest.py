from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from ata.outpost.enrolment import enrol
from ata.outpost.report_loop import Outpost
from ata.outpost.state_folder import StateFolder
from tests.ata.outpost.commanded import Commanded
from tests.ata.outpost.gateway_rows import Rows
from tests.ata.outpost.report_receiver import Receiver, receiving

type Begin = Callable[..., Outpost]


@dataclass
class Seconds:
    """A monotonic clock that a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / ".defenseclaw"
    folder.mkdir()
    # A port that nobody answers at: none of these tests has a running gateway.
    (folder / "config.yaml").write_text("gateway: {api_port: 9}\nguardrail: {mode: action}\n")
    return folder


@pytest.fixture
def rows(data: Path) -> Rows:
    return Rows(data)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, rows: Rows, receiver: Receiver, data: Path) -> StateFolder:
    found = StateFolder(tmp_path / ".ata" / "outpost")
    enrol(found, "CODE", receiver.url, "edge-9", data)
    receiver.bodies.clear()
    return found


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def begin(folder: StateFolder, seconds: Seconds) -> Iterator[Begin]:
    """A start of the outpost from what is on disk, as after it was killed."""
    started: list[Outpost] = []

    def again(**options: int) -> Outpost:
        found = Outpost(folder, monotonic=seconds, **options)
        started.append(found)
        return found

    yield again
    for one in started:
        with closing(one):
            pass


@pytest.fixture
def commanded(tmp_path: Path, receiver: Receiver) -> Iterator[Callable[..., Commanded]]:
    """Starts a stand-in gateway and enrols an outpost next to it that takes commands."""
    started: list[Commanded] = []

    def start(generation: str, *options: str, enrol: bool = True) -> Commanded:
        edge = Commanded(tmp_path / "host", generation, options, receiver)
        started.append(edge)
        edge.start()
        if enrol:
            edge.enrol()
        return edge

    yield start
    for edge in started:
        edge.stop()

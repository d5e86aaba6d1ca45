"""The whole suite: every observation of a generation, one gateway process a configuration."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final

from tests.gateways.configurations import Configuration
from tests.gateways.observations import read
from tests.gateways.peers import Peer
from tests.gateways.real_gateway import RealGateway, folder_of_binaries
from tests.gateways.replay import Case, Replay, Result, cases_by_configuration
from tests.gateways.stand_in import StandIn
from tests.support.ports import free_port

PEERS: Final = ("stand-in", "real")
_PARALLEL: Final = 12
_TOGETHER: Final = {"stand-in": 30, "real": 1000}
"""How many observations share a process: a stand-in starts in no time, and most of them wait."""


def run(peer_name: str, generation: str, numbers: frozenset[int] = frozenset()) -> list[Result]:
    """Replay a generation's observations (or those of some lines), in the order of the file."""
    groups = cases_by_configuration(read(generation)).values()
    chosen = [
        (configuration, part)
        for configuration, cases in groups
        for part in _parts(_chosen(cases, numbers), _TOGETHER[peer_name])
    ]
    quiet = io.StringIO()  # the stand-in's command line runs in this process
    with redirect_stdout(quiet), redirect_stderr(quiet), ThreadPoolExecutor(_PARALLEL) as threads:
        waiting = [
            threads.submit(_replay, peer_name, configuration, cases)
            for configuration, cases in chosen
        ]
        results = [result for one in waiting for result in one.result()]
    wanted = [r for r in results if not numbers or r.observation.number in numbers]
    return sorted(wanted, key=lambda result: result.observation.number)


def _chosen(cases: Sequence[Case], numbers: frozenset[int]) -> list[Case]:
    """Cases of the lines, and those that they follow."""
    names = {case.name for case in cases if case.observation.number in numbers}
    return [case for case in cases if not numbers or case.name in names]


def _parts(cases: Sequence[Case], size: int) -> Iterator[list[Case]]:
    """Cut cases into parts; what follows a predecessor stays with it."""
    part: list[Case] = []
    for case in cases:
        if len(part) >= size and not case.start.follows:
            yield part
            part = []
        part.append(case)
    if part:
        yield part


def _replay(peer_name: str, configuration: Configuration, cases: Sequence[Case]) -> list[Result]:
    # HEAD refuses a managed configuration below a folder that everybody may write, as /tmp is.
    binaries = folder_of_binaries(configuration.generation)
    parent = binaries.parent if binaries and peer_name == "real" else None
    folder = Path(tempfile.mkdtemp(prefix="ata-gateway-", dir=parent))
    peer = _peer(peer_name, folder / "home", configuration)
    done: list[Result] = []
    try:
        done.extend(Replay(peer, cases).results())
    except Exception as problem:
        reason = f"the gateway does not run: {type(problem).__name__}: {problem}"
        done += [Result(case.observation, reason=reason) for case in cases[len(done) :]]
    finally:
        peer.kill()
        shutil.rmtree(folder, ignore_errors=True)
    return done


def _peer(name: str, home: Path, configuration: Configuration) -> Peer:
    if name == "stand-in":
        return StandIn(home, configuration, free_port())
    return RealGateway(home, configuration, free_port())

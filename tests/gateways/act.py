"""One act at one gateway: the calls, folders and waits that acts are made of."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Final

from tests.gateways.asset_files import folder_of, is_malicious, write_asset
from tests.gateways.observations import Observation
from tests.gateways.peers import Answer, Peer

REASON: Final = "conformance"
type Status = int | None


class Act:
    """One observation's act at one gateway, under the name that it has there."""

    def __init__(self, peer: Peer, observation: Observation, name: str, agent: str) -> None:
        self.peer = peer
        self.observation = observation
        self.kind = observation.kind
        self.name = name
        self.agent = agent
        """The agent in whose folder things happen."""
        self.answer: Answer | None = None
        self.facts: dict[str, object] = {}
        """What an act found out itself, for the probe."""

    @property
    def folder(self) -> Path:
        """Where the agent keeps it."""
        return folder_of(self.peer.home, self.agent, self.kind) / self.name

    @property
    def malicious(self) -> bool:
        """Whether its content is malicious."""
        return is_malicious(self.observation.name)

    @property
    def reason(self) -> str:
        """The reason that was given, as the entry has it."""
        entries = self.observation.entries("entries_after") or ()
        return next((e.reason for e in entries if e.reason), None) or REASON

    def rest(self, method: str, path: str, body: object = None) -> Status:
        """Send a request; returns its status."""
        self.answer = self.peer.rest(method, path, body)
        return self.answer.status

    def enforce(self, method: str, list_name: str, name: str = "") -> Status:
        """Change a list over REST."""
        body = {
            "target_type": self.kind,
            "target_name": name or self.name,
            "reason": self.reason,
        }
        return self.rest(method, f"/enforce/{list_name}", body)

    def cli(self, *arguments: str) -> Status:
        """Run the command line tool; returns its exit code."""
        code, self.facts["output"] = self.peer.cli(*arguments)
        return code

    def drop(self, *, malicious: bool | None = None) -> Status:
        """Put a new folder where the agent keeps such things, and await the watcher."""
        after = self.peer.last_row()
        bad = self.malicious if malicious is None else malicious
        write_asset(self.folder, self.kind, malicious=bad)
        self.wait(after)
        return None

    def wait(self, after: int) -> None:
        """Await the watcher's verdict, or see that none comes where the folder is not watched."""
        if self.agent == self.peer.configuration.primary:
            self.peer.await_verdict(self.name, after)
        else:
            time.sleep(self.peer.patience_s)


def reinstall(act: Act) -> None:
    """Remove the folder and put it again: what was tried after some acts."""
    if act.folder.exists():
        shutil.rmtree(act.folder)
        time.sleep(0.3)
    act.drop()

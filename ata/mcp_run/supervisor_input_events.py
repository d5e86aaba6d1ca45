"""What the supervisor of `ata mcp run` reacts to."""

from __future__ import annotations

from dataclasses import dataclass

from ata.errors import AtaError
from ata.mcp_run.bounded_line_reader import BoundedLine
from ata.mcp_run.credentials import Credentials
from ata.mcp_run.server_process import Child


@dataclass(frozen=True, slots=True)
class FromAgent:
    """The agent wrote a line."""

    line: BoundedLine


@dataclass(frozen=True, slots=True)
class AgentClosed:
    """The agent closed its side."""


@dataclass(frozen=True, slots=True)
class FromChild:
    """The server wrote a line."""

    child: Child
    line: BoundedLine


@dataclass(frozen=True, slots=True)
class Heard:
    """The first bytes, whole lines or not, that the server wrote since the broker was asked."""


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """The server ended."""

    child: Child


@dataclass(frozen=True, slots=True)
class Asked:
    """The broker answered what was asked about a server in the background."""

    child: Child
    answer: Credentials | AtaError


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop with this exit code."""

    code: int


type Event = FromAgent | AgentClosed | FromChild | Heard | ChildEnded | Asked | Stop

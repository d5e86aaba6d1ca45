"""Reads what the agent writes, no faster than the server and the agent take what is passed on."""

from __future__ import annotations

import os
import select
import sys
from queue import SimpleQueue

from ata.mcp.bounded_lines import BoundedLine, Reader
from ata.mcp.events import AgentClosed, Event, FromAgent, Stop
from ata.mcp.outbox import ROOM, Room


def read_agent(events: SimpleQueue[Event], server_room: Room, agent_room: Room) -> None:
    """Put each line of standard input into `events`, in a thread of its own, until its end.

    Takes room for each line in `server_room`, which who forwards it gives back; stops everything
    once the agent has closed the pipe that answers go into.
    """

    def take(line: BoundedLine) -> None:
        server_room.take(line.whole)
        events.put(FromAgent(line))

    # Not through sys.stdin: its lock must be free when the interpreter ends.
    descriptor = sys.stdin.fileno()
    gone = select.poll()
    gone.register(sys.stdout.fileno(), 0)  # errors are always told
    reader = Reader()
    while part := os.read(descriptor, 65_536):
        for line in reader.add(part):
            # The server may fill the agent's room; the rest is for answers of our own.
            while not (server_room.wait(timeout_s=1) and agent_room.wait(2 * ROOM, 1)):
                if gone.poll(0):
                    events.put(Stop(1))
                    return
            take(line)
    for line in reader.end():
        take(line)
    events.put(AgentClosed())
    # The server may take its time to answer what was asked; nobody waits for it once the agent
    # has also closed the pipe that answers go into.
    gone.poll()
    events.put(Stop(1))

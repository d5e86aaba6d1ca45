"""Reads what the agent writes, no faster than the server and the agent take what is passed on."""

from __future__ import annotations

import os
import select
import sys
from queue import SimpleQueue

from ata.mcp_run.bounded_line_reader import BoundedLine, Reader
from ata.mcp_run.bounded_pipe_writer import CAPACITY, Buffered
from ata.mcp_run.supervisor_input_events import AgentClosed, Event, FromAgent, Stop


def read_agent(events: SimpleQueue[Event], for_server: Buffered, for_agent: Buffered) -> None:
    """Put each line of standard input into `events`, in a separate thread, until its end.

    Counts each line in `for_server` until it was forwarded; stops everything
    once the agent has closed the pipe that answers go into.
    """

    def take(line: BoundedLine) -> None:
        for_server.take(line.whole)
        events.put(FromAgent(line))

    # Not through sys.stdin: its lock must be free when the interpreter ends.
    descriptor = sys.stdin.fileno()
    gone = select.poll()
    gone.register(sys.stdout.fileno(), 0)  # errors are always reported
    reader = Reader()
    while part := os.read(descriptor, 65_536):
        for line in reader.add(part):
            # The server may fill the agent's buffer; the rest is for answers of our own.
            while not (for_server.wait(timeout_s=1) and for_agent.wait(2 * CAPACITY, 1)):
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

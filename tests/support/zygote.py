"""Forks of one process that has its libraries already: `python -m tests.support.zygote FD [OWN…]`.

Hundreds of tests start a command to see what it prints and how it ends; most of what that costs is
the loading of libraries, the same ones each time. The zygote forks for every start: a real process
with its own environment, folder, streams and exit code. What one fork had to load, the zygote loads
for the next ones; of this checkout only the packages in OWN, because what reads settings as it is
loaded has to be loaded by each. What a test asks of the start itself, it starts for itself.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

ROOM = 1 << 20
"""Bytes that a request may have: an environment, arguments, a program; or the names of modules."""

_CHECKOUT = Path(__file__).resolve().parents[2]


def _become(request: dict[str, Any], streams: list[int], tell: socket.socket) -> NoReturn:
    """Run what was asked for in this fork, as `python -m` or `python -c` would."""
    had = set(sys.modules)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in enumerate(streams[:3]):
        os.dup2(stream, number)
    for stream in streams:
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path[0] = "" if "program" in request else request["folder"]
    sys.argv = [request.get("module", "-c"), *request["arguments"]]
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
        for number, mode, errors in (
            (0, "r", "strict"), (1, "w", "strict"), (2, "w", "backslashreplace"),
        )
    )  # fmt: skip
    code: object = 0
    try:
        if "program" in request:
            exec(request["program"], {"__name__": "__main__"})
        else:
            runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as exit:
        code = exit.code
    except BaseException:
        traceback.print_exc()
        code = 1
    with suppress(OSError):  # told to nobody is told once more by the next
        tell.send(json.dumps([name for name in list(sys.modules) if name not in had]).encode())
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads as an interpreter does
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(int(code or 0) & 0xFF if isinstance(code, int | None) else 1)


class Zygote:
    """Forks for each request and says how each fork ended, until nobody asks any more."""

    def __init__(self, door: socket.socket, own: list[str]) -> None:
        self.door, self.own = door, own
        self.answers: dict[int, int] = {}
        self.heard, self.told = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.woken, self.waking = socket.socketpair()
        for end in (self.heard, self.woken, self.waking):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.waking.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        """Until the door is closed on the other side."""
        while True:
            ready, _, _ = select.select([self.door, self.woken], [], [])
            if self.woken in ready:
                with suppress(BlockingIOError):
                    self.woken.recv(4096)
                self._tell_who_ended()
                self._learn()
            if self.door in ready:
                said, streams, _, _ = socket.recv_fds(self.door, ROOM, 4)
                if not said:
                    return
                self._fork(json.loads(said), streams)

    def _fork(self, request: dict[str, Any], streams: list[int]) -> None:
        pid = os.fork()
        if not pid:
            for end in (self.door, self.heard, self.woken, self.waking):
                end.close()
            _become(request, streams, self.told)
        *inherited, self.answers[pid] = streams
        for stream in inherited:
            os.close(stream)
        os.write(self.answers[pid], f"{pid}\n".encode())

    def _tell_who_ended(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                answer = self.answers.pop(ended[0])
                with suppress(OSError):
                    os.write(answer, f"{os.waitstatus_to_exitcode(ended[1])}\n".encode())
                os.close(answer)

    def _learn(self) -> None:
        """Load what forks had to load, so that the next ones need not."""
        with suppress(BlockingIOError):
            while True:
                for name in json.loads(self.heard.recv(ROOM)):
                    if name not in sys.modules and self._may_load(name):
                        with suppress(Exception):  # whoever needs it finds out why it cannot be
                            importlib.import_module(name)
                gc.freeze()

    def _may_load(self, name: str) -> bool:
        top = name.partition(".")[0]
        ours = (_CHECKOUT / top).exists() or (_CHECKOUT / f"{top}.py").exists()
        return top in self.own or not ours


if __name__ == "__main__":
    Zygote(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:]).serve()
    os._exit(0)  # nothing of it is worth taking apart

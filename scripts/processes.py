"""The processes of the embedded stack under honcho: one prefixed log, one clean stop."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from honcho import manager as honcho_manager
from honcho.manager import Manager
from honcho.printer import Printer

from portal.env import BASE_DIR, Env
from scripts import demo_environment_setup

_BIN = Path(sys.executable).parent


def tenant_command(env: Env) -> list[str]:
    """The local tenant's server."""
    return _server("local.tenant.wsgi:application", env.TENANT_PORT)


def portal_command(env: Env) -> list[str]:
    """The portal's server."""
    return _server("portal.wsgi:application", env.PORTAL_PORT)


def worker_command() -> list[str]:
    """The worker with its beat; loops for due work and for the sequencer run inside."""
    return [
        str(_BIN / "celery"),
        "-A",
        "portal",
        "--quiet",
        "worker",
        "-B",
        "-P",
        "threads",
        "-c",
        "1",
        "--loglevel",
        "WARNING",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]


def _server(application: str, port: int) -> list[str]:
    return [sys.executable, "-m", "serving", application, "--port", str(port)]


def commands(env: Env) -> dict[str, list[str]]:
    """Every process of the embedded stack by name."""
    found = {"portal": portal_command(env), "worker": worker_command()}
    if env.local_tenant:
        found["tenant"] = tenant_command(env)
    if demo_environment_setup.runs(env):
        found |= demo_environment_setup.gateway_commands(env)
    return found


_OF_EVERY_PROCESS = frozenset(
    {"PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "VAR_DIR", "DEMO"}
)
_PORTALS_OWN = ("portal", "worker")
_OF_THE_TENANT = ("TENANT_", "AUTH0_", "PORTAL_")  # it checks the client secrets of AUTH0_…


def environment_of(name: str, child: dict[str, str]) -> dict[str, str]:
    """The part of `child` that a process needs: the local tenant and the DEMO gateways get none of
    the portal's keys."""
    if name in _PORTALS_OWN:
        return child
    wanted: tuple[str, ...] = ("PYTHON", "LC_", "ATA_", "COVERAGE_")
    if name == "tenant":
        wanted += _OF_THE_TENANT
    return {k: v for k, v in child.items() if k in _OF_EVERY_PROCESS or k.startswith(wanted)}


def kept(command: list[str]) -> list[str]:
    """The command under `keep.sh`: started again when it dies, ended when we are gone."""
    return ["sh", str(BASE_DIR / "scripts" / "keep.sh"), *command]


def is_ready(env: Env) -> bool:
    """Whether /readyz answers 200."""
    return _unready(env) == set()


def is_ready_to_prepare(env: Env) -> bool:
    """Whether nothing but the preparation itself keeps /readyz from answering 200."""
    return _unready(env) == {"preparation"}


def _unready(env: Env) -> set[str] | None:
    """Names of the checks that do not hold; None while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{env.PORTAL_PORT}/readyz", timeout=2):
            return set()
    except urllib.error.HTTPError as answer:
        checks: dict[str, str] = json.load(answer)["checks"]
        return {name for name, found in checks.items() if found != "ok"}
    except (OSError, ValueError):
        return None


class _Printer(Printer):  # type: ignore[misc]
    """Takes one line at a time: a handler may print in the middle of a line.

    Two signals at once are no rarity: stopping a group signals `make` too, which passes it on.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._later: list[Any] | None = None  # None while nothing is being written

    def write(self, message: Any) -> None:
        """Write a line, behind the one that is being written."""
        if self._later is not None:
            self._later.append(message)
            return
        self._later = later = [message]
        try:
            while later:
                super().write(later.pop(0))
        finally:
            self._later = None


def run_all(
    env: Env, child: dict[str, str], on_ready: Callable[[], None], until: Callable[[], bool]
) -> int:
    """Run every process until one gives up, `until` or Ctrl-C; returns the exit code."""
    honcho_manager.KILL_WAIT = 15  # seconds; the worker finishes what it holds first
    manager = Manager(_Printer(sys.stdout, prefix=True))
    for name, command in commands(env).items():
        line = shlex.join(kept(command))
        own = environment_of(name, child)
        manager.add_process(name, line, quiet=False, env=own, cwd=str(BASE_DIR))
    waiter = threading.Thread(target=_tell_when_ready, args=(env, on_ready), daemon=True)
    waiter.start()
    threading.Thread(target=_stop_when, args=(until,), daemon=True).start()
    try:
        manager.loop()
    except BaseException:
        # Whoever left here as usual would wait for processes that nobody told to end. When we are
        # gone, `keep.sh` ends them.
        with suppress(Exception):
            traceback.print_exc()
        os._exit(1)
    stopped_by_a_person = manager.returncode in {130, 143}
    return 0 if stopped_by_a_person else manager.returncode or 0


def _stop_when(until: Callable[[], bool]) -> None:
    """Stop everything as Ctrl-C does."""
    while not until():
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGINT)


def _tell_when_ready(env: Env, on_ready: Callable[[], None]) -> None:
    for _ in range(600):
        if is_ready(env):
            on_ready()
            return
        time.sleep(0.3)

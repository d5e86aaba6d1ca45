"""One run: start the stack, enrol an outpost at each gateway, kill at every instant, judge.

The receiver is the portal's server and its worker. Gateways push to it as well.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django
import yaml

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from audit.ingest.pushes import sender_configuration  # noqa: E402
from portal.env import BASE_DIR, env  # noqa: E402
from scripts import demo_environment_setup as demo  # noqa: E402
from torture.http_users import signed_in  # noqa: E402
from torture.journal import Journal  # noqa: E402
from torture.load import child_environment  # noqa: E402
from torture.outposts.decisions import Decisions, code_for, enrol_passkey  # noqa: E402
from torture.outposts.gateway_host import Host  # noqa: E402
from torture.outposts.moments import Moments, call_being_made  # noqa: E402
from torture.stack import Stack, kill  # noqa: E402

PORTION = 40  # kills, after which the load pauses and everything is judged
IN_THE_LOG_S = 60.0
_STEPS_S = 120.0
_FIRST_START_S = 400.0  # nothing is judged by it
_DEATHS, _WITHIN_S = 4, 62.0  # `keep.sh` gives up at the fifth death within a minute
_GENERATIONS = {"head": "HEAD"}


def main() -> int:
    """Exit code 0 when nothing was violated."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--instants", type=int, required=True)
    options = parser.parse_args()
    stack = Stack(env.VAR_DIR, child_environment(), env.VAR_DIR.parent / "output.log")
    try:
        return Run(stack, options.seed).all(options.instants)
    finally:
        stack.stop()


class Run:
    """One run: the stack, its hosts, the load and the kills."""

    def __init__(self, stack: Stack, seed: int) -> None:
        self._stack, self._seed, self._journal = stack, seed, Journal()
        self._choose = random.Random(f"{seed}/outposts")
        self._hosts: list[Host] = []
        self._decisions: list[Decisions] = []
        self._deaths: dict[str, list[float]] = {}
        self._counts: Counter[str] = Counter()
        self._in_the_middle: Counter[str] = Counter()
        self._interrupted: list[str] = []
        self._known: set[str] = set()
        self._since = datetime.now(UTC).isoformat()
        self._moments = Moments(self._hosts, env.VAR_DIR, self._choose)

    def all(self, instants: int) -> int:
        """Kill so often, judge after each portion; the exit code."""
        self._set_up()
        done = 0
        while done < instants:
            portion = min(PORTION, instants - done)
            self._portion(done, portion)
            done += portion
        print(f"  {instants} instants; seed {self._seed}; kills: {dict(self._counts)}")
        print(f"  in the middle of a call: {dict(self._in_the_middle)}")
        print(f"  steps: {dict(self._journal.acks)}")
        print(f"  rows: { ({host.name: dict(host.written) for host in self._hosts}) }")
        print(f"  {len(self._journal.violations)} violations", flush=True)
        return 1 if self._journal.violations else 0

    def _set_up(self) -> None:
        env.VAR_DIR.mkdir(parents=True, exist_ok=True)
        (env.VAR_DIR / "first-start-done").write_text("completed\n")
        print(f"  started in {self._stack.start(_FIRST_START_S):.0f} s", flush=True)
        names = ("operator", "admin", "admin2")
        subs = {name: signed_in(name).sub for name in names}
        key = enrol_passkey(subs["operator"])
        for gateway in demo.GATEWAYS:
            host = Host(
                gateway.name,
                demo.home_of(env, gateway.name),
                gateway.agents[0].partition("=")[0],
                demo.ports(env)[gateway.name],
                _gateway_token(demo.home_of(env, gateway.name)),
                env.portal_url,
            )
            self._hosts.append(host)
            self._push(host, gateway.generation)
            host.enrol(code_for(host, subs["admin"]))
            host.start_outpost()
            seed = f"{self._seed}/{host.name}"
            self._decisions.append(Decisions(host, self._journal, seed, subs, key))

    def _push(self, host: Host, generation: str) -> None:
        """A token for each gateway, its own configuration to push, and a new start with both."""
        token = env.VAR_DIR / "secrets" / f"push-{host.name}"
        token.write_text(f"token-of-{host.name}\n")
        registry = demo.folder(env) / "instances.toml"
        before, named, after = registry.read_text().partition(f'name = "{host.name}"')
        shared = str(env.VAR_DIR / "secrets" / "DEMO_INGEST_TOKEN")
        registry.write_text(before + named + after.replace(shared, str(token), 1))
        found = sender_configuration.of_instance(env.portal_url, host.name)
        wanted = _GENERATIONS.get(generation, generation)
        [lines] = [one.yaml for one in found if one.generation == wanted]
        config = host.home / ".defenseclaw" / "config.yaml"
        config.write_text(
            yaml.safe_dump(yaml.safe_load(config.read_text()) | yaml.safe_load(lines))
        )
        with (host.home / ".defenseclaw" / ".env").open("a") as secrets:
            secrets.write(f"{sender_configuration.VARIABLE}={token.read_text()}")
        for pid in self._gateway(host):
            kill(pid)

    def _portion(self, done: int, count: int) -> None:
        stop = threading.Event()
        work = [(host.write_rows, f"{self._seed}/{done}/{host.name}") for host in self._hosts]
        threads = [
            threading.Thread(target=one, args=(stop, seed), daemon=True) for one, seed in work
        ]
        threads += [
            threading.Thread(target=one.take, args=(stop,), daemon=True) for one in self._decisions
        ]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        for number in range(done + 1, done + count + 1):
            said = self._instant()
            print(f"  {number:3} {time.monotonic() - began:6.1f} s  {said}", flush=True)
        if not self._stack.wait_ready(_FIRST_START_S):
            self._journal.violated("the stack is not ready after the last kill")
        highest = {host.name: host.highest_rows() for host in self._hosts}
        until = time.monotonic() + IN_THE_LOG_S
        stop.set()
        for thread in threads:
            thread.join()
        self._judge(highest, until)

    def _instant(self) -> str:
        """Wait for a seeded moment, kill one program, have it started again; who and when."""
        choose = self._choose
        victim = choose.choices(("outpost", "gateway", "portal", "worker"), (5, 3, 2, 1))[0]
        at_host = {host.name: self._alive(victim, host) for host in self._hosts}
        host, moment = self._moments.wait()
        name = victim if victim in ("portal", "worker") else f"{victim} of {host.name}"
        recent = [at for at in self._deaths.get(name, ()) if time.monotonic() - at < _WITHIN_S]
        if victim != "outpost" and len(recent) >= _DEATHS:
            victim, name = "outpost", f"outpost of {host.name}"
        if victim == "outpost":
            host.kill_outpost()
        else:
            for pid in at_host[host.name]:
                kill(pid)
        call = call_being_made(host)
        if call is not None:
            self._in_the_middle[f"{victim}: {call.verb}"] += 1
            moment += f", in the middle of {call.verb}"
            if victim in ("outpost", "gateway"):
                self._interrupted.append(call.name)
        if victim == "outpost":
            time.sleep(choose.choice((0, choose.uniform(0, 1))))
            host.start_outpost()
        self._deaths[name] = [*recent, time.monotonic()]
        self._counts[victim] += 1
        return f"{name} ({moment})"

    def _alive(self, victim: str, host: Host) -> list[int]:
        """The processes of a program, once it is back after the kill before."""
        if victim == "outpost":
            return []
        until = time.monotonic() + _FIRST_START_S
        while time.monotonic() < until:
            found = self._gateway(host) if victim == "gateway" else self._stack.of(victim)
            if found:
                return found
            time.sleep(0.2)
        self._journal.violated(f"{victim} did not come back")
        return []

    def _gateway(self, host: Host) -> list[int]:
        home = f"\0{host.home}\0".encode()
        commands = self._stack.processes()
        return [pid for pid in self._stack.of("gateway") if home in commands.get(pid, b"")]

    def _judge(self, highest: dict[str, dict[str, int]], until: float) -> None:
        """Rows have to be in the log in time; steps may take longer."""
        path = self._stack.var_dir.parent / "journal.json"
        hosts = {
            host.name: {
                "home": str(host.home),
                "agent": host.agent,
                "highest": highest[host.name],
            }
            for host in self._hosts
        }
        journal = {
            "since": self._since,
            "hosts": hosts,
            "decisions": self._journal.decisions,
            "interrupted": self._interrupted,
        }
        path.write_text(json.dumps(journal))
        found, took = self._found(path), time.monotonic()
        while found["rows"] and time.monotonic() < until:
            found, took = self._found(path), time.monotonic()
        time.sleep(max(0.0, until - time.monotonic()))
        found = self._found(path)
        rows, last = found["rows"], until + _STEPS_S
        while found["steps"] and time.monotonic() < last:
            time.sleep(2)
            found = self._found(path)
        said = f"rows after {took - until + IN_THE_LOG_S:.0f} s"
        said += f" at a load of {os.getloadavg()[0]:.0f}"
        print(f"  judged: {found['counts']}, {said}", flush=True)
        for words in {*rows, *found["rows"], *found["steps"]} - self._known:
            self._known.add(words)
            self._journal.violated(words)

    def _found(self, path: Path) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "torture.outposts.judge", str(path)],
            cwd=BASE_DIR,
            env=self._stack.env,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def _gateway_token(home: Path) -> str:
    """The gateway's own token; the oldest generation has none."""
    path = home / ".defenseclaw" / ".env"
    lines = path.read_text().splitlines() if path.exists() else []
    found = (line.partition("=")[2] for line in lines if line.startswith("DEFENSECLAW_GATEWAY"))
    return next(found, "")


if __name__ == "__main__":
    sys.exit(main())

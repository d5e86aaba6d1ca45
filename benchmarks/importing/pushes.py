"""What four gateways push, from the answer until it is searchable and provable.

    python -m scripts.on_postgres python -m benchmarks.importing.pushes BODIES [--seconds 60]
        [--rate 2000] [--batch 50]

BODIES is a folder of bodies that real gateways pushed (`jsonl--*.json`, `hec--*.json`): each record
is sent again and again with a separate id and time, by two senders as HEAD's http_jsonl and by two
as its Splunk HEC. Portal, worker and senders are processes of their own; the database is
that of TEST_DATABASE_URL, else a SQLite file. First the same senders push to a server that reads
the body and answers (`bare_push_receiver.py`). One JSON object a line: what was answered and how
fast, what of it is lost, the lag from the answer to the first checkpoint that covers the record (it
is searchable before), memory of portal and worker, and processor milliseconds an event.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from portal.env import BASE_DIR
from scripts.processes import worker_command
from tests.support.ports import free_port

SENDERS = 4
_TICK = os.sysconf("SC_CLK_TCK")
_DRAINED_S = 1200.0


def main(options: argparse.Namespace) -> None:
    """Measure the baseline, then the portal."""
    folder = Path(tempfile.mkdtemp(prefix="ata-pushes-"))
    try:
        print(json.dumps({"load": os.getloadavg(), "processors": os.cpu_count()}), flush=True)
        environment = _environment(folder)
        with _serving("benchmarks.importing.bare_push_receiver:application", environment) as (
            url,
            bare,
        ):
            before = _cpu([bare])
            sent = _send(url, options, folder, seconds=options.seconds / 4)
            _say("server alone", _answers(sent), cpu=_cpu([bare]) - before)
        _register(folder)
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"], env=environment, check=True
        )
        with (
            _serving("portal.wsgi:application", environment) as (url, portal),
            _process(worker_command(), environment) as worker,
        ):
            _measure(url, options, folder, [portal, worker])
        print(json.dumps({"load": os.getloadavg()}), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(url: str, options: argparse.Namespace, folder: Path, processes: list[int]) -> None:
    _send(url, options, folder, seconds=3.0)  # warm
    _wait_until_drained(folder)
    before, base = _cpu(processes), _cpu_of_postgres()
    memory: list[int] = []
    sent = _send(url, options, folder, options.seconds, lambda: memory.append(_rss(processes)))
    _wait_until_drained(folder)
    cpu, database = _cpu(processes) - before, _cpu_of_postgres() - base
    found = _answers(sent)
    _say("portal", found, cpu=cpu, cpu_of_postgres=database)
    quarter = max(1, len(memory) // 4)
    figures = {"first_quarter": max(memory[:quarter]), "last_quarter": max(memory[-quarter:])}
    print(json.dumps({"measured": "memory, MiB", **figures}), flush=True)
    path = folder / "sent.json"
    path.write_text(json.dumps(sent))
    # Another process: what this one has imported has read its settings already.
    words = [sys.executable, "-m", "benchmarks.importing.pushes", "--judge", str(path), "-"]
    subprocess.run(words, env=_environment(folder), cwd=BASE_DIR, check=True)


def _in_the_log(sent: list[dict[str, Any]]) -> dict[str, Any]:
    """What of the answered records is an entry, and how long each took to be provable."""
    import bisect

    import django

    django.setup()
    from audit.importing.source_row_identity import event_id
    from audit.models import Checkpoint, Entry

    heads = list(Checkpoint.objects.order_by("size").values_list("size", "created"))
    sizes = [size for size, _ in heads]
    seqs = {event: seq for event, seq in Entry.objects.values_list("event_id", "seq").iterator()}
    lost, unsigned, lags = 0, 0, []
    for body in sent:
        for record in body["ids"]:
            seq = seqs.get(event_id(body["instance"], "audit_events", record))
            at = bisect.bisect_right(sizes, seq) if seq is not None else len(heads)
            lost += seq is None
            unsigned += seq is not None and at == len(heads)
            if at < len(heads):
                lags.append(heads[at][1].timestamp() - body["answered"])
    return {"lost": lost, "not_provable": unsigned, "lag_s": _percentiles(lags, 2)}


def _send(
    url: str, options: argparse.Namespace, folder: Path, seconds: float, look: Any = None
) -> list[dict[str, Any]]:
    """Have all senders push for so long; each answered body with its ids."""
    began = time.time() + 1.0
    running = []
    for number in range(SENDERS):
        said = {
            "url": url,
            "number": number,
            "bodies": str(options.bodies),
            "token": _token(number),
            "began": began,
            "seconds": seconds,
            "every": options.batch * SENDERS / options.rate,
            "batch": options.batch,
        }
        words = [sys.executable, "-m", "benchmarks.importing.pushing_sender", json.dumps(said)]
        path = folder / f"sent-{number}.jsonl"
        with path.open("wb") as out:
            running.append((path, subprocess.Popen(words, stdout=out, cwd=BASE_DIR)))
    while any(process.poll() is None for _, process in running):
        if look is not None:
            look()
        time.sleep(0.5)
    return [json.loads(line) for path, _ in running for line in path.read_text().splitlines()]


def _answers(sent: list[dict[str, Any]]) -> dict[str, Any]:
    took = [1000 * body["took"] for body in sent]
    events = sum(len(body["ids"]) for body in sent)
    span = max(body["answered"] for body in sent) - min(body["answered"] for body in sent)
    refused = sum(body["status"] != 200 for body in sent)
    figures = {"events": events, "events_per_s": round(events / span), "refused": refused}
    within = round(sum(one <= 50 for one in took) / len(took), 3)
    return figures | {"answer_ms": _percentiles(took, 1), "within_50_ms": within}


def _percentiles(values: Sequence[float], digits: int) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100)
    found = {"p50": cuts[49], "p95": cuts[94], "most": max(values)}
    return {name: round(value, digits) for name, value in found.items()}


def _say(name: str, found: dict[str, Any], **cpu: float) -> None:
    each = {f"{one}_ms_per_event": round(1000 * s / found["events"], 3) for one, s in cpu.items()}
    print(json.dumps({"measured": name, **found, **each}), flush=True)


def _token(number: int) -> str:
    return f"token-of-sender-{number}"


def _register(folder: Path) -> None:
    blocks = []
    for number in range(SENDERS):
        (folder / f"sender-{number}.token").write_text(_token(number))
        blocks.append(
            f'[[instance]]\nname = "sender-{number}"\nbase_url = "http://127.0.0.1:9"\n'
            f'gateway_token_file = "none"\ningest_token_file = "sender-{number}.token"\n'
        )
    (folder / "instances.toml").write_text("\n".join(blocks))


def _environment(folder: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AUTH0_", "PORTAL_"))}
    database = os.environ.get("TEST_DATABASE_URL") or f"sqlite:///{folder / 'portal.sqlite3'}"
    return kept | {
        "VAR_DIR": str(folder),
        "DATABASE_URL": database,
        "DEFENSECLAW_INSTANCES_FILE": str(folder / "instances.toml"),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "TENANT_PORT": "9",  # nobody: nothing here asks Auth0
    }


@contextmanager
def _serving(application: str, environment: dict[str, str]) -> Iterator[tuple[str, int]]:
    port = str(free_port())
    words = [sys.executable, "-m", "serving", application, "--port", port]
    with _process(words, environment | {"PORTAL_PORT": port}) as pid:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                httpx.get(f"{url}/healthz", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url, pid


@contextmanager
def _process(words: list[str], environment: dict[str, str]) -> Iterator[int]:
    with subprocess.Popen(
        words, env=environment, cwd=BASE_DIR, start_new_session=True, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process.pid
        finally:
            for number, patience_s in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(patience_s)
                    break


def _wait_until_drained(folder: Path) -> None:
    """Until the spool is empty."""
    until = time.monotonic() + _DRAINED_S
    while any((folder / "push-spool").glob("*/*.*")) and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(2.0)


def _family(pids: Sequence[int]) -> list[int]:
    """The processes of these process groups."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            if int(path.read_text().rpartition(")")[2].split()[2]) in pids:
                found.append(int(path.parent.name))
    return found


def _cpu(groups: Sequence[int]) -> float:
    """Processor seconds of process groups so far."""
    return sum(map(_cpu_of, _family(groups)))


def _cpu_of(pid: int) -> float:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, words[11:15])) / _TICK
    return 0.0


def _cpu_of_postgres() -> float:
    """Of the processes of the server that TEST_DATABASE_URL names, where it is on this machine."""
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        return 0.0
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        return sum(_cpu_of(pid) for (pid,) in rows.fetchall())


def _rss(groups: Sequence[int]) -> int:
    """Private memory of process groups, MiB."""
    kib = 0
    for pid in _family(groups):
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                kib += int(line.split()[1]) if line.startswith("RssAnon:") else 0
    return kib // 1024


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m benchmarks.importing.pushes")
    _parser.add_argument("bodies", type=Path)
    _parser.add_argument("--seconds", type=float, default=60.0)
    _parser.add_argument("--rate", type=int, default=2000)
    _parser.add_argument("--batch", type=int, default=50)
    _parser.add_argument("--judge", type=Path, help=argparse.SUPPRESS)
    _given = _parser.parse_args()
    if _given.judge:
        _found = _in_the_log(json.loads(_given.judge.read_text()))
        print(json.dumps({"measured": "in the log", **_found}), flush=True)
    else:
        main(_given)

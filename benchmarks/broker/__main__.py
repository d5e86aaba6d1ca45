"""What the broker adds to an exchange, compared with the same exchange straight at the upstream.

    python -m benchmarks.broker [--seconds 10] [--processes 2] [--threads 8] [--rounds 20]
                                [--database URL]

The upstream (`tests/support/vault_provider.py`), the portal under `serving/` and the callers are
processes of their own. One round straight at the upstream, then one through the portal, for one
caller and for fifty, and one through a server that only passes the call on (`bare.py`). Then how
long it takes from the commit of a freeze and of a revocation to the first refusal that callers see
(`time_to_first_refusal.py`). Prints the load of the machine, what its disk takes to make an event
durable, and one JSON object a line; processor time is of the portal's processes alone. The
upstream needs 150 ms for each exchange.
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
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx

from tests.support.ports import free_port
from tests.support.vault import CLIENT, SECRET, VaultElsewhere
from tests.support.vault_provider import TYPE, VAULT

DELAY_S = 0.15
CALLERS = (1, 50)
_TICK = os.sysconf("SC_CLK_TCK")


def main(options: argparse.Namespace) -> None:
    """Measure."""
    folder = Path(tempfile.mkdtemp(prefix="ata-broker-"))
    machine = {"load": os.getloadavg(), "processors": os.cpu_count()}
    print(json.dumps(machine | {"disk_sync_p50_ms": _disk(folder)}), flush=True)
    vault = VaultElsewhere().start()
    vault.tell(delay_s=DELAY_S, accounts=dict(map(_person, range(max(CALLERS)))))
    env = _environment(vault, folder, options.database)
    (folder / "secrets").mkdir(mode=0o700)
    portal = f"http://127.0.0.1:{env['PORTAL_PORT']}"
    server = _serve(env, options)
    try:
        _wait(portal)
        tokens = [vault.token(_person(number)[0]) for number in range(max(CALLERS))]
        for many in CALLERS:
            _through(portal, tokens, 3.0)  # warm: every account is known to every process
            straight = _straight(vault, tokens[:many], options.seconds)
            before = _cpu(server.pid)
            through = _through(portal, tokens[:many], options.seconds)
            cpu = _cpu(server.pid) - before
            bare = _bare(vault, options, tokens[:many])
            print(json.dumps(_line(many, straight, through, cpu) | bare), flush=True)
        for line in _refusing(env, portal, tokens[0], options.rounds):
            print(json.dumps(line), flush=True)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
        vault.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _disk(folder: Path) -> float:
    """What this disk takes to make a few pages durable, as often as one caller has them written.

    No exchange is faster than that: its event is durable before its token leaves.
    """
    took = []
    with (folder / "disk").open("wb", buffering=0) as file:
        for _ in range(30):
            time.sleep(DELAY_S)
            began = time.perf_counter()
            file.write(b"\0" * 16384)
            os.fdatasync(file.fileno())
            took.append(time.perf_counter() - began)
    return round(1000 * statistics.median(took), 1)


def _person(number: int) -> tuple[str, list[dict[str, Any]]]:
    sub = f"auth0|{number:024x}"
    scopes = ["read:user", "repo"]
    account = {"id": f"cac_{number}", "connection": "github", "user": f"octo-{number}"}
    return sub, [account | {"scopes": scopes}]


def _environment(vault: VaultElsewhere, folder: Path, database: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AUTH0_", "PORTAL_"))}
    return kept | {
        **vault.environment(),
        "VAR_DIR": str(folder),
        "DATABASE_URL": database or f"sqlite:///{folder / 'portal.sqlite3'}",
        "PORTAL_PORT": str(free_port()),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }


def _serve(env: dict[str, str], options: argparse.Namespace) -> subprocess.Popen[bytes]:
    manage = [sys.executable, "manage.py"]
    allow = (
        "from enforcement.models import Asset; "
        "Asset.objects.create(kind='mcp', name='github-mcp', decision='allow')"
    )
    for words in (
        ["migrate", "--verbosity=0"],
        ["declare_manifests", "demo/manifests"],
        ["shell", "-c", allow],
    ):
        subprocess.run([*manage, *words], env=env, check=True, stdout=subprocess.DEVNULL)
    ends = [sys.executable, "-m", "benchmarks.broker.time_to_first_refusal", "0", _person(0)[0]]
    subprocess.run(ends, env=env, check=True, stdout=subprocess.DEVNULL)
    where = ["--port", env["PORTAL_PORT"], "--processes", str(options.processes)]
    threads = ["--threads", str(options.threads)]
    words = ["-m", "serving", "portal.wsgi:application", *where, *threads]
    # Each refusal is a line of the log.
    return subprocess.Popen([sys.executable, *words], env=env, stderr=subprocess.DEVNULL)


def _wait(portal: str) -> None:
    for _ in range(600):
        try:
            httpx.get(f"{portal}/healthz", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the portal does not answer")


def _pair() -> str:
    return httpx.BasicAuth(quote_plus(CLIENT), quote_plus(SECRET))._auth_header


def _straight(vault: VaultElsewhere, tokens: list[str], seconds: float) -> dict[str, Any]:
    pair = _pair()
    asked = []
    for token in tokens:
        form = {
            "grant_type": VAULT,
            "subject_token": token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "requested_token_type": TYPE,
            "connection": "github",
        }
        body = urlencode(form)
        head = (
            f"POST /oauth/token HTTP/1.1\r\nAuthorization: {pair}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}"
        )
        asked.append({"head": head, "body": body})
    return _only_good(_call(vault.url, asked, seconds))


def _through(portal: str, tokens: list[str], seconds: float) -> dict[str, Any]:
    return _only_good(_asked(portal, tokens, seconds))


def _asked(portal: str, tokens: list[str], seconds: float) -> dict[str, Any]:
    asked = [
        {
            "head": "GET /v1/auth/token?connection=github HTTP/1.1\r\n"
            f"Authorization: Bearer {token}\r\nATA-Agent: bench\r\nATA-Skill: mcp:github-mcp\r\n"
            "ATA-Scopes: read:user repo",
            "body": "",
        }
        for token in tokens
    ]
    return _call(portal, asked, seconds)


def _bare(vault: VaultElsewhere, options: argparse.Namespace, tokens: list[str]) -> dict[str, Any]:
    """What the server and the call alone add, and how many they serve (`bare.py`)."""
    port = str(free_port())
    env = os.environ | {"BARE_URL": vault.url, "BARE_AUTHORIZATION": _pair()}
    words = ["-m", "serving", "benchmarks.broker.bare:application", "--port", port]
    words += ["--processes", str(options.processes), "--threads", str(options.threads)]
    server = subprocess.Popen([sys.executable, *words], env=env)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url)
        _through(url, tokens, 1.0)
        straight = _straight(vault, tokens, options.seconds / 2)
        before = _cpu(server.pid)
        found = _line(0, straight, _through(url, tokens, options.seconds), 0.0)
        each = (_cpu(server.pid) - before) / (found["through_per_s"] * options.seconds)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    return {
        "bare_per_s": found["through_per_s"],
        "bare_added_p50_ms": found["added_p50_ms"],
        "bare_added_p95_ms": found["added_p95_ms"],
        "bare_cpu_ms_each": round(1000 * each, 2),
    }


def _refusing(env: dict[str, str], portal: str, token: str, rounds: int) -> list[dict[str, Any]]:
    """Decisions in a process of their own, while eight callers of the same person ask."""
    words = ["-m", "benchmarks.broker.time_to_first_refusal", str(rounds), _person(0)[0]]
    decides = subprocess.Popen([sys.executable, *words], env=env, stdout=subprocess.PIPE, text=True)
    assert decides.stdout
    decides.stdout.readline()  # it has started
    # Both kinds, and what the decisions take on top.
    seen = _asked(portal, [token] * 8, rounds * 2 * 1.5 + 4)["answers"]
    last = max(at for _, at, _ in seen)
    decisions = json.loads(decides.communicate(timeout=120)[0])
    lines = []
    for kind in ("freeze", "revoke"):
        waits, late, over = [], 0, 0
        for _, _, after, ended in (one for one in decisions if one[0] == kind and one[3] < last):
            answers = [one for one in seen if after <= one[1] and one[0] < ended]
            refused = [at for _, at, status in answers if status != 200]
            over += not refused
            waits.append(1000 * (min(refused, default=ended) - after))
            late += sum(s == 200 and begun > after and at < ended for begun, at, s in answers)
        lines.append(
            {
                "decision": kind,
                "rounds": len(waits),
                "to_refused_p50_ms": round(statistics.median(waits), 1),
                "to_refused_max_ms": round(max(waits), 1),
                "never_refused": over,
                "tokens_of_requests_begun_after": late,
            }
        )
    return lines


def _call(url: str, asked: list[dict[str, str]], seconds: float) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.broker.callers"],
        input=json.dumps({"url": url, "each": seconds, "callers": asked}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _only_good(found: dict[str, Any]) -> dict[str, Any]:
    if set(found["statuses"]) != {"200"}:
        raise RuntimeError(f"not every answer was 200: {found['statuses']}")
    return found


def _line(
    many: int, straight: dict[str, Any], through: dict[str, Any], cpu: float
) -> dict[str, Any]:
    ours, theirs = sorted(through["took"]), sorted(straight["took"])
    return {
        "callers": many,
        "straight_per_s": round(len(theirs) / straight["wall_s"], 1),
        "through_per_s": round(len(ours) / through["wall_s"], 1),
        "added_p50_ms": round(statistics.median(ours) - statistics.median(theirs), 1),
        "added_p95_ms": round(_p95(ours) - _p95(theirs), 1),
        "straight_p50_ms": round(statistics.median(theirs), 1),
        "straight_p95_ms": round(_p95(theirs), 1),
        "portal_cpu_ms_each": round(1000 * cpu / len(ours), 2),
        "load": os.getloadavg()[0],
    }


def _p95(ordered: list[float]) -> float:
    return ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]


def _cpu(pid: int) -> float:
    """Processor seconds of a process and of its children that live."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK + sum(_cpu(int(c)) for c in children)


if __name__ == "__main__":
    words = argparse.ArgumentParser(prog="python -m benchmarks.broker", description=__doc__)
    words.add_argument("--seconds", type=float, default=10.0)
    words.add_argument("--processes", type=int, default=2)
    words.add_argument("--threads", type=int, default=8)
    words.add_argument("--database", default="")
    words.add_argument("--rounds", type=int, default=20, help="of freezing and of revoking")
    main(words.parse_args())

"""How soon a person is asked and an approval commits, how many a worker commits, how `ata` starts.

    python -m benchmarks.deciding [samples [many]]

Against the local tenant in its own process, on a separate SQLite file, with the asking loop of
one worker (a sweep each half second on four threads). Prints one JSON object a line. The time from
an answer to its commit is mostly the issuer's polling interval, so it is measured at 5 s (Auth0's)
and at 1 s, with answers spread over the interval. For figures, run it on a machine that does
nothing else: the load is printed too.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.deciding.ground import furnished, ground
from tests.support.tenant import LocalTenant, Secrets

CHECKOUT = Path(__file__).resolve().parents[2]
CONTROL = "control-token-of-the-measurement"
STARTS = 21


def main(samples: int, many: int) -> None:
    """Measure; the load is that of before."""
    print(json.dumps({"load": os.getloadavg(), "processors": os.cpu_count()}), flush=True)
    for line in (_starts("ata --help", "-m", "ata", "--help"), _starts("python alone", "-c", "")):
        print(json.dumps(line), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="ata-deciding-tenant-"))
    secrets = Secrets(web="web-secret-0123456789", vault="vault-secret-012345", mgmt="mgmt-0123456")
    tenant = LocalTenant(folder, secrets=secrets, extra_env=_hurried("1"))
    tenant.start()
    env = {
        "AUTH0_ISSUER": tenant.issuer,
        "AUTH0_CLIENT_SECRET": secrets.web,
        "AUTH0_VAULT_CLIENT_SECRET": secrets.vault,
        "AUTH0_MGMT_CLIENT_SECRET": secrets.mgmt,
        "STEP_UP_EXPIRY_S": "300",
        "PUSHES_PER_MINUTE": "100000",
    }
    try:
        with ground(**env):
            _measured(tenant, samples, many)
    finally:
        tenant.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _hurried(interval: str) -> dict[str, str]:
    return {
        "TENANT_CIBA_INTERVAL_S": interval,
        "TENANT_PUSHES_PER_MINUTE": "100000",
        "TENANT_CONTROL_TOKEN": CONTROL,
    }


def _starts(what: str, *words: str) -> dict[str, Any]:
    """Milliseconds that a command needs, the first start left out."""
    took = []
    for _ in range(STARTS + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], cwd=CHECKOUT, capture_output=True, check=True)
        took.append((time.perf_counter() - began) * 1000)
    return {"measured": f"{what}, start to end", "unit": "ms", **_spread(took[1:])}


def _spread(values: list[float]) -> dict[str, Any]:
    ordered = sorted(values)
    last = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return {
        "samples": len(ordered),
        "p50": round(statistics.median(ordered), 1),
        "p95": round(last, 1),
        "worst": round(ordered[-1], 1),
    }


def _measured(tenant: LocalTenant, samples: int, many: int) -> None:
    from tests.approvals import people_of

    people_of.CONTROL = CONTROL
    furnished()
    _measure_pace(tenant, samples, "1")
    tenant.stop()
    tenant.extra_env = _hurried("5")
    tenant.serve()
    _measure_pace(tenant, samples, "5")
    tenant.stop()
    tenant.extra_env = _hurried("1")
    tenant.serve()
    _measure_many(tenant, many)


def _measure_pace(tenant: LocalTenant, samples: int, interval: str) -> None:
    """One request after the other, as people make them."""
    from approvals.models import Approval
    from tests.approvals.people_of import Phones, acting

    olu, oona = acting("operator", "operator"), acting("operator2", "operator")
    phones, pushed, decided = Phones(tenant), [], []
    assert oona.sub != olu.sub
    with _worker():
        for number in range(samples):
            time.sleep(0.13 * (number % 4))  # not always at the same moment of the sweep
            began = time.perf_counter()
            approval = _ask(olu, f"pace-{interval}-{number}")
            pushed.append(_until(partial(_waits, approval), began))
            code = approval.current.code
            time.sleep(int(interval) * (number % 5) / 5)  # people take their time
            began = time.perf_counter()
            phones.answer("operator2", code, "approve")
            closed = Approval.objects.filter(pk=approval.pk, outcome="approved")
            decided.append(_until(closed.exists, began))
    every = f"polling interval {interval} s"
    for what, took in (("decision to push", pushed), ("approve to commit", decided)):
        line = {"measured": f"{what}, {every}", "unit": "s"}
        print(json.dumps(line | _seconds(took)), flush=True)


def _seconds(took: list[float]) -> dict[str, Any]:
    found = _spread([value * 1000 for value in took])
    return {k: v if k == "samples" else round(v / 1000, 3) for k, v in found.items()}


def _ask(olu: Any, name: str) -> Any:
    from approvals.pipeline.service import perform
    from audit.recording.actors import Target

    done = perform(olu, "lamp.block", Target("lamp", name), severity="CRITICAL")
    assert done.approval is not None
    return done.approval


def _waits(approval: Any) -> bool:
    return str(approval.current.state) == "waiting"


def _until(true: Callable[[], bool], began: float, at_most_s: float = 60.0) -> float:
    while not true():
        if time.perf_counter() - began > at_most_s:
            raise RuntimeError("this did not happen in a minute")
        time.sleep(0.005)
    return time.perf_counter() - began


@contextmanager
def _worker() -> Iterator[None]:
    """The asking loop of one worker."""
    from approvals.due_work import ASKING, sweep
    from portal.background_job_pool_per_peer import Lanes
    from portal.loops import repeat

    stop, lanes = threading.Event(), Lanes("asking", threads=4)
    loop = repeat(lambda: sweep(lanes, ASKING), 0.5)
    thread = threading.Thread(target=loop, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def _measure_many(tenant: LocalTenant, many: int) -> None:
    """Answers that all wait at once, committed by one worker: how many a second."""
    from approvals import clock
    from approvals.due_work import ASKING, sweep
    from approvals.models import Approval, Ask
    from portal.background_job_pool_per_peer import Lanes
    from tests.approvals.people_of import Phones, acting

    olu = acting("operator", "operator")
    phones = Phones(tenant)
    asked = [_ask(olu, f"many-{number}") for number in range(many)]
    lanes = Lanes("asking", threads=4)
    while Ask.objects.filter(state="starting").exists():
        sweep(lanes, ASKING)
        lanes.wait()
    codes = [approval.current.code for approval in asked]
    waiting = phones.waiting("operator2")
    for code in codes:
        _answer(tenant, waiting[code])
    Ask.objects.filter(state="waiting").update(due=clock.now(), lease=None)
    began, cpu = time.perf_counter(), time.process_time()
    while Approval.objects.filter(status="pending").exists():
        if not sweep(lanes, ASKING):
            Ask.objects.filter(state="waiting").update(due=clock.now(), lease=None)
        lanes.wait()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    done = Approval.objects.filter(target_name__startswith="many-", outcome="approved").count()
    line = {
        "measured": "answers polled, verified and committed by one worker",
        "approved": done,
        "of": many,
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
        "approvals_per_s": round(done / wall, 1),
    }
    print(json.dumps(line), flush=True)


def _answer(tenant: LocalTenant, consent: str) -> None:
    import httpx

    from tests.support.sign_in import SUBS

    url = f"{tenant.url}/phone/{SUBS['operator2']}/{consent}/approve"
    answer = httpx.post(url, headers={"Tenant-Control-Token": CONTROL})
    answer.raise_for_status()


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    main(*(given + [30, 100][len(given) :]))

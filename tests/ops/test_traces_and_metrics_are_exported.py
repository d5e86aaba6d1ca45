"""With a collector, requests and calls are traced; nothing that a log may not hold goes along."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from portal.ops import telemetry
from portal.ops.metrics import GAUGES
from tests.ops.otlp_collector import Collector, attributes, collecting

CANARY = "canary-5f1e"
WORK = f"""
import os
import sys
import threading
import django
django.setup()
from django.http import HttpResponse
from django.test import Client, RequestFactory
from opentelemetry import metrics, trace
from http_client import Guard, HttpClient
from portal.ops import telemetry

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=telemetry.start, args=("web",)) for _ in range(8)]
for one in threads:
    one.start()
for one in threads:
    one.join()
peer = HttpClient(guard=Guard(loopback=True))

def view(request):
    peer.get(sys.argv[1] + "/peer?code={CANARY}", operation="ciba.poll")
    try:
        peer.get("http://127.0.0.1:9/{CANARY}", operation="gateway.status")
    except Exception:
        pass
    return HttpResponse("ok")

parent = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
client = Client(raise_request_exception=False, headers={{"traceparent": parent}})
client.get("/healthz?code={CANARY}", headers={{"x-request-id": "abcdefgh-1"}})
client.get("/no/such/{CANARY}", headers={{"cookie": "s={CANARY}"}})
client.generic("{CANARY}", "/healthz")
telemetry.TracedRequests(view)(RequestFactory().post("/x/{CANARY}", {{"p": "{CANARY}"}}))
print("opentelemetry.sdk" in sys.modules, flush=True)
if "flush" not in sys.argv:
    os._exit(0)  # as a web process ends
for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
    getattr(provider, "force_flush", lambda: None)()
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def work(tmp_path: Path, collector: Collector, endpoint: str, flush: str = "flush") -> str:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "VAR_DIR": str(tmp_path),
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",  # seconds that an exit waits for it
    }
    done = subprocess.run(
        [sys.executable, "-c", WORK, collector.url, flush],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stdout and "Overriding" not in done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


def test_a_request_and_its_calls_are_one_trace(tmp_path: Path, collector: Collector) -> None:
    work(tmp_path, collector, collector.url + "/")
    spans = {span.name: span for span in collector.spans}
    assert set(spans) == {
        "GET /healthz", "GET", "_OTHER /healthz", "POST", "ciba.poll", "gateway.status",
    }  # fmt: skip
    health, call, failed = spans["GET /healthz"], spans["ciba.poll"], spans["gateway.status"]
    assert attributes(health) == {
        "http.request.method": "GET",
        "http.route": "/healthz",
        "http.response.status_code": 200,
        "request_id": "abcdefgh-1",
    }
    outer = spans["POST"]
    assert (call.trace_id, call.parent_span_id) == (outer.trace_id, outer.span_id)
    [(_, sent)] = collector.calls
    assert sent["traceparent"].startswith(f"00-{call.trace_id.hex()}-{call.span_id.hex()}-0")
    assert attributes(call)["http.response.status_code"] == 200
    assert attributes(failed)["error.type"] == "HostUnreachable"
    assert failed.status.code == 2 and not failed.status.message and not failed.events
    assert not health.parent_span_id and health.trace_id.hex() != "ab" * 16
    assert "http.server.request.duration" in collector.metrics


def test_nothing_that_was_sent_is_in_what_is_exported(tmp_path: Path, collector: Collector) -> None:
    work(tmp_path, collector, collector.url)
    assert len(collector.bodies) >= 2
    assert not [path for path, body in collector.bodies if CANARY.encode() in body]


def test_without_a_collector_nothing_is_loaded_or_sent(
    tmp_path: Path, collector: Collector
) -> None:
    assert work(tmp_path, collector, "") == "False"
    [(_, sent)] = collector.calls
    assert "traceparent" not in {name.lower() for name in sent}
    assert not collector.bodies


def test_requests_are_answered_while_the_collector_is_away(
    tmp_path: Path, collector: Collector
) -> None:
    assert work(tmp_path, collector, "http://127.0.0.1:9", "no flush") == "True"
    assert len(collector.calls) == 1 and not collector.bodies


@pytest.mark.parametrize(
    "endpoint",
    ["collector:4318", "ftp://x", "http://", f"http://me:{CANARY}@127.0.0.1", "http://x/?a=1"],
)
def test_an_endpoint_that_is_none_is_refused(tmp_path: Path, endpoint: str) -> None:
    environment = os.environ | {
        "VAR_DIR": str(tmp_path),
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
    }
    done = subprocess.run(
        [sys.executable, "-c", "import portal.settings"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in done.stderr and CANARY not in done.stderr


@pytest.mark.django_db
def test_the_worker_exports_the_gauges_of_metrics_read_once(django_db_blocker: Any) -> None:
    reader = InMemoryMetricReader()
    telemetry.observe_gauges(MeterProvider([reader]).get_meter("test"))
    with CaptureQueriesContext(connection) as queries:
        found = reader.get_metrics_data()
    assert found is not None and encode_metrics(found).SerializeToString()
    metrics = found.resource_metrics[0].scope_metrics[0].metrics
    assert {one.name for one in metrics} <= set(GAUGES)
    assert {"ata_ledger_size", "ata_holds", "ata_approvals_pending"} <= {o.name for o in metrics}
    said = [query["sql"] for query in queries]
    assert len([one for one in said if "approvals_approval" in one]) == 2

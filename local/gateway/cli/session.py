"""What every command works with: the home, its entries, and the row it leaves."""

from __future__ import annotations

import http.client
import json
import os
import re
import sys
import urllib.error
import urllib.request
import uuid
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from local.gateway.agents import copies_on_disk
from local.gateway.audit.database import AuditDatabase
from local.gateway.audit.log import AuditLog, AuditRow
from local.gateway.audit.scan_rows import ScanReport, ScanRows, as_json
from local.gateway.audit.seals import load_or_make_key
from local.gateway.cli.parsing import Arguments, Refused, UsageError
from local.gateway.entries import Entries
from local.gateway.folders.quarantine import QuarantineRecords
from local.gateway.senders.destinations import destinations_of
from local.gateway.senders.http_post import post
from local.gateway.settings import load
from local.gateway.user_folder import Home

_TIMEOUT_S: Final = 120
_PUSH_TIMEOUT_S: Final = 5
_PUSH_AGENT: Final = "Python-urllib/3.13"
_CONNECTOR: Final = re.compile(r"connector=(\S+)")
_TRACEBACK: Final = (
    "Traceback (most recent call last):\n"
    "defenseclaw.logger.CanonicalObservabilityError: "
    "canonical Observability v8 admission was not confirmed"
)


class Session:
    """One run of the command line."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.settings = load(home.folder)
        self.generation = self.settings.generation
        self.database = AuditDatabase(home.database, self.generation, by_command_line=True)
        self.entries = Entries(self.database, by_command_line=True)
        self.records = QuarantineRecords(self.database)
        self.run_id = os.environ.get("DEFENSECLAW_RUN_ID", "").strip()
        key = load_or_make_key(home.data) if self.generation.seals_rows else None
        self.log = AuditLog(self.database, key=key, by_command_line=True, run_id=self.run_id)
        self.scans = ScanRows(self.database, self.log, by_command_line=True)

    def say(self, text: str) -> None:
        """Print a line on standard output."""
        sys.stdout.write(text + "\n")

    def warn(self, text: str) -> None:
        """Print a line on standard error."""
        sys.stderr.write(text + "\n")

    def copies(self, kind: str, name: str, agent: str = "") -> list[tuple[str, Path]]:
        """Return agent and path of each copy on disk, of one agent or of all."""
        found = copies_on_disk(self.home.folder, self.settings.agents, kind, name)
        return [(owner, path) for owner, path in found if not agent or owner == agent]

    def agent_option(self, arguments: Arguments) -> str:
        """Return the agent of `--connector`; raises UsageError for one that is not set up."""
        name = arguments.text("connector").strip().replace("-", "")
        if name and name not in self.settings.agents:
            known = ", ".join(self.settings.agents)
            text = f"connector {name!r} is not configured. Configured connectors: {known}."
            raise UsageError(f"Error: {text}", of_verb=True)
        return name

    def act(self, action: str, target: str, details: str) -> None:
        """Leave the row of an act.

        HEAD hands it to the gateway. A gateway that is down, or refuses the run id or the action
        (it knows no `plugin-unblock`), makes the command fail after the entry was written.
        """
        if self.generation.cli_writes_through_gateway:
            payload = {"name": action, "target": target, "details": details}
            self._hand_to_gateway("action", payload)
            return
        found = _CONNECTOR.search(details)
        connector = found[1] if found and self.generation.entries_per_agent else ""
        row = AuditRow(action, target, details, connector=connector)
        self.log.write(row)
        if self.generation.entries_per_agent:
            self._push(row)

    def _push(self, row: AuditRow) -> None:
        """Send a row to each HEC sink, once, as 0.8.4's command line does."""
        columns = self.log.columns_of(row)
        for destination in destinations_of(self.home, self.generation):
            if destination.kind != "splunk_hec":
                continue
            body = destination.body(self.generation, [columns]).rstrip(b"\n")
            status, _ = post(
                destination.url, body, destination.headers, _PUSH_TIMEOUT_S, _PUSH_AGENT
            )
            if status != HTTPStatus.OK:
                sys.stderr.write(f"warning: splunk forward: status {status}\n")

    def record_scan(self, report: ScanReport) -> None:
        """Store a scan; HEAD hands it to the gateway."""
        if self.generation.cli_writes_through_gateway:
            self._hand_to_gateway("scan", as_json(report))
        else:
            self.scans.write(report)

    def _hand_to_gateway(self, kind: str, payload: dict[str, Any]) -> None:
        body: dict[str, Any] = {"kind": kind, kind: payload}
        if self.run_id:
            body["run_id"] = self.run_id
        try:
            self.call("POST", "/api/v1/observability/cli", body)
        except OSError as problem:
            raise Refused(_TRACEBACK) from problem

    def call(self, method: str, path: str, body: object) -> Any:
        """Call the gateway; raises OSError where it does not answer with success."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.settings.port}{path}",
            method=method,
            data=json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.home.token()}",
                "Content-Type": "application/json",
                "X-DefenseClaw-Client": "python-cli",
                "X-DefenseClaw-Request-Id": str(uuid.uuid4()),
            },
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_TIMEOUT_S) as response:
            text = response.read()
        return json.loads(text) if text else None

    def call_upstream(self, verb: str, kind: str, name: str) -> None:
        """Disable or enable a thing in OpenClaw through the gateway; raises Refused."""
        key = "skillKey" if kind == "skill" else "pluginName"
        try:
            self.call("POST", f"/{kind}/{verb}", {key: name})
        except http.client.RemoteDisconnected as problem:
            text = (
                "('Connection aborted.', RemoteDisconnected("
                "'Remote end closed connection without response'))"
            )
            raise Refused(f"error: gateway {verb} failed: {text}") from problem
        except urllib.error.HTTPError as problem:
            reason = HTTPStatus(problem.code).phrase
            text = f"{problem.code} Server Error: {reason} for url: {problem.url}"
            raise Refused(f"error: gateway {verb} failed: {text}") from problem
        except OSError as problem:
            raise Refused(f"error: gateway {verb} failed: {problem}") from problem

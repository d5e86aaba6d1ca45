"""DefenseClaw's generic notifier: a signed POST for events that are bad enough.

Source: DefenseClaw ``internal/gateway/webhook.go``. The signature is
``X-Hub-Signature-256: sha256=HMAC-SHA256(secret, raw body)``; there is no time stamp in it. An
operator's own block or allow never fires a webhook.
"""

from __future__ import annotations

import hmac
import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from demo.history.facts import RANK, Scan
from demo.store.instant import go_text, now_ns

_ATTEMPTS: Final = 4
_TIMEOUT_S: Final = 10
_LONGEST_WAIT_S: Final = 120
# DefenseClaw's sender uses no proxy.
_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def body_of(action: str, target: str, actor: str, details: str, severity: str) -> bytes:
    """Return the JSON body of one notification, with a fresh event id and the present time."""
    stamp = go_text(now_ns())
    event: dict[str, object] = {
        "id": str(uuid.uuid4()),
        "timestamp": f"{stamp[:19]}Z",
        "action": action,
        "target": target,
        "actor": actor,
        "details": details,
        "severity": severity,
        "run_id": "",
        "trace_id": "",
    }
    if "block" in action:
        event |= {"defenseclaw_blocked": True, "defenseclaw_reason": details}
    return json.dumps(
        {
            "webhook_type": "defenseclaw_enforcement",
            "defenseclaw_version": "1.0",
            "event": event,
        },
        separators=(",", ":"),
    ).encode()


def signature(secret: bytes, body: bytes) -> str:
    """Return the value of ``X-Hub-Signature-256``."""
    return f"sha256={hmac.digest(secret, body, 'sha256').hex()}"


@dataclass(frozen=True, slots=True)
class Notifier:
    """Sends notifications to one endpoint in the background; lost when the process ends.

    ``backoff_s`` is multiplied by the number of the attempt.
    """

    url: str
    secret: bytes = field(repr=False)
    min_severity: str = "HIGH"
    backoff_s: float = 2.0
    report: Callable[[str], None] = print

    def scan_finished(self, scan: Scan) -> threading.Thread | None:
        """Notify of a scan verdict as a drift rescan does; None if it is not bad enough."""
        if RANK[scan.severity] < RANK[self.min_severity]:
            return None
        details = (
            f"type={scan.asset.kind} scan={scan.id} findings={len(scan.findings)} "
            f"verdict={scan.verdict}"
        )
        body = body_of("drift", scan.asset.path, "defenseclaw-rescan", details, scan.severity)
        sender = threading.Thread(target=self.send, args=(body,), daemon=True)
        sender.start()
        return sender

    def send(self, body: bytes) -> bool:
        """Send ``body``, again on 429, 5xx and transport errors; say whether it arrived."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(self.backoff_s * attempt)
            status, retry_after_s = self._post(body)
            if 200 <= status < 300:
                self.report("DEMO webhook delivered")
                return True
            if status and status != 429 and status < 500:
                self.report(f"DEMO webhook refused with {status}; not sent again")
                return False
            time.sleep(retry_after_s)
        self.report(f"DEMO webhook given up after {_ATTEMPTS} attempts")
        return False

    def _post(self, body: bytes) -> tuple[int, int]:
        """Return the status (0 for a transport error) and the seconds asked to wait."""
        headers = {"Content-Type": "application/json"}
        if self.secret:
            headers["X-Hub-Signature-256"] = signature(self.secret, body)
        request = urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310
        try:
            with _OPENER.open(request, timeout=_TIMEOUT_S) as answer:
                return answer.status, 0
        except urllib.error.HTTPError as error:
            with error:
                asked = error.headers.get("Retry-After", "")
                wait = int(asked) if error.code == 429 and asked.isdigit() else 0
                return error.code, wait if wait <= _LONGEST_WAIT_S else 0
        except OSError:
            return 0, 0

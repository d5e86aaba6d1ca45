"""Sends signed reports one after the other, and reads what the portal says of each."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from ata import __version__, clock
from ata.errors import Unreachable
from ata.outpost.device_key import REPORT, DeviceKey
from ata.outpost.journal import Journal, Outgoing
from ata.portal.http_connection import answering, open_client
from audit.ledger.format.canonical import canonical

if TYPE_CHECKING:
    import httpx

REPORTS: Final = "/v1/outposts/reports"
_FINAL: Final = {
    "outpost_revoked": "This outpost is revoked.",
    "outpost_unknown": "The portal knows no outpost with this key.",
    "report_contested": "The portal has another report in place of one of these: the key is in two "
    "places, or this host was restored from a copy.",
    "signature_refused": "The portal does not accept the signature of this outpost's key.",
}
_SAID: Final = (
    "rows", "ranges", "dropped", "entries", "quarantine", "config", "health", "commands",
)  # fmt: skip


class Kind(Enum):
    """What a try to send came to."""

    SENT = "sent"
    NOTHING = "nothing to send"
    LATER = "later"
    SUSPENDED = "suspended"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one try; `words` say what is wrong, `wait` in seconds is the portal's."""

    kind: Kind
    code: str = ""
    words: str = ""
    wait: float = 0


class Sender:
    """Sends the journal of one outpost to the portal that it pinned."""

    def __init__(self, key: DeviceKey, journal: Journal, portal: str, instance: str) -> None:
        self._key, self._journal = key, journal
        self._portal, self._instance = portal, instance
        self._client = open_client(portal)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def send(self) -> Outcome:
        """Send the report that is next, as it was signed before or signed now."""
        report = self._journal.outgoing or self._sign()
        if report is None:
            return Outcome(Kind.NOTHING)
        body = report.body.encode()
        url = self._portal + REPORTS
        try:
            with answering("The portal", self._portal, "The outpost tries again."):
                answer = self._client.post(
                    url,
                    content=body,
                    headers={
                        "Content-Type": "application/json",
                        "DPoP": self._key.proof(url, body, int(clock.now())),
                    },
                )
        except Unreachable as error:
            return Outcome(Kind.LATER, error.code, error.message)
        if answer.status_code == 200:
            self._journal.acknowledge(report)
            return Outcome(Kind.SENT)
        return self._refused(report, answer)

    def _sign(self) -> Outgoing | None:
        """Number and sign the oldest content; it is on disk before it is sent."""
        found = self._journal.oldest()
        if found is None:
            return None
        sequence, content = found
        created = clock.parse_time(content["created"]) or clock.now()
        report: dict[str, Any] = {
            "schema": REPORT,
            "outpost": self._key.outpost,
            "n": self._journal.next_n,
            "previous": self._journal.previous,
            "time": clock.format_time(clock.now()),
            "version": __version__,
            "instance": self._instance,
            "lag_s": max(0, int(clock.now() - created)),
            **{name: content[name] for name in _SAID if content.get(name) is not None},
        }
        if content.get("why"):
            report |= {"restarted": True, "why": content["why"]}
        signed = {"report": report, "signature": self._key.sign_report(report)}
        digest = hashlib.sha256(canonical(report)).hexdigest()
        outgoing = Outgoing(sequence, report["n"], digest, canonical(signed).decode())
        self._journal.keep_outgoing(outgoing)
        return outgoing

    def _refused(self, report: Outgoing, answer: httpx.Response) -> Outcome:
        problem = _problem(answer)
        code = str(problem.get("code", ""))
        if code in _FINAL:
            return Outcome(Kind.ENDED, code, _FINAL[code])
        if code == "outpost_suspended":
            return Outcome(Kind.SUSPENDED, code, "This outpost is suspended: nothing is sent.")
        if code == "report_gap":
            return self._go_back(problem.get("next"))
        if code == "proof_refused" and problem.get("reason") == "time":
            return Outcome(Kind.LATER, "clock", "The clocks of this host and the portal differ.")
        if answer.status_code in {413, 422} and code:
            return self._leave_out(report, code)
        words = f"The portal answered {answer.status_code} {code}".strip() + "."
        return Outcome(Kind.LATER, code or "unexpected_answer", words, _retry_after(answer))

    def _go_back(self, asked: object) -> Outcome:
        """Continue where a portal says that its chain ends, and read everything again."""
        if isinstance(asked, int) and asked >= 0 and self._journal.rewind(asked):
            words = f"The portal lost reports from number {asked} on; all rows are read again."
            return Outcome(Kind.LATER, "report_gap", words)
        words = "The portal lost reports, and where its chain ends is not known here any more."
        return Outcome(Kind.ENDED, "report_gap", words)

    def _leave_out(self, report: Outgoing, code: str) -> Outcome:
        found = self._journal.oldest()
        if found is not None and found[1].get("refused"):
            words = "The portal does not take in what this version of ata reports."
            return Outcome(Kind.ENDED, code, words)
        return Outcome(Kind.LATER, code, self._journal.refuse(report, code))


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _retry_after(answer: httpx.Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), 300.0) if text.isascii() and text.isdecimal() else 0.0

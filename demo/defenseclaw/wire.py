"""Calls and replies, and the ways DefenseClaw words them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from demo.defenseclaw.instance import Cause, Instance
from demo.defenseclaw.webhook import Notifier
from demo.history.facts import Scan


@dataclass(frozen=True, slots=True)
class Gateway:
    """One demo gateway: its memory and, if configured, where it sends notifications."""

    instance: Instance
    notifier: Notifier | None = None

    def scanned(self, scan: Scan) -> None:
        """Tell the notifier, if any, of a finished scan."""
        if self.notifier is not None:
            self.notifier.scan_finished(scan)


@dataclass(frozen=True, slots=True)
class Call:
    """One request that passed authentication."""

    method: str
    path: str
    query: str
    body: bytes
    cause: Cause


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, body and content type of an answer."""

    status: HTTPStatus
    body: bytes = b""
    content_type: str = "application/json"
    location: str = ""


class BadRequest(Exception):
    """The body or query is wrong; the text is the ``error`` of a 400."""


type Endpoint = Callable[[Gateway, Call], Reply]


def reply(value: object, status: HTTPStatus = HTTPStatus.OK) -> Reply:
    """Return a JSON reply, with the line end Go's encoder adds."""
    return Reply(status, json.dumps(value, separators=(",", ":")).encode() + b"\n")


def plain(status: HTTPStatus, text: str) -> Reply:
    """Return what Go's ``http.Error`` sends: the text and a line end, as text/plain."""
    return Reply(status, f"{text}\n".encode(), "text/plain; charset=utf-8")


def error(status: HTTPStatus, text: str) -> Reply:
    """Return an early refusal: JSON in the body, text/plain in the header, as DefenseClaw."""
    return plain(status, json.dumps({"error": text}, separators=(",", ":")))


def body_of(call: Call) -> dict[str, object]:
    """Return the JSON object in the body; raises BadRequest if it is none."""
    try:
        value = json.loads(call.body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadRequest("invalid JSON body")
    return value


def texts(body: Mapping[str, object], *names: str) -> tuple[str, ...]:
    """Return string members, empty if absent; raises BadRequest for another type."""
    values = tuple(body.get(name) or "" for name in names)
    if not all(isinstance(value, str) for value in values):
        raise BadRequest("invalid JSON body")
    return cast(tuple[str, ...], values)


def target_of(body: Mapping[str, object]) -> tuple[str, str]:
    """Return (kind, name) of the asset meant; raises BadRequest if either is missing."""
    kind, name = texts(body, "target_type", "target_name")
    if not kind or not name:
        raise BadRequest("target_type and target_name are required")
    return kind, name

"""The one way out: every HTTP call the product makes leaves this process through here."""

from __future__ import annotations

from http_client.address_guard import Guard
from http_client.client import HttpClient
from http_client.errors import (
    AddressRefused,
    BadAnswer,
    HostUnreachable,
    HttpClientError,
    RequestTimedOut,
)
from http_client.json_fields import Fields
from http_client.request_id import bind_request_id, current_request_id
from http_client.response import Answer
from http_client.timeouts_and_retries import Retries, Timeouts

__all__ = [
    "AddressRefused",
    "Answer",
    "BadAnswer",
    "Fields",
    "Guard",
    "HostUnreachable",
    "HttpClient",
    "HttpClientError",
    "RequestTimedOut",
    "Retries",
    "Timeouts",
    "bind_request_id",
    "current_request_id",
]

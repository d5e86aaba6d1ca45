"""The one way out: every HTTP call the product makes leaves this process through here."""

from __future__ import annotations

from outbound.answer import Answer
from outbound.client import Outbound
from outbound.errors import (
    BadAnswer,
    OutboundError,
    OutboundRefused,
    OutboundTimeout,
    OutboundUnreachable,
)
from outbound.guard import Guard
from outbound.patience import Retries, Timeouts
from outbound.request_id import bind_request_id, current_request_id
from outbound.shape import Fields

__all__ = [
    "Answer",
    "BadAnswer",
    "Fields",
    "Guard",
    "Outbound",
    "OutboundError",
    "OutboundRefused",
    "OutboundTimeout",
    "OutboundUnreachable",
    "Retries",
    "Timeouts",
    "bind_request_id",
    "current_request_id",
]

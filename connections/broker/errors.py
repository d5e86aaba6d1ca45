"""The one way the broker says no: an HTTP status, a stable code and words that name the fix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connections.models import ConnectedAccount


class TokenRefusal(Exception):
    """No token. `event_id` is set once the refusal is on the trail."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        account: ConnectedAccount | None = None,
        retry_after_s: float | None = None,
        excess: tuple[str, ...] = (),
        maybe_issued: bool = False,
        approval: str = "",
        opens_at: str = "",
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.account = account
        self.retry_after_s = retry_after_s
        self.excess = excess  # scopes asked beyond the manifest
        self.maybe_issued = maybe_issued  # Auth0's answer was lost: a token may exist unused
        self.approval = approval  # of the request that may change the answer
        self.severity = ""  # of the escalation; empty = as usual
        self.facts: Mapping[str, Any] = {}  # more for the event
        self.opens_at = opens_at  # RFC 3339: outside the hours of the connection until then
        self.choices: tuple[dict[str, str], ...] = ()  # accounts to name one of; for the owner only
        self.event_id = ""

    @classmethod
    def unprompted(cls, what: str, account: ConnectedAccount) -> TokenRefusal:
        """Somebody would have to be asked about `what`, and the caller wants nobody asked."""
        detail = f"{what} No one was asked, because of prompt=none."
        return cls(403, "interaction_required", detail, account=account)

    def again(self) -> TokenRefusal:
        """The same refusal for somebody else, who gets an event of their own."""
        return TokenRefusal(
            self.status,
            self.code,
            self.detail,
            account=self.account,
            retry_after_s=self.retry_after_s,
            excess=self.excess,
            maybe_issued=self.maybe_issued,
        )

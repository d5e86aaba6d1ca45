"""The one way the broker says no: an HTTP status, a stable code and words that name the fix."""

from __future__ import annotations

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
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.account = account
        self.retry_after_s = retry_after_s
        self.excess = excess  # scopes asked beyond the manifest
        self.maybe_issued = maybe_issued  # Auth0's answer was lost: a token may exist unused
        self.event_id = ""

"""One POST to a receiver."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Final

FAILED: Final = 0
"""Status of a request that got no answer (refused, timed out, broken)."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow none."""


def post(
    url: str, body: bytes, headers: Mapping[str, str], timeout_s: float, agent: str
) -> tuple[int, bytes]:
    """Return status and body of the answer; status `FAILED` without one."""
    request = urllib.request.Request(  # noqa: S310 - the address of the configuration
        url, data=body, headers={**headers, "User-Agent": agent}, method="POST"
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(request, timeout=timeout_s) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, b""
    except (OSError, ValueError):
        return FAILED, b""

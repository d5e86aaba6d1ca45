"""Names for shell completion, asked of the portal: bounded in time, and silent when it fails."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

import typer

from ata.clock import now
from ata.session.session_file import SessionStore

WITHIN_S: Final = 1.5
"""So long somebody who pressed Tab waits."""
_MOST: Final = 100
_SAFE: Final = re.compile(r"[A-Za-z0-9._@/][A-Za-z0-9._@/-]*")
"""Names that a shell takes as they are: its script puts what is offered on the line unquoted."""


def components(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names that begin with what was typed, of the kind that the group of commands is about."""
    kind = ctx.parent.info_name if ctx.parent else ""
    path = f"/v1/components/{kind}?limit={_MOST}&q={quote(incomplete, safe='')}"
    return _beginning(path, "name", incomplete)


def open_findings(incomplete: str) -> list[str]:
    """Ids of open findings, the gravest first."""
    return _beginning(f"/v1/findings?status=open&limit={_MOST}", "id", incomplete)


def pending_approvals(incomplete: str) -> list[str]:
    """Ids of approvals that wait, the newest first."""
    return _beginning(f"/v1/approvals?status=pending&limit={_MOST}", "id", incomplete)


def _beginning(path: str, member: str, incomplete: str) -> list[str]:
    """That member of the items at `path`; none where nobody is signed in or the answer is late."""
    import threading

    found: list[str] = []
    asking = threading.Thread(target=_ask, args=(path, member, found), daemon=True)
    asking.start()
    asking.join(WITHIN_S)
    return [name for name in dict.fromkeys(found) if name.startswith(incomplete)]


def _ask(path: str, member: str, found: list[str]) -> None:
    """Add the names to `found`. A session that would have to be refreshed first is not used."""
    try:
        from ata.portal.api_client import portal_url
        from ata.portal.http_connection import check_url, open_client

        store = SessionStore.default()
        session = store.load()
        if session is None or not session.is_fresh(now()) or session.portal != portal_url(store):
            return
        with open_client(check_url(session.portal, "The portal")) as client:
            header = {"Authorization": f"Bearer {session.access_token}"}
            items = client.get(session.portal + path, headers=header, timeout=WITHIN_S).json()
        names = [str(one[member]) for one in items["items"]]
        found += [name for name in names if _SAFE.fullmatch(name)]
    except Exception:
        return  # nobody who presses Tab wants to read why

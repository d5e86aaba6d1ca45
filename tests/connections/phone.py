"""A person's phone at the tenant, answering the ask that shows a certain code."""

from __future__ import annotations

import re
from dataclasses import dataclass

from approvals.models import Approval
from tests.support.sign_in import SUBS
from tests.support.tenant import Browser


@dataclass(frozen=True, slots=True)
class Phone:
    """The phone of one person, in a browser of its own."""

    browser: Browser
    who: str

    def pick_up(self) -> None:
        """Unlock it."""
        self.browser.submit(self.browser.get(self._path))

    def approve(self, approval: Approval) -> None:
        """Tap Approve on the card with this approval's code."""
        self._answer(approval, r'<form method="post" action="([^"]+)"')

    def deny(self, approval: Approval) -> None:
        """Tap Deny on the card with this approval's code."""
        self._answer(approval, r'formaction="([^"]+)"')

    @property
    def _path(self) -> str:
        return f"/phone/{SUBS[self.who]}/"

    def _answer(self, approval: Approval, button: str) -> None:
        own = approval.asks.filter(person__sub=SUBS[self.who]).order_by("-number").first()
        ask = own or approval.current
        assert ask is not None
        page = self.browser.get(self._path)
        card = next(c for c in page.text.split("<article")[1:] if ask.code in c)
        action, token = (
            re.search(button, card),
            re.search(r'middlewaretoken" value="([^"]+)"', card),
        )
        assert action and token, card
        answer = self.browser.http.post(
            action[1],
            data={"csrfmiddlewaretoken": token[1], "reason": ""},
            headers={"Referer": str(page.url), "Origin": self.browser.url},
        )
        assert answer.status_code < 400, answer.text

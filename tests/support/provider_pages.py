"""Pages of the provider for people with a browser: a sign-in page, and a phone that answers."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from tests.support.provider_accounts import Accounts
from tests.support.provider_sign_in import Asked
from tests.support.vault_provider import Reply


class Pages(Accounts):
    """Without scripts; whoever comes without a cookie says first who they are."""

    def authorize(self, asked: Asked) -> Reply:
        """Asks who is there where it is nobody."""
        reply = super().authorize(asked)
        return reply if reply.status != 401 else self._who(f"/authorize?{urlencode(asked.query)}")

    def become(self, asked: Asked) -> Reply:
        """Also `next=`: the path where they wanted to go."""
        reply = super().become(asked)
        if onwards := asked.query.get("next"):
            reply.status, reply.headers["Location"] = 303, onwards
        return reply

    def phone(self, asked: Asked) -> Reply:
        """`/phone`: what this person is asked, with the code and what would be done."""
        sub = self.whose(asked)[1]
        if not sub:
            return self._who("/phone")
        waiting = {push.code: push for push in self.pushes if push.sub == sub and not push.said}
        if asked.method == "POST":
            code = asked.form["code"]
            if code not in waiting:
                return page("It is over", "")
            self.answered(code, asked.form["said"])
            return Reply(b"", 303, {"Location": "/phone"})
        return page("Phone", "".join(
            f"<article><b>{escape(code)}</b> {escape(push.details[0]['instruction'])}"
            f"{form('post', '/phone', 'Approve', code=code, said='approve')}"
            f"{form('post', '/phone', 'Deny', code=code, said='deny')}</article>"
            for code, push in waiting.items()
        ))  # fmt: skip

    def _who(self, onwards: str) -> Reply:
        people = self.people.items()
        buttons = (form("get", "/become", p["name"], sub=sub, next=onwards) for sub, p in people)
        return page("Sign in", "".join(buttons))


def form(method: str, path: str, button: str, **fields: str) -> str:
    """One button with what it sends."""
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    return (
        f'<form method="{method}" action="{path}">{hidden}<button>{escape(button)}</button></form>'
    )


def page(title: str, body: str) -> Reply:
    """HTML with one heading."""
    text = f"<!doctype html><title>{title}</title><h1>{title}</h1>{body}"
    return Reply(text.encode(), headers={"Content-Type": "text/html; charset=utf-8"})

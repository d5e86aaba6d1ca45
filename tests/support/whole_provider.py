"""The provider of tokens with people, phones, My Account and Management, in a process of its own.

    python -m tests.support.whole_provider        (prints its port; ends with its input)

It shares no code with the local tenant, nor with the portal. `POST /control` takes what the parts
say, and

    {"breaks": [{"at": "POST /bc-authorize", "having": "…", "status", "headers", "body" | "raw",
                 "wait_s", "cut"}]}

one each for the next calls that fit: a `status` is said instead of doing the work, with `done`
after it; `cut` does the work and loses the answer; `wait_s` does it and answers late. It tells the
`calls` so far, with the time of each, of polls whose they are, and of pushes their code.

    {"mend": true}                          forget the faults that did not happen
    {"retired": true}                       approvals are signed by the key before the one in use
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any
from urllib.parse import unquote

from joserfc.jwk import RSAKey

from tests.support.provider_pages import Pages
from tests.support.provider_phones import CIBA
from tests.support.provider_sign_in import Asked
from tests.support.vault_provider import Headers, Reply, serve


class Whole(Pages):
    """All of it behind one door."""

    def __init__(self) -> None:
        super().__init__()
        self.breaks: list[dict[str, Any]] = []
        self.calls: list[tuple[float, str]] = []
        self.signs_with_retired = False

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Reply:
        """Answer one request, or do what was told instead."""
        asked = Asked.of(method, target, headers, body)
        if asked.path == "/control":
            return super().answer(method, target, headers, body)
        named = {"/oauth/token": "auth_req_id", "/bc-authorize": "binding_message"}.get(asked.path)
        whose = asked.form.get(named, "") if named else ""
        self.calls.append((time.time(), f"{method} {asked.path} {whose}".strip()))
        fault = self._fault(asked)
        if "status" in fault and not fault.get("done"):
            return self._instead(fault)
        reply = self.honest(asked) or super().answer(method, target, headers, body)
        if "status" in fault:
            return self._instead(fault)
        reply.wait_s = fault.get("wait_s", reply.wait_s)
        reply.cut = reply.cut or bool(fault.get("cut"))
        return reply

    @staticmethod
    def _instead(fault: dict[str, Any]) -> Reply:
        value = fault["raw"].encode() if "raw" in fault else fault.get("body", {})
        return Reply(value, fault["status"], fault.get("headers", {}))

    def _fault(self, asked: Asked) -> dict[str, Any]:
        said = f"{asked.method} {asked.path}"
        for fault in self.breaks:
            if re.fullmatch(fault["at"], said) and fault.get("having", "") in unquote(
                asked.body.decode()
            ):
                self.breaks.remove(fault)
                return fault
        return {}

    def honest(self, asked: Asked) -> Reply | None:
        """What this adds to the provider of tokens."""
        match asked.path:
            case "/become":
                return self.become(asked)
            case "/authorize":
                return self.authorize(asked)
            case "/connect/start":
                return self.consent(asked)
            case "/phone":
                return self.phone(asked)
            case "/bc-authorize":
                return self.push(asked.form, asked.headers)
        if asked.path.startswith("/me/v1/"):
            return self.mine(asked)
        if asked.path.startswith("/api/v2/"):
            return self.managed(asked)
        return None

    def new_key(self, kid: str) -> RSAKey:
        """Keeps the one before, to sign wrongly with."""
        self.retired = getattr(self, "key", None)
        return super().new_key(kid)

    def poll(self, form: dict[str, str], headers: Headers) -> Reply:
        """Signed by the key in use, or by the retired one."""
        if not self.signs_with_retired or self.retired is None:
            return super().poll(form, headers)
        used, self.key = self.key, self.retired
        try:
            return super().poll(form, headers)
        finally:
            self.key = used

    def token(self, form: dict[str, str], headers: Headers) -> Reply:
        """The code and CIBA grants beside the others."""
        match form.get("grant_type"):
            case "authorization_code":
                return self.redeem(form, headers)
            case str(grant) if grant == CIBA:
                return self.poll(form, headers)
        return super().token(form, headers)

    def discovery(self) -> Reply:
        """Names the CIBA endpoint too."""
        reply = super().discovery()
        reply.value["backchannel_authentication_endpoint"] = f"{self.issuer}bc-authorize"
        return reply

    def control(self, told: dict[str, Any]) -> Reply:
        """What a test wants."""
        self.breaks = ([] if told.get("mend") else self.breaks) + told.get("breaks", [])
        self.signs_with_retired = told.get("retired", self.signs_with_retired)
        reply = super().control(told)
        if "token" not in reply.value:
            reply.value |= {"calls": self.calls, "breaks": self.breaks}
        return reply


if __name__ == "__main__":
    asyncio.run(serve(Whole()))

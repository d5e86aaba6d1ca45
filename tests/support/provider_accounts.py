"""My Account of the provider (a person connects and deletes) and its Management API.

Deleting what is gone is 404; sessions end with 202; lists come two a page.
"""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from tests.support.provider_phones import Phones
from tests.support.provider_sign_in import Asked, redirect, s256
from tests.support.vault_provider import Reply

CONNECTIONS = ("github", "slack", "google-oauth2", "jira", "dropbox")
_PAGE = 2
_MINE = "/me/v1/connected-accounts/"


class Accounts(Phones):
    """`next_login` is who a person says to be at the provider that is connected next."""

    def __init__(self) -> None:
        super().__init__()
        self.tickets: dict[str, dict[str, Any]] = {}
        self.next_login: dict[str, str] = {}

    def mine(self, asked: Asked) -> Reply:
        """`/me/v1/connected-accounts/…` with the person's own token."""
        path = asked.path.removeprefix(_MINE)
        verb = {"connect": "create", "complete": "create"}.get(path)
        verb = verb or {"GET": "read", "DELETE": "delete"}.get(asked.method, "")
        sub = self._owner(asked, f"{verb}:me:connected_accounts")
        if sub is None:
            return problem(401, "Unauthorized")
        held = self.accounts.setdefault(sub, [])
        if path == "connect":
            return self._connect(sub, json.loads(asked.body))
        if path == "complete":
            return self._complete(sub, json.loads(asked.body))
        if asked.method == "DELETE":
            left = [a for a in held if a["id"] != path.removeprefix("accounts/")]
            if len(left) == len(held):
                return problem(404, "Not Found")
            self.accounts[sub] = left
            return Reply(b"", 204)
        return paged("accounts", [listed(a) for a in held], asked)

    def _owner(self, asked: Asked, scope: str) -> str | None:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, self.key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return None
        fits = f"{self.issuer}me/" in claims["aud"] and scope in claims["scope"].split()
        return str(claims["sub"]) if fits else None

    def _connect(self, sub: str, wanted: dict[str, Any]) -> Reply:
        if wanted["connection"] not in CONNECTIONS:
            return problem(404, "Not Found")
        ticket, session = secrets.token_hex(16), f"as_{secrets.token_urlsafe(16)}"
        self.tickets[ticket] = wanted | {"sub": sub, "session": session}
        return Reply(
            {
                "auth_session": session,
                "connect_uri": f"{self.issuer}connect/start",
                "connect_params": {"ticket": ticket},
                "expires_in": 120,
            },
            201,
        )

    def consent(self, asked: Asked) -> Reply:
        """The provider's page, clicked through: back with a connect code."""
        begun = self.tickets[asked.query["ticket"]]
        if self.whose(asked)[1] != begun["sub"]:
            return Reply(b"another browser", 403)
        begun["code"] = secrets.token_urlsafe(16)
        return redirect(
            begun["redirect_uri"], {"connect_code": begun["code"], "state": begun["state"]}
        )

    def _complete(self, sub: str, given: dict[str, Any]) -> Reply:
        found = [t for t, b in self.tickets.items() if b["session"] == given["auth_session"]]
        begun = self.tickets.pop(found[0]) if found else {}
        if (
            (begun.get("sub"), begun.get("code")) != (sub, given["connect_code"])
            or begun["redirect_uri"] != given["redirect_uri"]
            or begun["code_challenge"] != s256(given["code_verifier"])
        ):
            return problem(400, "Bad Request")
        user, connection = self.next_login.get(sub, "octo"), begun["connection"]
        held = self.accounts.setdefault(sub, [])
        if any((a["user"], a["connection"]) == (user, connection) for a in held):
            return problem(409, "Conflict")
        account = {
            "id": f"cac_{secrets.token_hex(10)}",
            "connection": connection,
            "user": user,
            "scopes": begun.get("scopes") or ["read:user"],
        }
        held.append(account)
        self.logged(
            "connected_accounts_connection_succeeded",
            sub,
            {"connected_account": {"id": account["id"], "idp_user_id": user}},
        )
        return Reply(listed(account), 201)

    def managed(self, asked: Asked) -> Reply:
        """`/api/v2/…` with the machine's token."""
        parts = asked.path.removeprefix("/api/v2/").split("/")
        match parts:
            case ["connections"]:
                return Reply(
                    [
                        {"id": f"con_{name}", "name": name, "strategy": name,
                         "connected_accounts": {"active": True}}
                        for name in CONNECTIONS
                    ]
                )  # fmt: skip
            case ["roles"]:
                return Reply([])  # an Action makes them a claim
            case ["users"]:
                return self._users(asked)
            case ["logs"]:
                return self._log(asked)
            case ["users", sub, what]:
                return self._of(sub, what, asked)
        return Reply([])

    def _of(self, sub: str, what: str, asked: Asked) -> Reply:
        if sub not in self.people:
            body = {"statusCode": 404, "error": "Not Found", "errorCode": "inexistent_user"}
            return Reply(body, 404)
        if what == "revoke-access":
            self.sessions = {s: kept for s, kept in self.sessions.items() if kept[0] != sub}
            return Reply(b"", 202)
        if what == "connected-accounts":
            self.listed += 1
            return paged("connected_accounts", map(listed, self.accounts.get(sub, [])), asked)
        if what == "sessions":
            held = [
                {"id": sid, "user_id": sub, "created_at": stamp(since)}
                for sid, (whose, since) in self.sessions.items()
                if whose == sub
            ]
            return paged("sessions", held, asked)
        if what == "refresh-tokens":
            return paged("tokens", [], asked)
        if what == "authentication-methods" and self.people[sub].get("phone"):
            return Reply([{"id": f"push|{sub[-6:]}", "type": "guardian", "confirmed": True}])
        return Reply([])

    def _users(self, asked: Asked) -> Reply:
        users = [
            {"user_id": sub, "name": person["name"], "created_at": "2026-01-01T00:00:00.000Z"}
            for sub, person in self.people.items()
        ]
        return Reply({"start": 0, "limit": 100, "length": len(users), "total": len(users),
                      "users": users})  # fmt: skip

    def _log(self, asked: Asked) -> Reply:
        if "from" in asked.query:
            return Reply([e for e in self.entries if e["log_id"] > asked.query["from"]])
        wanted = dict(re.findall(r'(type|user_id):"([^"]+)"', asked.query.get("q", "")))
        found = [e for e in self.entries if all(e[name] == v for name, v in wanted.items())]
        return Reply(found[::-1])

    def control(self, told: dict[str, Any]) -> Reply:
        """Also `{"next_login": {sub: login}}`; tells `accounts` and `sessions`."""
        self.next_login |= told.get("next_login", {})
        reply = super().control(told)
        if "token" not in reply.value:
            reply.value["accounts"] = self.accounts
            reply.value["sessions"] = [sub for sub, _ in self.sessions.values()]
        return reply


def listed(account: dict[str, Any]) -> dict[str, Any]:
    """As both APIs list it: neither tells whose it is at the provider."""
    return {
        "id": account["id"],
        "connection": account["connection"],
        "access_type": "offline",
        "scopes": account["scopes"],
        "created_at": "2026-01-02T03:04:05.000Z",
    }


def paged(member: str, items: Any, asked: Asked) -> Reply:
    """A page of a list by `from` and `take`, shorter than what was asked for."""
    rows, first = list(items), int(asked.query.get("from", "0"))
    following = {"next": str(first + _PAGE)} if len(rows) > first + _PAGE else {}
    return Reply({member: rows[first : first + _PAGE], **following})


def problem(status: int, title: str) -> Reply:
    """RFC 9457, as My Account says it."""
    kind = f"https://auth0.com/api-errors#A0E-{status}-0001"
    body = {"type": kind, "status": status, "title": title, "detail": title}
    return Reply(body, status, {"Content-Type": "application/problem+json"})


def stamp(epoch: float) -> str:
    """RFC 3339 with milliseconds."""
    text = datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")

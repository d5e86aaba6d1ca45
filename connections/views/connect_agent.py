"""Connect an agent: what to install and copy, what it may then do, and whether it was seen."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.permissions import actor
from ata.mcp_clients.clients import FORMS, OF_A_FOLDER, Client, entry
from ata.mcp_clients.config_file import entry_text
from audit.ledger.format import safe_display
from connections import account_names
from connections.lifecycle import freezes
from connections.models import Manifest
from connections.status import agent_setup
from connections.status.agent_setup import Need, Setup

PROGRAM: Final = "/PATH/TO/ata"
COMMAND: Final = ("npx", "-y", "PACKAGE")
"""What the reader replaces: where `ata` is on their machine, and how their server starts."""


@never_cache
@require_GET
def connect_agent(request: HttpRequest) -> HttpResponse:
    """The lines for one server and client, with the state of what they need.

    Raises:
        Http404: no such client, or no MCP server of that name is declared.
    """
    me = actor(request)
    servers = agent_setup.servers()
    try:
        client = Client(request.GET.get("client") or Client.CLAUDE_DESKTOP)
    except ValueError:
        raise Http404(request.GET["client"]) from None
    server = _chosen(request, servers)
    context: dict[str, Any] = {
        "crumbs": [
            {"text": "My connected accounts", "url": "/connections/"},
            {"text": "Connect an agent"},
        ],
        "clients": [(one.value, form.title) for one, form in FORMS.items()],
        "client": client.value,
        "form": FORMS[client],
        "servers": [one.name for one in servers],
        "server": server,
        "login": f"ATA_PORTAL={settings.PORTAL_URL} ata login",
    }
    if server is not None:
        setup = agent_setup.read(me, server, client.value)
        checks = _checks(setup)
        stopped = sum(one.get("state") not in {"done", "not"} for one in checks)
        context |= {"setup": setup, "checks": checks, "stopped": stopped}
        context["connect"] = next(filter(None, map(_connect, setup.needs)), None)
        context |= _lines(client, server)
    return render(request, "connections/connect_agent.html", context)


def _chosen(request: HttpRequest, servers: list[Manifest]) -> Manifest | None:
    """The named server, else the first that declares the named connection, else the first."""
    if name := request.GET.get("server", ""):
        found = next((one for one in servers if one.name == name), None)
        if found is None:
            raise Http404(name)
        return found
    wanted = request.GET.get("connection", "")
    declares = (s for s in servers if wanted in {need.connection for need in s.needs.all()})
    return next(declares, servers[0] if servers else None)


def _lines(client: Client, server: Manifest) -> dict[str, Any]:
    """The command that writes the entry, and the entry as it writes it."""
    if server.url:
        return {"proxy": shlex.join(["ata", "mcp", "proxy", server.name, "--agent", client.value])}
    write = ["ata", "mcp", "config", server.name, "--client", client.value, "--write", "--"]
    form = FORMS[client]
    text = entry(client, server.name, COMMAND, ata=[PROGRAM])
    return {
        "write": shlex.join([*write, *COMMAND]),
        "entry": entry_text(Path(form.places[0]), form.key, server.name, text),
        "of_a_folder": client in OF_A_FOLDER,
    }


def _checks(setup: Setup) -> list[dict[str, object]]:
    """What the broker asks for, in the order in which people can do something about it, and
    scopes that no account has (`not`: tokens are issued without them)."""
    lacking = [_lacking(setup, need) for need in setup.needs if need.lacking]
    return [_decision(setup), *map(_account, setup.needs), *lacking, *_frozen(setup)]


def _decision(setup: Setup) -> dict[str, object]:
    name = setup.manifest.name
    if setup.decision == "allow":
        return {"state": "done", "text": f"{name} is allowed."}
    if setup.allowed:
        return {"state": "done", "text": f"{name} needs no allow: no rule here asks for one."}
    if setup.decision in {"block", "hold"}:
        said = {"block": "blocked", "hold": "on hold"}[setup.decision]
        return {"state": "failed", "text": f"{name} is {said}: it gets no token."}
    return {
        "text": f"{name} is not allowed yet: it gets no token.",
        "detail": f"An operator allows it: ata mcp allow {shlex.quote(name)}",
    }


def _connect(need: Need) -> dict[str, str] | None:
    """The button for an account that is missing."""
    if need.usable or need.accounts:
        return None
    url = reverse("connections:connect", args=[need.connection])
    return {"url": url, "action": f"Connect {need.title}…"}


def _account(need: Need) -> dict[str, object]:
    if need.usable:
        return {"state": "done", "text": f"You have connected {need.title}."}
    if not need.accounts:
        return {"text": f"You have not connected {need.title} yet.", **(_connect(need) or {})}
    account, standing = need.accounts[0]
    return {
        "state": "failed",
        "text": f"Your {need.title} account gives no token now: {standing.code.label}.",
        "url": reverse("connections:detail", args=[account.id]),
        "action": "View",
    }


def _lacking(setup: Setup, need: Need) -> dict[str, object]:
    count, name = len(need.lacking), setup.manifest.name
    scopes = "1 scope" if count == 1 else f"{count} scopes"
    account = next(account for account, standing in need.accounts if standing.usable)
    return {
        "state": "not",
        "text": f"Your {need.title} account does not grant {scopes} that {name} declares.",
        "detail": "; ".join(scope.words for scope in need.lacking),
        "url": reverse("connections:detail", args=[account.id]),
        "action": "View",
    }


def _frozen(setup: Setup) -> list[dict[str, object]]:
    if setup.frozen is None:
        return []
    placed = setup.frozen
    by = safe_display.person_in_sentence(placed.by_name or placed.by)
    why = f": {safe_display.quoted(placed.reason, 200)}" if placed.reason else ""
    what = freezes.title(placed.kind, placed.name)
    return [
        {
            "state": "failed",
            "text": f"{by} froze {what}: this agent gets no token.",
            "detail": f"Since {account_names.minute(placed.since)}{why}. Ask an admin to lift it; "
            "that needs approval.",
        }
    ]

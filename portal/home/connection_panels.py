"""Home about connections: what agents may do as me, and for admins the whole inventory."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Q

from approvals import clock
from audit.recording.actors import Actor
from connections import account_names
from connections.models import NOT_HELD, ConnectedAccount, Need, Notice, State
from connections.scopes import catalogue
from connections.status import member_overview, state_filters
from connections.status.account_status import Standing
from connections.status.member_overview import Past
from enforcement.kinds import called
from portal.home.auditor import latest, pending
from portal.home.break_glass_and_quarantine import break_glass, set_aside
from portal.home.panel_types import MOST, Home, Line, Panel, Tile
from ui.times import relative

_INVENTORY = "/connections/inventory/"
_VERBS = {
    "suspended": "suspended",
    "revoked": "revoked",
    "resumed": "resumed",
    "scope_asked": "asked for more than it declares on",
    "scope_repeated": "keeps asking for more than it declares on",
    "scope_withdrawn": "took back what was allowed on",
    "manifest_widened": "let a component use more of",
}


def admin(me: Actor) -> Home:
    """The inventory in figures, and revocations that are not finished."""
    connected = Q(state=State.CONNECTED)
    totals = ConnectedAccount.objects.aggregate(
        connected=Count("pk", filter=connected),
        people=Count("sub", distinct=True, filter=connected),
        ending=Count("pk", filter=Q(state=State.REVOCATION_PENDING)),
    )
    unfinished = ConnectedAccount.objects.filter(state=State.REVOCATION_PENDING)
    lines = [
        Line(
            f"{account_names.in_words(a)} of {account_names.owner_name(a)}",
            f"/connections/{a.pk}/",
            a.state_since,
            badge="revoking",
            detail=a.deletion_detail or "Refused by the broker; the deletion at Auth0 is to come.",
        )
        for a in unfinished.order_by("state_since")[:MOST]
    ]
    return Home(
        tiles=[
            Tile(
                f"{totals['connected']:,}",
                f"connections of {totals['people']:,} people",
                _INVENTORY,
            ),
            Tile(
                f"{totals['ending']:,}",
                "revocations to finish",
                _INVENTORY,
                "warn" if totals["ending"] else "",
            ),
            pending(me),
        ],
        panels=[
            *break_glass(),
            *set_aside(),
            Panel(
                "Revocations to finish",
                lines,
                "Every revocation is finished.",
                _INVENTORY,
                "Accounts",
            ),
            latest(),
        ],
    )


def mine(me: Actor) -> Home:
    """What everybody has: own connections, requests to connect, what others did to them."""
    done, asked = _notices(me), _needs(me)
    accounts = ConnectedAccount.objects.filter(iss=me.iss, sub=me.sub).exclude(state__in=NOT_HELD)
    standings = state_filters.of_all(accounts.order_by("connection", "pk")[:MOST])
    panel = Panel(
        "Your connections",
        [_account(a, stands) for a, stands in standings.items()],
        "You have connected nothing, so no agent can act as you.",
        "/connections/",
        "My connections",
    )
    panels = [
        Panel(title, lines, "", "/connections/", "My connections")
        for title, lines in (("Done to your connections", done), ("Asked of you", asked))
        if lines
    ]
    return Home(panels=[*panels, panel], said="" if me.roles else _agents(me))


def _account(account: ConnectedAccount, standing: Standing) -> Line:
    began = f"{account.watched_since.day} {account.watched_since:%b}"
    detail = f"not seen used through us since {began}, when we began watching"
    if account.last_used_at:
        detail = f"last used through us by {member_overview.last_user(account)}"
    if day := account.elsewhere_on:
        detail += f"; past us on {day.day} {day:%b}, says Auth0’s tenant log"
    return Line(
        account_names.in_words(account),
        f"/connections/{account.pk}/",
        account.last_used_at,
        badge=str(standing.code),
        detail=detail,
    )


def _needs(me: Actor) -> list[Line]:
    found = Need.objects.filter(iss=me.iss, sub=me.sub, closed_at=None).order_by("asked_at")
    return [
        Line(
            f"{called(n.kind, n.name)} is allowed and needs your {catalogue.title(n.connection)}",
            "/connections/",
            n.asked_at,
        )
        for n in found[:MOST]
    ]


def _notices(me: Actor) -> list[Line]:
    found = Notice.objects.filter(iss=me.iss, sub=me.sub, seen=None).select_related("account")
    return [
        Line(
            f"{n.by or 'Somebody'} {_VERBS.get(n.code, n.code)} your "
            f"{account_names.in_words(n.account)}",
            "/connections/",
            n.created,
            detail=n.reason,
        )
        for n in found.order_by("-created")[:MOST]
    ]


def _agents(me: Actor) -> str:
    """`2 agents can act as you; last: github-mcp, 4 min ago.`"""
    found = member_overview.summary(me)
    past = f" {_past(found.past_us)}" if found.past_us else ""
    if not found.agents or found.last_used_at is None:
        return f"No agent was seen acting as you{' through us' if past else ''}.{past}"
    many = "1 agent" if found.agents == 1 else f"{found.agents} agents"
    last = f"{found.last_user}, {_clock(found.last_used_at)}"
    return f"{many} can act as you; last: {last}.{past}"


def _past(past: Past) -> str:
    """`Past us: concierge, 24 Nov, says Auth0’s tenant log.`"""
    return f"Past us: {past.name}, {past.day.day} {past.day:%b}, says Auth0’s tenant log."


def _clock(moment: datetime) -> str:
    said = relative(moment, clock.now())
    return said if said.endswith(("ago", "now")) else f"{said} UTC"

"""Home about connections: what agents may do as me, and for admins the whole inventory."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Q

from approvals import clock, policy
from approvals.models import PolicyVersion
from audit.recording.actors import Actor
from connections import account_names
from connections.models import NOT_HELD, ConnectedAccount, Need, Notice, State
from connections.scopes import catalogue
from connections.status import member_overview, state_filters
from connections.status.account_status import Standing
from connections.status.member_overview import Past
from enforcement.kinds import called
from portal.home.auditor import latest, log_status, reviews
from portal.home.break_glass_and_quarantine import break_glass, set_aside
from portal.home.panel_types import MOST, Fact, Home, Line, Panel
from ui.times import relative

_INVENTORY = "/connections/inventory/"
_PENDING = "/connections/remediations/"
_POLICY = "/approvals/policy/"
_MINE = "/connections/"
_VERBS = {
    "suspended": "suspended",
    "revoked": "revoked",
    "resumed": "resumed",
    "scope_asked": "asked for more than it declares on",
    "scope_repeated": "keeps asking for more than it declares on",
    "scope_withdrawn": "withdrew extra access to",
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
            detail=a.deletion_detail or "No new tokens are issued. Deletion at Auth0 is pending.",
        )
        for a in unfinished.order_by("state_since")[:MOST]
    ]
    accounts = f"{totals['connected']:,} account{'' if totals['connected'] == 1 else 's'}"
    people = "1 person" if totals["people"] == 1 else f"{totals['people']:,} people"
    title = "Agents can use no account"
    if totals["connected"]:
        title = f"Agents can use {accounts} of {people}"
    ending = f"{totals['ending']:,} revocation{'' if totals['ending'] == 1 else 's'} in progress"
    return Home(
        title=title,
        facts=[
            Fact(f"View {accounts}", _INVENTORY),
            *([Fact(ending, _PENDING, "warn")] if totals["ending"] else []),
        ],
        panels=[
            *break_glass(),
            *set_aside(),
            *([Panel("Revocations in progress", lines, "", _PENDING, "View all")] if lines else []),
            latest(),
            reviews(),
            log_status(),
            policy_in_force(),
        ],
    )


def policy_in_force() -> Panel:
    """The rules that decide now, and since when."""
    newest = PolicyVersion.objects.order_by("-created").first()
    rules = len(policy.current().rules)
    text = f"{rules} rule{'' if rules == 1 else 's'} in force"
    author = (newest.author.get("name") or "") if newest else ""
    detail = f"changed by {author}" if author else "as the portal came with"
    lines = [Line(text, _POLICY, newest.created if newest else None, detail=detail)]
    return Panel("Policy", lines, "", _POLICY, "View policy", narrow=True)


def mine(me: Actor) -> Home:
    """What everybody has: own connections, requests to connect, what others did to them."""
    done, asked = _notices(me), _needs(me)
    panels = [
        Panel(title, lines, "", _MINE, "My accounts")
        for title, lines in (("Changes to your accounts", done), ("Requests for you", asked))
        if lines
    ]
    if me.roles:
        return Home(panels=panels)
    accounts = ConnectedAccount.objects.filter(iss=me.iss, sub=me.sub).exclude(state__in=NOT_HELD)
    standings = state_filters.of_all(accounts.order_by("connection", "pk")[:MOST])
    panel = Panel(
        "Your accounts",
        [_account(a, stands) for a, stands in standings.items()],
        "You haven’t connected any account, so no agent can act for you.",
        _MINE,
        "My accounts",
    )
    title, facts = _agents(me)
    return Home(title=title, facts=facts, panels=[*panels, panel])


def _account(account: ConnectedAccount, standing: Standing) -> Line:
    began = f"{account.watched_since.day} {account.watched_since:%b}"
    detail = f"no use seen since tracking began on {began}"
    if account.last_used_at:
        detail = f"last used by {member_overview.last_user(account)}"
    if day := account.elsewhere_on:
        detail += f" · directly at Auth0 on {day.day} {day:%b} (tenant log)"
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
            f"{called(n.kind, n.name)} was allowed and needs your "
            f"{catalogue.title(n.connection)} account",
            _MINE,
            n.asked_at,
        )
        for n in found[:MOST]
    ]


def _notices(me: Actor) -> list[Line]:
    found = Notice.objects.filter(iss=me.iss, sub=me.sub, seen=None).select_related("account")
    return [
        Line(
            f"{n.by or 'Someone'} {_VERBS.get(n.code, n.code)} your "
            f"{account_names.in_words(n.account)}",
            _MINE,
            n.created,
            detail=n.reason,
        )
        for n in found.order_by("-created")[:MOST]
    ]


def _agents(me: Actor) -> tuple[str, list[Fact]]:
    """`2 agents can act for you`, and who did last."""
    found = member_overview.summary(me)
    facts = [Fact(_past(found.past_us), _MINE)] if found.past_us else []
    if not found.agents or found.last_used_at is None:
        return "No agent was seen acting for you", facts
    many = "1 agent" if found.agents == 1 else f"{found.agents} agents"
    last = Fact(f"Last used by {found.last_user}, {_clock(found.last_used_at)}", _MINE)
    return f"{many} can act for you", [last, *facts]


def _past(past: Past) -> str:
    """`Directly at Auth0: concierge, 24 Nov (tenant log).`"""
    return f"Directly at Auth0: {past.name}, {past.day.day} {past.day:%b} (tenant log)."


def _clock(moment: datetime) -> str:
    said = relative(moment, clock.now())
    return said if said.endswith(("ago", "now")) else f"{said} UTC"

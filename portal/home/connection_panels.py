"""Home about connections: what agents may do as me, and for admins the whole inventory."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse

from approvals import clock, policy
from approvals.models import PolicyVersion
from audit.ledger.format import safe_display
from audit.recording.actors import Actor
from connections import account_names
from connections.access_reviews import reviewer_permissions
from connections.application_grants import consent_and_token_sync
from connections.component_manifests import refused_components
from connections.inventory import facet_counts
from connections.lifecycle import freezes
from connections.models import (
    NOT_HELD,
    ConnectedAccount,
    Freeze,
    FrozenKind,
    Need,
    Notice,
    State,
)
from connections.scopes import catalogue
from connections.status import member_overview, state_filters
from connections.status.account_status import Standing
from connections.status.member_overview import Past
from connections.sync import connected_accounts
from connections.views.application_grants import newer_sign_in
from enforcement.component_kinds import called
from enforcement.effects.sentences import joined
from portal.home.auditor import latest, log_status, reviews
from portal.home.break_glass_and_quarantine import break_glass, set_aside
from portal.home.panel_types import MOST, Button, Fact, Home, Line, Panel
from ui import person_links
from ui.times import relative

_USABLE = "/connections/inventory/?state=connected&state=expiring"
_PENDING = "/connections/remediations/"
_POLICY = "/approvals/policy/"
_MINE = "/connections/"
_FROZEN = "/connections/freeze/"
_APPLICATIONS = "/connections/access/"
_NAMED = 2
"""People whom the title names; of more it says how many."""
_VERBS = {
    "suspended": "suspended",
    "revoked": "revoked",
    "resumed": "resumed",
    "scope_asked": "asked for more than it declares on",
    "scope_repeated": "keeps asking for more than it declares on",
    "scope_withdrawn": "withdrew extra access to",
    "manifest_widened": "let a component use more of",
    "agent_frozen": "froze the agent {agent}, which used",
    "agent_unfrozen": "lifted the freeze of the agent {agent}, which used",
}
_OF_THE_PERSON = {
    "person_frozen": "froze access to your accounts",
    "person_unfrozen": "lifted the freeze of your accounts",
}


def admin(me: Actor) -> Home:
    """The inventory in figures, and revocations that are not finished."""
    ground, now = state_filters.now(), clock.now()
    usable, owned_by = facet_counts.usable_by_agents(ground, now)
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
    title = facet_counts.headline(usable, owned_by)
    facts, lead = [Fact(title, _USABLE), *_frozen_people()], Button("View the accounts", _USABLE)
    if freezes.everything_is():
        lead = Button("View frozen access", _FROZEN)
    number = unfinished.count()
    ending = f"{number:,} revocation{'' if number == 1 else 's'} in progress"
    return Home(
        title=title,
        lead=lead,
        facts=[
            *facts,
            *([Fact(ending, _PENDING, "warn")] if number else []),
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


def _frozen_people() -> list[Fact]:
    """Whose access is frozen; none where nobody's is."""
    placed = Freeze.objects.filter(kind=FrozenKind.PERSON).order_by("name")
    subs = list(placed.values_list("name", flat=True).distinct())
    if not subs:
        return []
    known = {sub: name for (_, sub), name in account_names.people_names(subs[:_NAMED]).items()}
    names = [safe_display.short(known.get(sub, sub)) for sub in subs[:_NAMED]]
    whose = f"the accounts of {joined(names)}" if len(names) > 1 else f"{names[0]}’s accounts"
    if len(subs) > _NAMED:
        whose = f"the accounts of {len(subs):,} people"
    return [Fact(f"Access to {whose} is frozen", _FROZEN)]


def policy_in_force() -> Panel:
    """The rules that decide now, and since when."""
    newest = PolicyVersion.objects.order_by("-created").first()
    rules = len(policy.current().rules)
    text = f"{rules} rule{'' if rules == 1 else 's'} in force"
    detail = "Default policy"
    if newest:
        author = newest.author
        who = author.get("name") or author.get("email") or author.get("sub") or "someone unnamed"
        detail = f"last changed by {who}"
    lines = [Line(text, _POLICY, newest.created if newest else None, detail=detail)]
    return Panel("Policy", lines, "", _POLICY, "View policy", narrow=True)


def mine(me: Actor) -> Home:
    """What everybody has: own connections, requests to connect, what others did to them."""
    done, asked = _notices(me), [*_reviews(me), *_needs(me)]
    panels = [
        Panel(title, lines, "", url, "My connected accounts")
        for title, lines, url in (
            ("Changes to your accounts", done, _MINE if me.roles else ""),
            ("Waiting for you", asked, ""),
        )
        if lines
    ]
    if me.roles:
        return Home(panels=panels)
    accounts = ConnectedAccount.objects.filter(iss=me.iss, sub=me.sub).exclude(state__in=NOT_HELD)
    standings = state_filters.of_all(accounts.order_by("connection", "pk")[:MOST])
    title, facts = _agents(me)
    if url := person_links.page_of_subject(me, me.iss, me.sub):
        facts.append(Fact("View all that acts for you", url))
    panel = Panel(
        "Your accounts",
        [_account(a, stands) for a, stands in standings.items()],
        "No account is connected.",
        _MINE,
        "My connected accounts",
        foot=_applications_known(me, facts),
    )
    return Home(title=title, facts=facts, panels=[*panels, panel])


def _applications_known(me: Actor, facts: list[Fact]) -> str:
    """Which applications can act for this person is only known as of the last reading."""
    at = consent_and_token_sync.last_read(me.iss, me.sub)
    said = "Applications that you approved or signed in to need no connected account."
    if newer := newer_sign_in(me.iss, me.sub):
        return (
            f"{said} A command line signed in as you {_clock(newer)}, after Auth0’s list of them "
            "was read. If it was not you, read it again in Applications and revoke the session."
        )
    if at is None:
        return f"{said} Auth0’s list of them has not been read yet."
    if any(fact.url == _APPLICATIONS for fact in facts):
        return f"{said} Auth0’s list of them was read {_clock(at)}."
    return f"{said} Auth0 listed none {_clock(at)}."


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


def _reviews(me: Actor) -> list[Line]:
    """Access reviews that ask this person; admins have a panel with every open one."""
    if "admin" in me.roles:
        return []
    now = clock.now()
    return [
        Line(
            f"Access review “{_quoted(review.title)}”: {_undecided(left)}{_by(review.due, now)}",
            reverse("connections:review", args=[review.pk]),
            action="Decide…",
            action_url=reverse("connections:review-next", args=[review.pk]),
        )
        for review, left in reviewer_permissions.waiting_for(me, now)[:MOST]
    ]


def _quoted(title: str) -> str:
    """A title that does not close its own quotes."""
    return title.translate(safe_display.STRAIGHT_QUOTES)


def _undecided(left: int) -> str:
    return "1 account needs your decision" if left == 1 else f"{left:,} accounts need your decision"


def _by(due: datetime, now: datetime) -> str:
    day = f"{due.day} {due:%b}"
    return f" by {day}" if now <= due else f", which was due on {day}"


def _needs(me: Actor) -> list[Line]:
    found = Need.objects.filter(iss=me.iss, sub=me.sub, closed_at=None).order_by("asked_at")
    needs = list(found[:MOST])
    if not needs:
        return []
    stopped = freezes.stopped_services(me.sub, {need.connection for need in needs})
    refused = refused_components.among({f"{need.kind}:{need.name}" for need in needs})
    offered = set(connected_accounts.connectable())
    return [_need(n, n.connection in stopped, refused, n.connection in offered) for n in needs]


def _need(need: Need, frozen: bool, refused: set[str], offered: bool) -> Line:
    """What a component asks a person to connect; no button where it would get no token."""
    component, title = f"{need.kind}:{need.name}", catalogue.title(need.connection)
    detail = "It would get no token: access is frozen." if frozen else ""
    if component in refused:
        detail = "It gets no token now."
    connect = reverse("connections:connect", args=[need.connection])
    return Line(
        f"{called(need.kind, need.name)} was allowed and needs your {title} account",
        _MINE,
        need.asked_at,
        action=f"Connect {title}…" if offered and component not in refused else "",
        action_url=f"{connect}?{urlencode({'for': component})}",
        detail=detail,
    )


def _notices(me: Actor) -> list[Line]:
    found = Notice.objects.filter(iss=me.iss, sub=me.sub, seen=None).select_related("account")
    return [
        Line(f"{n.by or 'Someone'} {_done(n)}", _MINE, n.created, detail=n.reason)
        for n in found.order_by("-created")[:MOST]
    ]


def _done(notice: Notice) -> str:
    if whole := _OF_THE_PERSON.get(notice.code):
        return whole
    verb = _VERBS.get(notice.code, notice.code).format(agent=notice.agent)
    return f"{verb} your {account_names.in_words(notice.account)}"


def _agents(me: Actor) -> tuple[str, list[Fact]]:
    """What was seen of agents that act as this person, and which of it goes on."""
    found = member_overview.summary(me)
    facts = []
    if found.frozen:
        facts = [Fact(f"{_frozen_by(me, found.frozen)}; only an admin can lift it", _MINE)]
    facts += [Fact(_frozen_part(me, one), _MINE) for one in found.frozen_parts]
    if found.last_used_at is not None:
        facts.append(Fact(f"Last used by {found.last_user}, {_clock(found.last_used_at)}"))
    if found.tokens_until is not None:
        facts.append(Fact(_tokens_until(found.tokens_until), _MINE, "warn"))
    if newer := newer_sign_in(me.iss, me.sub):
        said = f"A command line signed in as you {_clock(newer)}"
        facts.append(Fact(said, _APPLICATIONS))
    if found.applications:
        many = "1 application" if found.applications == 1 else f"{found.applications} applications"
        facts.append(Fact(f"{many} can act for you without an account", _APPLICATIONS))
    if found.past_us:
        facts.append(Fact(_past(found.past_us), _MINE))
    return member_overview.headline(me, found), facts


def _frozen_by(me: Actor, freeze: Freeze) -> str:
    return f"Frozen by {_who_froze(me, freeze)}, {_clock(freeze.since)}"


def own_freeze(me: Actor) -> Home:
    """That access to this person's accounts is frozen; members have it in their title."""
    if not me.roles:
        return Home()
    freeze = Freeze.objects.filter(kind=FrozenKind.PERSON, name=me.sub).order_by("since").first()
    if freeze is None:
        return Home()
    by, since = _who_froze(me, freeze), _clock(freeze.since)
    said = f"Access to your accounts is frozen by {by}, {since}; only an admin can lift it"
    return Home(facts=[Fact(said, _MINE, "warn")])


def _who_froze(me: Actor, freeze: Freeze) -> str:
    by = "you" if freeze.by == me.sub else freeze.by_name or freeze.by
    return str(safe_display.short(by))


def _frozen_part(me: Actor, freeze: Freeze) -> str:
    """`Agent claw: frozen by Amir Admin, 5 min ago`."""
    what = freezes.title(freeze.kind, freeze.name)
    if freeze.kind == FrozenKind.SERVICE:
        what = f"all {what} accounts"
    by = _frozen_by(me, freeze)
    return f"{what[:1].upper()}{what[1:]}: {by[:1].lower()}{by[1:]}"


def _tokens_until(moment: datetime) -> str:
    """`Tokens already issued work until they expire, the last at 12:40 UTC`."""
    today = moment.date() == clock.now().date()
    at = f"{moment:%H:%M}" if today else f"{moment.day} {moment:%b %H:%M}"
    return f"Tokens already issued work until they expire, the last at {at} UTC"


def _past(past: Past) -> str:
    """`Directly at Auth0: concierge, 24 Nov (tenant log).`"""
    return f"Directly at Auth0: {past.name}, {past.day.day} {past.day:%b} (tenant log)."


def _clock(moment: datetime) -> str:
    said = relative(moment, clock.now())
    return said if said.endswith(("ago", "now")) else f"{said} UTC"

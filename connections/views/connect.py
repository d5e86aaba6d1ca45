"""The way of a browser that connects an account, or finishes a deletion, with its owner's token.

Portal → Auth0 (a My Account token, silently where it can) → portal → provider → portal.
"""

from __future__ import annotations

import logging
from dataclasses import asdict

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts.permissions import actor
from approvals import clock
from approvals.pipeline.service import perform
from audit.recording.actors import Actor, Target
from auth0_client.errors import Auth0Error
from connections import permissions
from connections.consent import connect_flow, connectable_services
from connections.consent.connect_flow import CREATE, DELETE, ConnectFailed
from connections.lifecycle import freezes
from connections.models import ConnectedAccount, State
from connections.revocation import deletion_step
from connections.scopes import catalogue
from connections.views import authorization_flow_session
from connections.views.authorization_flow_session import CONNECT_FLOWS, TOKEN_FLOWS, TokenFlow
from http_client.errors import HttpClientError

log = logging.getLogger(__name__)

FINISH_TRIED = "connections_finish_tried"
_ASK_AGAIN = frozenset(
    {"login_required", "consent_required", "interaction_required", "account_selection_required"}
)


def _url(name: str) -> str:
    """An absolute address from PORTAL_URL, never from the Host header."""
    return settings.PORTAL_URL + reverse(f"connections:{name}")


@never_cache
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest, connection: str) -> HttpResponse:
    """Say what will be asked for; on POST, begin."""
    me = actor(request)
    offer = next(
        (one for one in connectable_services.offers(me) if one.connection == connection), None
    )
    if offer is None:
        raise Http404(connection)
    given = request.POST if request.method == "POST" else request.GET
    component, replaces = given.get("for", "")[:240], given.get("replaces", "")[:36]
    wish = connectable_services.wish(
        connection, component=component, label=given.get("label", ""), replaces=replaces
    )
    if request.method == "POST":
        flow = TokenFlow(
            "connect", "", "", True, connection, component, wish.label, replaces, wish.account_id
        )
        return _authorize(request, flow)
    asked = catalogue.in_words(connection, wish.scopes)
    context = {
        "me": me,
        "offer": offer,
        "asked": asked,
        "component": component,
        "replaces": replaces,
        "frozen": freezes.in_force("", me.sub, connection),
    }
    return render(request, "connections/connect.html", context)


@never_cache
@require_GET
def finish(request: HttpRequest) -> HttpResponse:
    """Carry out the deletions that wait for this person's own token; they were decided before."""
    me = actor(request)
    if not deletion_step.has_pending(me.iss, me.sub):
        return redirect("connections:mine")
    request.session[FINISH_TRIED] = clock.now().timestamp()
    return _authorize(request, TokenFlow("finish", "", "", True))


def _scopes(flow: TokenFlow) -> tuple[str, ...]:
    """What the token has to be good for, and no more."""
    if flow.purpose == "finish":
        return (DELETE,)
    return (CREATE, DELETE) if flow.replaces else (CREATE,)


def _authorize(request: HttpRequest, flow: TokenFlow, *, silently: bool = True) -> HttpResponse:
    try:
        begun = connect_flow.ask_for_token(_url("token-callback"), _scopes(flow), silently=silently)
    except (Auth0Error, HttpClientError):
        unreachable = ConnectFailed("unreachable", "Auth0 could not be reached; try again shortly.")
        return _failed(request, flow, unreachable)
    kept = TokenFlow(
        flow.purpose, begun.nonce, begun.code_verifier, silently, flow.connection, flow.component,
        flow.label, flow.replaces, flow.account_id,
    )  # fmt: skip
    authorization_flow_session.keep(request, TOKEN_FLOWS, begun.state, asdict(kept))
    return redirect(begun.url)


@never_cache
@require_GET
def token_callback(request: HttpRequest) -> HttpResponse:
    """Auth0's answer: the token is used here and dropped, or sealed for the connect's end."""
    kept = authorization_flow_session.take(request, TOKEN_FLOWS, request.GET.get("state", ""))
    if kept is None:
        return _lost(request)
    flow = TokenFlow(**kept)
    error = request.GET.get("error", "")
    if error in _ASK_AGAIN and flow.silent:
        return _authorize(request, flow, silently=False)
    try:
        if error or not request.GET.get("code"):
            raise _refusal(error, "Auth0")
        return _with_token(request, actor(request), flow)
    except ConnectFailed as failed:
        return _failed(request, flow, failed)


def _with_token(request: HttpRequest, me: Actor, flow: TokenFlow) -> HttpResponse:
    token = connect_flow.redeem(
        me,
        request.GET["code"],
        verifier=flow.verifier,
        nonce=flow.nonce,
        redirect_uri=_url("token-callback"),
        scopes=_scopes(flow),
    )
    if flow.purpose == "finish":
        return _delete(request, me, token)
    if flow.replaces:
        _delete_dead_grant(me, flow, token)
    wish = connectable_services.wish(
        flow.connection,
        component=flow.component,
        label=flow.label,
        account_id=flow.account_id,
    )
    started = connect_flow.start(me, token, wish, _url("callback"))
    authorization_flow_session.keep(
        request,
        CONNECT_FLOWS,
        started.state,
        {"account_id": flow.account_id, "connection": flow.connection},
    )
    return _onwards(request, flow.connection, started.url)


def _onwards(request: HttpRequest, connection: str, url: str) -> HttpResponse:
    """A page that moves on automatically: a redirect would still count as the form's own target,
    which the content security policy limits to us and the issuer."""
    answer = render(
        request, "connections/onwards.html", {"title": catalogue.title(connection), "url": url}
    )
    answer["Refresh"] = f"0; url={url}"
    answer["Referrer-Policy"] = "no-referrer"
    return answer


def _delete_dead_grant(me: Actor, flow: TokenFlow, token: str) -> None:
    """A grant that died is deleted before its account can be connected again."""
    account = permissions.by_id(flow.replaces)
    if account is None or not permissions.is_owner(me, account):
        raise ConnectFailed("unknown_connection", "What should be renewed is not yours.")
    if account.state == State.NEEDS_RECONNECT:
        target = Target("connection", str(account.id))
        perform(me, "connection.revoke", target, reason="Connected again")
        account.refresh_from_db()
    if account.state == State.REVOCATION_PENDING:
        done = deletion_step.delete(account, token)
        if not done.done:
            raise ConnectFailed("not_deleted", f"The old grant is still there. {done.detail}")


def _delete(request: HttpRequest, me: Actor, token: str) -> HttpResponse:
    outcomes = list(deletion_step.delete_due(me.iss, me.sub, token))
    if all(one.done for one in outcomes):
        # Only a failed attempt makes the next one wait; another deletion may be due in seconds.
        request.session.pop(FINISH_TRIED, None)
    for one in outcomes:
        title = catalogue.title(one.account.connection)
        if one.done and not one.detail:
            messages.success(request, f"Your {title} connection was deleted at Auth0.")
        elif one.done:
            messages.success(request, f"Your {title} connection was deleted at Auth0. {one.detail}")
        else:
            messages.error(
                request, f"Your {title} connection was not deleted at Auth0. {one.detail}"
            )
    return redirect("connections:mine")


@never_cache
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """The provider sent the browser back."""
    state = request.GET.get("state", "")
    sent = authorization_flow_session.take(request, CONNECT_FLOWS, state)
    if sent is None:
        return _lost(request)
    me = actor(request)
    title = catalogue.title(sent["connection"])
    try:
        session = connect_flow.take(me, state)
        code = request.GET.get("connect_code", "")
        if request.GET.get("error") or not code:
            raise _refusal(request.GET.get("error", ""), title)
        account = connect_flow.complete(me, session, code, _url("callback"))
    except ConnectFailed as failed:
        flow = TokenFlow(
            "connect", "", "", False, sent["connection"], account_id=sent["account_id"]
        )
        return _failed(request, flow, failed)
    _tell_connected(request, title, account)
    return redirect("connections:detail", account_id=account.id)


def _tell_connected(request: HttpRequest, title: str, account: ConnectedAccount) -> None:
    if account.state == State.CONNECTED:
        messages.success(request, f"{title} was connected.")
        return
    messages.warning(
        request,
        f"{title} was connected and kept {account.get_state_display()}: someone else had "
        f"restricted your {title} access before. An admin can resume it.",
    )


def _refusal(error: str, who: str) -> ConnectFailed:
    if error == "access_denied":
        return ConnectFailed(
            "cancelled", f"You said no at {who}. Nothing was connected.", outcome="cancelled"
        )
    code = error[:60] or "no_answer"
    return ConnectFailed(code, f"{who} answered {code}. Nothing was changed; you can try again.")


def _failed(request: HttpRequest, flow: TokenFlow, failed: ConnectFailed) -> HttpResponse:
    """Record it where something was to be connected, and say it."""
    log.info("%s ended: %s", flow.purpose, failed.code)
    if flow.purpose == "connect":
        connect_flow.not_connected(actor(request), flow.account_id, flow.connection, failed)
        if failed.outcome == "cancelled":
            messages.info(request, f"{failed.words}")
        else:
            messages.error(request, failed.words)
    else:
        messages.error(
            request, f"{failed.words} The deletion stays due and is tried at your next visit."
        )
    return redirect("connections:mine")


def _lost(request: HttpRequest) -> HttpResponse:
    """No flow of this browser has that state: another tab, another browser, or too long ago."""
    return render(request, "connections/lost.html", status=400)

"""`ata login`, `ata logout`, `ata status`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ata.clock import format_time, now
from ata.errors import AtaError, not_signed_in
from ata.options import Json, open_screen
from ata.output.safe_text import in_words, safe
from ata.output.screen import Screen, paint
from ata.session import assurance_sentences
from ata.session.session_file import Session, SessionStore

if TYPE_CHECKING:
    from ata.portal.api_client import Portal
    from ata.session.device_grant import DeviceCode


def login(
    ctx: typer.Context,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address; open no browser.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Sign in: confirm a code in a browser, on this device or another."""
    from ata.portal.api_client import Portal
    from ata.session import device_grant, oauth_requests

    screen = open_screen(ctx, json_output)
    store = SessionStore.default()
    url = _portal_to_sign_in_to(store)
    with Portal(url, store) as portal:
        issuer, client_id, audience = _client_config(portal)
        endpoints = oauth_requests.discover(issuer)
        code = device_grant.start(endpoints, client_id=client_id, audience=audience)
        _show_code(screen, code, browser=not no_browser)
        tokens = device_grant.wait(endpoints, code, client_id=client_id)
        session = Session(
            portal=portal.url,
            issuer=issuer,
            client_id=client_id,
            audience=audience,
            token_endpoint=endpoints.token,
            revocation_endpoint=endpoints.revocation,
            expires_at=tokens.expires_at,
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
        )
        with store.locked():
            store.save(session)
        _leave_evidence(screen, portal, tokens.id_token)
        _report_status(screen, portal, store)


def logout(ctx: typer.Context, json_output: Json = False) -> None:
    """Sign out: revoke the refresh token and delete the session file."""
    from ata.session import oauth_requests

    screen = open_screen(ctx, json_output)
    store = SessionStore.default()
    session = store.load()
    if session is None:
        screen.result({"signed_in": False, "revoked": False}, "You were not signed in.")
        return
    try:
        revoked = oauth_requests.revoke(session)
    except AtaError as error:
        revoked = False
        screen.warn(f"{safe(error.message)} {safe(error.fix)}")
    store.delete()
    said = (
        "Signed out: the refresh token is revoked, and this computer holds no token any more."
        if revoked
        else "Signed out here, but the refresh token is not revoked: end the session on your "
        f"account page, {session.portal}/account/."
    )
    lives = session.expires_at > now()
    until = format_time(session.expires_at)
    screen.result(
        {"signed_in": False, "revoked": revoked, "access_token_lives_until": until},
        said,
        f"The access token cannot be revoked: a copy of it works until {until}."
        if lives
        else "The access token has expired.",
    )


def status(ctx: typer.Context, json_output: Json = False) -> None:
    """Say who you are to the portal, how you signed in, your roles, and until when."""
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    store = SessionStore.default()
    if store.load() is None:
        raise not_signed_in()
    with Portal.open() as portal:
        _report_status(screen, portal, store)


def whoami(ctx: typer.Context, json_output: Json = False) -> None:
    """Say your name, issuer, subject and roles, as the portal reads them now."""
    from ata.commands import absence
    from ata.portal.api_client import Portal

    screen = open_screen(ctx, json_output)
    if SessionStore.default().load() is None:
        raise not_signed_in()
    with Portal.open() as portal:
        who = portal.get("/v1/whoami").body
        until, unknown = absence.read(portal)
    said = who.get("roles")
    roles = [str(role) for role in said] if isinstance(said, list) else []
    value = {name: who.get(name) or "" for name in ("iss", "sub", "name", "email")}
    away = absence.sentence(until)
    if unknown not in {"", "not_found"}:
        away = f"not known ({safe(unknown)})"
    screen.result(
        {**value, "roles": roles, "away_until": until, "away_known": not unknown},
        safe(str(value["name"] or value["email"] or value["sub"])),
        f"Issuer    {safe(str(value['iss']))}",
        f"Subject   {safe(str(value['sub']))}",
        f"Roles     {safe(', '.join(roles)) or 'member'}",
        *([f"Away      {away}"] if away else []),
    )


def _portal_to_sign_in_to(store: SessionStore) -> str:
    from ata.portal.api_client import DEFAULT_PORTAL, portal_url

    try:
        return portal_url(store)
    except AtaError as error:
        # A broken file must not keep its owner from writing a new one; an exposed one may.
        if error.code == "session_unreadable":
            return os.environ.get("ATA_PORTAL", DEFAULT_PORTAL)
        raise


def _client_config(portal: Portal) -> tuple[str, str, str]:
    body = portal.public("/v1/client-config").body
    client_id = body.get("client_id") or body.get("cli_client_id")
    values = (body.get("issuer"), client_id, body.get("audience"))
    if not all(isinstance(value, str) and value for value in values):
        raise AtaError(
            f"The portal at {portal.url} does not say how to sign in.",
            code="unexpected_answer",
            fix="Check AUTH0_ISSUER, AUTH0_CLI_CLIENT_ID and AUTH0_API_AUDIENCE of the portal.",
        )
    return str(values[0]), str(values[1]), str(values[2])


def _leave_evidence(screen: Screen, portal: Portal, id_token: str) -> None:
    """Hand the portal the issuer-signed sign-in, which raises what your acts prove to H1."""
    if not id_token:
        return
    try:
        portal.post("/v1/session", {"id_token": id_token})
    except AtaError as error:
        screen.warn(
            f"The sign-in was not kept as evidence: {safe(error.message)} ({safe(error.code)})"
        )


def _show_code(screen: Screen, code: DeviceCode, *, browser: bool) -> None:
    lines = [
        f"Open {safe(code.verification_uri_complete)}",
        f"and confirm the code {paint(safe(code.user_code), 'bold')} "
        f"within {in_words(code.expires_in)}.",
    ]
    value: dict[str, object] = {
        "status": "pending",
        "user_code": code.user_code,
        "verification_uri": code.verification_uri,
        "verification_uri_complete": code.verification_uri_complete,
        "expires_in": code.expires_in,
    }
    screen.progress("\n".join(lines), value)
    screen.picture(code.verification_uri_complete)
    if browser and screen.live and _has_display():
        import webbrowser

        webbrowser.open(code.verification_uri_complete)


def _has_display() -> bool:
    # Without one, `webbrowser` may take over the terminal with a text browser.
    return sys.platform == "darwin" or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


def _report_status(screen: Screen, portal: Portal, store: SessionStore) -> None:
    who = portal.get("/v1/whoami").body
    session = store.require()
    subject = str(who.get("sub") or who.get("subject") or "")
    roles = who.get("roles")
    role_names = [str(role) for role in roles] if isinstance(roles, list) else []
    name = safe(who.get("name") or who.get("email") or subject)
    said = assurance_sentences.read(who)
    value: dict[str, object] = {
        "signed_in": True,
        "portal": portal.url,
        "issuer": session.issuer,
        "sub": subject,
        "name": who.get("name") or "",
        "email": who.get("email") or "",
        "roles": role_names,
        "token_expires_at": format_time(session.expires_at),
        "refreshable": bool(session.refresh_token),
        "assurance": said.as_dict(),
    }
    renews = "renews automatically" if session.refresh_token else "then sign in again"
    screen.result(
        value,
        f"Signed in as {paint(name, 'bold')} ({safe(', '.join(role_names)) or 'member'})",
        f"Portal    {portal.url}",
        f"Issuer    {safe(session.issuer)}",
        f"Signed in {said.when(now())}",
        f"How       {said.how()}",
        f"Step-up   {said.step_up()}",
        f"Token     ends in {in_words(session.expires_at - now())}, {renews}",
    )

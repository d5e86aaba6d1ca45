"""Every page while the tenant, a gateway or both are away: it opens, says so, and says how old."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from approvals import clock, people_and_roles, policy
from approvals.models import Person
from approvals.pipeline.service import perform
from audit.evidence import storage
from audit.models import EventRow
from audit.recording.actors import Target
from audit.sequencing import sequencer
from connections.models import ConnectedAccount, Schedule, State
from connections.sync import auth0_reachability, connected_accounts
from enforcement.audit_database import periodic_scan_import
from enforcement.models import Finding, Scan, Watch
from tests.faults.fast import EVERY
from tests.faults.proxy import Fault, Wire
from tests.support.pages import signed_in
from tests.support.sign_in import SUBS
from ui.times import absolute

ROLES = {"auditor": "auditor", "operator": "operator", "admin": "admin", "member1": ""}
#: Not pages for reading: forms' targets, the way of a browser through Auth0, machine formats.
NOT_PAGES = {
    "token-callback", "callback", "finish", "connect", "oidc_authentication_callback",
    "oidc_authentication_init", "oidc_logout", "oidc_backchannel_logout", "reconcile",
    "healthz", "readyz", "metrics", "log-tile", "log-key", "log-keys", "log-checkpoint",
    "gateway-push-hec", "styleguide", "demo-finding", "demo-tamper",
    "audit-live", "audit-values", "approvals-waiting", "approval-live", "pending",
    "reconcile-status",
    "audit-event-proof", "audit-event-entry", "export", "export-download", "export-manifest",
    "ledger-run", "notices-seen", "dismiss-need", "api-docs", "openapi-json", "enforcement-preview",
    "approval-again", "approval-denied", "account-end-session", "account-end-others",
    "ledger-verify", "ledger-entries", "log-time", "suspend", "resume", "break-glass",
    "audit-event-pack", "audit-pack", "coverage-download", "coverage-manifest", "pack-verifier",
    "account-passkey-rename", "account-away",
    "account-passkey-approver", "account-passkeys-file", "approval-passkey",
    "approvals-policy-review", "approvals-policy-propose", "freeze-now", "freeze-me",
    "erasure-person", "erasure-decide", "erasure-certificate",
    "ibom", "review-next", "review-result", "review-close", "review-cancel",
    "review-revoke",
    "withdraw", "wake", "scope-rules", "account-history", "remediation-retry",
    "require-allow", "access-revoke", "access-read", "audit-view-count", "audit-sample-json",
    "audit-sample-csv", "audit-view-remove", "audit-view-restore", "audit-file-zip",
    "audit-file-workpaper", "audit-view-open",
}  # fmt: skip
TEN_MINUTES = timedelta(minutes=10)


def page_names() -> dict[str, str]:
    """Name and route of every page, from the portal's own table of routes."""
    found: dict[str, str] = {}

    def walk(resolver: URLResolver) -> None:
        for entry in resolver.url_patterns:
            if isinstance(entry, URLResolver):
                if entry.namespace != "v1":
                    walk(entry)
            elif isinstance(entry, URLPattern) and entry.name not in NOT_PAGES:
                found[str(entry.name)] = "/" + str(entry.pattern)

    walk(get_resolver())
    return found


@pytest.fixture
def addresses(wire: Wire, edge_wire: Wire) -> Iterator[dict[str, str]]:
    """A portal with one of everything, whose worker has looked at everything once."""
    auth0_reachability.run_due()
    connected_accounts.run_due()
    periodic_scan_import.poll_due()
    now = clock.now()
    olu = people_and_roles.note_person(
        iss=f"{wire.url}/",
        sub=SUBS["operator"],
        name="Olu",
        email="o@x.example",
        roles=["operator"],
    ).as_actor(via="web")
    asked = perform(olu, "skill.block", Target("skill", "pdf-exfil"), severity="CRITICAL").approval
    assert asked is not None
    scan = Scan.objects.create(
        instance="edge-1", scan_id="s", scanner="x", kind="skill", name="pdf-exfil",
        severity="HIGH", at=now, seen=now,
    )  # fmt: skip
    finding = Finding.objects.create(
        instance="edge-1", finding_id="f", scan=scan, kind="skill", name="pdf-exfil",
        title="reads files", severity="HIGH", rank=3, at=now,
    )  # fmt: skip
    account = ConnectedAccount.objects.create(
        iss=olu.iss, sub=SUBS["member1"], connection="github", auth0_id="cac_1",
        state=State.CONNECTED, state_since=now, source="management", seen_at=now,
        watched_since=now,
    )  # fmt: skip
    sequencer.run_once()
    event = EventRow.objects.order_by("event").first()
    assert event is not None
    filled = {
        "<uuid:event_id>": str(event.event),
        "<str:digest>": storage.put_issuer_keys(f"{wire.url}/", {"keys": []}).digest,
        "<uuid:approval_id>": str(asked.id),
        "<uuid:account_id>": str(account.id),
        "<str:policy_digest>": policy.policy_digest(),
        # Not there: the page that says so has to open as well.
        "<str:handle>": "no-such-key",
        "<uuid:review_id>": str(account.id),
        "<uuid:item_id>": str(account.id),
        "<uuid:view_id>": str(account.id),
        "<uuid:sample_id>": str(account.id),
        "<int:pk>": str(finding.pk),
        "<int:person_id>": str(Person.objects.get(sub=SUBS["operator"]).pk),
        "fleet/<str:name>/": "fleet/edge-1/",
        "outposts/<str:instance>/": "outposts/edge-1/",
        "<int:row_id>": "1",  # nothing is set aside
        "<any_name:connection>": "github",
        "freeze/<str:kind>/<any_name:name>/": "freeze/agent/claw/",
        "<kind:kind>/<asset_name:name>": "skill/pdf-exfil",
    }
    found = page_names()
    for name, route in found.items():
        for hole, value in filled.items():
            route = route.replace(hole, value)
        assert "<" not in route, f"tell this test how to open the page {name}: {route}"
        found[name] = route
    yield found


def words(client: Client, path: str) -> tuple[int, str]:
    """Status and text of a page."""
    answer = client.get(path)
    body = answer.content.decode() if not answer.streaming else ""
    return answer.status_code, re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def later(since: datetime) -> None:
    """Ten minutes without an answer, as the rows would have it."""
    Schedule.objects.filter(name=auth0_reachability.TENANT).update(
        due=clock.now(), finished=since, lease=None
    )
    Watch.objects.update(due=clock.now(), probe_due=clock.now())
    auth0_reachability.run_due()
    periodic_scan_import.poll_due()
    Watch.objects.filter(reachable=False).update(last_seen=since)
    cache.clear()


@pytest.mark.parametrize("away", ["tenant", "gateway", "both"])
def test_every_page_opens_for_every_role_and_says_what_is_away_since_when(
    addresses: dict[str, str], wire: Wire, edge_wire: Wire, away: str
) -> None:
    if away != "gateway":
        wire.breaks(Fault.REFUSED)
    if away != "tenant":
        edge_wire.breaks(Fault.REFUSED)
    since = clock.now() - TEN_MINUTES
    later(since)
    stamp = f"{absolute(since, clock.now())} UTC"
    opened = 0
    for who, role in ROLES.items() if away == "both" or EVERY else [("admin", "admin")]:
        client = signed_in(who, *([role] if role else []))
        for name, path in addresses.items():
            status, text = words(client, path)
            assert status in {200, 302, 403, 404}, (who, name, path, status)
            if status == 302:  # back to a page that may be seen
                continue
            opened += status == 200
            tenant_said = f"Auth0 has not answered since {stamp}" in text
            gateway_said = f"edge-1 has not answered since {stamp}" in text
            assert tenant_said == (away != "gateway"), (who, name, text[:600])
            assert gateway_said == (away != "tenant" and bool(role)), (who, name, text[:600])
            if tenant_said:
                assert "Whoever is signed in goes on working" in text
                assert "Connections are as of" in text
    assert opened > (40 if away == "both" else 10)


def test_a_page_asks_nobody_so_it_waits_for_nobody(
    addresses: dict[str, str], wire: Wire, edge_wire: Wire
) -> None:
    client = signed_in("admin", "admin", "operator", "auditor")
    wire.forget()
    edge_wire.forget()
    for path in addresses.values():
        client.get(path)
        assert (wire.seen, edge_wire.seen) == ([], []), path


def test_nothing_is_said_to_be_away_while_all_is_well(addresses: dict[str, str]) -> None:
    _, text = words(signed_in("admin", "admin"), "/")
    assert "has not answered" not in text and "has not run" not in text


def test_one_look_that_failed_is_no_outage(addresses: dict[str, str]) -> None:
    admin = signed_in("admin", "admin")
    Watch.objects.update(reachable=False, last_seen=clock.now())
    cache.clear()
    assert "has not answered" not in words(admin, "/")[1]
    Watch.objects.update(last_seen=clock.now() - timedelta(minutes=2))
    cache.clear()
    assert "edge-1 has not answered since" in words(admin, "/")[1]


def test_a_worker_that_stopped_is_said_on_every_page(addresses: dict[str, str]) -> None:
    stopped = clock.now() - TEN_MINUTES
    Schedule.objects.filter(name=auth0_reachability.TENANT).update(
        started=stopped, finished=stopped
    )
    cache.clear()
    _, text = words(signed_in("member1"), "/connections/")
    assert f"The worker has not run since {absolute(stopped, clock.now())} UTC" in text
    assert "has not answered" not in text, "what it last wrote is no news"


def test_signing_in_says_who_is_away_and_what_to_do(
    addresses: dict[str, str], wire: Wire, client: Client
) -> None:
    host = wire.url.removeprefix("http://")
    assert client.get("/oidc/authenticate/", HTTP_HOST=_home()).status_code == 302
    wire.breaks(Fault.REFUSED)
    later(clock.now() - TEN_MINUTES)
    answer = client.get("/oidc/authenticate/", HTTP_HOST=_home())
    text = unescape(answer.content.decode())
    assert answer.status_code == 503, "not sent to a dead address by a document in memory"
    assert f"({host}) does not answer" in text and "AUTH0_ISSUER" in text
    assert "no one can sign in now" in words(client, "/")[1]
    wire.mend()
    assert client.get("/oidc/authenticate/", HTTP_HOST=_home()).status_code == 302, "at once"


def _home() -> str:
    from django.conf import settings

    return settings.PORTAL_URL.partition("://")[2]


def test_the_probe_tells_an_outage_from_an_answer(house: Path, wire: Wire) -> None:
    assert auth0_reachability.run_due() == 1
    row = Schedule.objects.get(name=auth0_reachability.TENANT)
    assert row.finished is not None
    for fault in (Fault.REFUSED, Fault.ERROR, Fault.HTML, Fault.EMPTY, Fault.TRUNCATED):
        wire.breaks(fault)
        assert not auth0_reachability.answers_now(), fault
        wire.mend()
    assert auth0_reachability.answers_now()

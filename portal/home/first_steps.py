"""The six steps from an empty portal to a first approval with its evidence, each checked here."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from approvals import people_and_roles
from approvals.models import Approval, Ask, Outcome, Passkey
from audit.models import EventRow
from audit.recording.actors import Actor
from enforcement.gateways import instances
from enforcement.models import Watch
from enforcement.outposts import reported_facts
from portal.home.panel_types import FirstStep, Home
from ui import local_tenant


def first_steps(_me: Actor) -> Home:
    """The steps, until all are done; none where DEMO gateways run, whose sample data has done
    them."""
    if any(one.demo for one in instances.fleet().instances):
        return Home()
    steps = [_tenant(), _admin(), _device(), _gateway(), _agent(), _approval()]
    return Home() if all(step.done for step in steps) else Home(steps=steps)


def _tenant() -> FirstStep:
    issuer = settings.ENV.issuer
    if local_tenant.is_local():
        return FirstStep(
            "Connect your Auth0 tenant",
            seen="People sign in at the local tenant of this machine, which is for trying out. "
            "docs/auth0.md names what else to set.",
            fix="AUTH0_ISSUER=https://TENANT.eu.auth0.com/  # in .env, then restart\n"
            ".venv/bin/python manage.py check_auth0",
        )
    return FirstStep("Connect your Auth0 tenant", done=True, seen=f"You signed in at {issuer}.")


def _admin() -> FirstStep:
    admins = people_and_roles.with_role("admin")
    seen = ", ".join(str(person) for person in admins.order_by("pk")[:3])
    return FirstStep(
        "Give someone the role admin",
        done=bool(seen),
        seen=f"Known from a sign-in or from Auth0: {seen}." if seen else "No one has the role.",
        fix="auth0 users roles assign USER_ID --roles ROLE_ID",
    )


def _device() -> FirstStep:
    answered = Ask.objects.filter(answers__has_key="ciba").select_related("person").first()
    key = Passkey.objects.filter(revoked_at=None).select_related("person").first()
    seen = f"{answered.person} answered on a phone." if answered else ""
    if not seen and key:
        seen = f"{key.person} has a passkey."
    return FirstStep(
        "Enrol a device for an approver",
        done=bool(seen),
        seen=seen or "No phone has answered yet and no one has a passkey.",
        fix=f"{settings.ENV.portal_url}{reverse('account-passkey-new')}",
    )


def _gateway() -> FirstStep:
    watches = Watch.objects.exclude(name="").filter(reachable=True)
    heard = set(watches.values_list("name", flat=True))
    reports = reported_facts.last_reports(instances.fleet().outposts)
    heard |= {name for name, last in reports.items() if last.health.get("up") is True}
    seen = ", ".join(sorted(heard)[:3])
    return FirstStep(
        "Register a gateway",
        done=bool(seen),
        seen=f"{seen} answered." if seen else "No gateway has answered yet.",
        fix="# in the file that DEFENSECLAW_INSTANCES_FILE names\n"
        '[[instance]]\nname = "edge-1"\nbase_url = "http://127.0.0.1:18970"\n'
        'gateway_token_file = "edge-1.token"',
    )


def _agent() -> FirstStep:
    row = EventRow.objects.filter(action="token.exchanged").order_by("-event").first()
    seen = f"{row.agent or 'An unnamed agent'} got a token." if row else ""
    return FirstStep(
        "Start a first agent",
        done=bool(seen),
        seen=seen or "No agent has got a token yet.",
        fix="ata login\nata mcp run github-mcp -- COMMAND_OF_THE_SERVER",
        url=reverse("connections:connect-agent"),
        action="Connect an agent…",
    )


def _approval() -> FirstStep:
    first = (
        Approval.objects.filter(outcome=Outcome.APPROVED).exclude(event_id=None).order_by("created")
    ).first()
    return FirstStep(
        "Take a first decision with an approval",
        done=first is not None,
        seen=f"Approved: {first.sentence}" if first else "No one has approved anything yet.",
        fix='ata skill block demo-skill --severity HIGH --reason "first approval"',
        url=reverse("audit-event-pack", args=[first.event_id]) if first else "",
        action="Evidence pack",
    )

"""What the band offers: a gateway that finds a malicious skill, a log that was edited, and the end
of the demo."""

from __future__ import annotations

import subprocess

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import needs_role
from accounts.recent_sign_in.requirement import needs_fresh_sign_in
from approvals import clock
from audit.models import EventRow, VerificationRun
from audit.verification import tampered_copy
from audit.views.log.verification_run_description import in_words
from portal.demo_actions import demo_gateway_folder, demo_removal_request
from portal.demo_actions.permissions import MAY_PRESS, only_with_local_tenant

_SHOWN = 8
"""Every later checkpoint fails, too; that it does is said by their number."""


@only_with_local_tenant
@require_POST
@needs_role(*MAY_PRESS)
def simulate_finding(request: HttpRequest) -> HttpResponse:
    """Drop a malicious skill at a DEMO gateway; what follows is what follows any finding."""
    gateway = demo_gateway_folder.watched()
    if gateway is None:
        messages.error(request, "No DEMO gateway watches a folder on this machine.")
        return HttpResponseRedirect("/enforcement/fleet/")
    try:
        skill = demo_gateway_folder.drop_malicious_skill(gateway)
    except (OSError, subprocess.SubprocessError):
        messages.error(request, f"The skill could not be written to the folder of {gateway.name}.")
        return HttpResponseRedirect("/enforcement/")
    messages.success(
        request,
        f"DEMO: you put the malicious skill {skill} into the folder of an agent on {gateway.name}, "
        "which its scanner looks through every few seconds.",
    )
    return HttpResponseRedirect("/enforcement/")


@only_with_local_tenant
@require_http_methods(["GET", "HEAD", "POST"])
@needs_role("admin")
@needs_fresh_sign_in()
def remove_demo(request: HttpRequest) -> HttpResponseBase:
    """Ask for an empty portal instead of the demo, once an admin typed that they mean it."""
    context = {
        "problem": demo_removal_request.why_not(),
        "confirmation": demo_removal_request.CONFIRMATION,
        "supervised": demo_removal_request.is_supervised(),
        "typed": request.POST.get("typed", ""),
    }
    if request.method != "POST" or context["problem"]:
        return render(request, "demo/remove.html", context)
    if str(context["typed"]).strip().lower() != demo_removal_request.CONFIRMATION:
        return render(request, "demo/remove.html", context | {"wrong": True}, status=422)
    context["folder"] = demo_removal_request.ask(clock.now())
    return render(request, "demo/remove.html", context)


@only_with_local_tenant
@require_POST
@needs_role(*MAY_PRESS)
def tamper_with_copy(request: HttpRequest) -> HttpResponse:
    """Edit one entry in a copy of the database and show what its verification finds."""
    started = clock.now()
    try:
        with tampered_copy.copy_of_database() as copy:
            edit = tampered_copy.edit_middle_entry(copy)
            code, report = tampered_copy.verify(copy)
    except (tampered_copy.NotPossible, subprocess.TimeoutExpired) as error:
        messages.error(request, f"No copy was verified: {error}")
        return HttpResponseRedirect("/audit/ledger/")
    report["problems"] = report.get("problems", [])[:_SHOWN]
    states = VerificationRun.State
    of_copy = VerificationRun(  # of the copy, so it is not among the runs of the log
        state=states.PASSED if code == 0 else states.FAILED,
        result=report,
        asked=started,
        finished=clock.now(),
        checked=report.get("checked", 0),
        total=report.get("size", 0),
    )
    context = {
        "edit": edit,
        "event": EventRow.objects.filter(seq=edit.index).first(),
        "run": in_words(of_copy, clock.now()),
        "crumbs": [{"text": "Signed log", "url": "/audit/ledger/"}, {"text": "Tampered copy"}],
    }
    return render(request, "demo/tampered_copy.html", context)

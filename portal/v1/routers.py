"""The API object and its routers; `portal.v1.docs` serves its document and its page."""

from __future__ import annotations

from accounts import api as accounts_api
from accounts.bearer import bearer
from api import problems
from api.openapi import ContractAPI
from api.request_bodies import StrictParser
from approvals.api import absence, policy_and_dry_run, post_decision_and_requests
from audit.api import event_search_proofs_reporting, gateway_pushes
from connections.api import (
    access_reviews_and_decisions,
    auth0_sync_runs,
    broker,
    connections,
    idle_and_hours_settings,
    log_stream,
    manifests,
    pending_steps,
    temporary_extra_scopes,
)
from enforcement.api import (
    component_at_gateways,
    findings,
    outpost_commands,
    outpost_enrolment,
    outpost_reports,
)

api = ContractAPI(
    title="Auth0-ATA",
    version="1",
    description="Identity, consent and evidence for AI-agent governance.",
    docs_url=None,
    openapi_url=None,  # portal.v1.docs serves it, built once
    auth=bearer,
    parser=StrictParser(),
    urls_namespace="v1",
)
problems.register(api)
api.add_router("", accounts_api.router)
api.add_router("", post_decision_and_requests.router)
api.add_router("", policy_and_dry_run.router)
api.add_router("", absence.router)
api.add_router("", component_at_gateways.router)
api.add_router("", findings.router)
api.add_router("", broker.router)
api.add_router("", manifests.router)
api.add_router("", idle_and_hours_settings.router)
api.add_router("", temporary_extra_scopes.router)
api.add_router("", pending_steps.router)
api.add_router("", auth0_sync_runs.router)
api.add_router("", connections.router)
api.add_router("", access_reviews_and_decisions.router)
api.add_router("/ingest", log_stream.router)
api.add_router("/ingest", gateway_pushes.router)
api.add_router("/audit", event_search_proofs_reporting.router)
api.add_router("/outposts", outpost_enrolment.router)
api.add_router("/outposts", outpost_reports.router)
api.add_router("/outposts", outpost_commands.router)

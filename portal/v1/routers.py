"""The API object and its routers; `portal.v1.docs` serves its document and its page."""

from __future__ import annotations

from accounts import api as accounts_api
from accounts.bearer import bearer
from api import problems
from api.bodies import StrictParser
from api.openapi import ContractAPI
from approvals.api import decisions_and_requests, policy_and_dry_run
from audit.api import events_proofs_and_reports
from connections.api import (
    auth0_sync_runs,
    broker,
    connections,
    idle_and_hours_settings,
    log_stream,
    manifests,
    pending_steps,
    review_lists_and_results,
    temporary_extra_scopes,
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
api.add_router("", decisions_and_requests.router)
api.add_router("", policy_and_dry_run.router)
api.add_router("", broker.router)
api.add_router("", manifests.router)
api.add_router("", idle_and_hours_settings.router)
api.add_router("", temporary_extra_scopes.router)
api.add_router("", pending_steps.router)
api.add_router("", auth0_sync_runs.router)
api.add_router("", connections.router)
api.add_router("", review_lists_and_results.router)
api.add_router("/ingest", log_stream.router)
api.add_router("/audit", events_proofs_and_reports.router)

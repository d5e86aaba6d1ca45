"""The API object and its routers; `portal.v1.docs` serves its document and its page."""

from __future__ import annotations

from accounts import api as accounts_api
from accounts.bearer import bearer
from api import problems
from api.bodies import StrictParser
from api.openapi import ContractAPI
from approvals.api import decisions, policy
from audit.api import events
from connections.api import (
    access_reviews,
    broker,
    comparisons,
    connections,
    log_stream,
    manifests,
    remediations,
    review_decisions,
    scope_allowances,
    settings,
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
api.add_router("", decisions.router)
api.add_router("", policy.router)
api.add_router("", broker.router)
api.add_router("", manifests.router)
api.add_router("", settings.router)
api.add_router("", scope_allowances.router)
api.add_router("", remediations.router)
api.add_router("", comparisons.router)
api.add_router("", connections.router)
api.add_router("", access_reviews.router)
api.add_router("", review_decisions.router)
api.add_router("/ingest", log_stream.router)
api.add_router("/audit", events.router)

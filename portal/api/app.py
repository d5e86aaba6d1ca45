"""The API object and its routers; `portal.api.docs` serves its document and its page."""

from __future__ import annotations

from portal.api import (
    allowances,
    audit,
    broker,
    connection_settings,
    connections,
    decisions,
    drift,
    ingest,
    manifests,
    policy,
    problems,
    review_decisions,
    reviews,
    unfinished,
    who,
)
from portal.api.auth import bearer
from portal.api.bodies import StrictParser
from portal.api.contract import ContractAPI

api = ContractAPI(
    title="Auth0-ATA",
    version="1",
    description="Identity, consent and evidence for AI-agent governance.",
    docs_url=None,
    openapi_url=None,  # portal.api.docs serves it, built once
    auth=bearer,
    parser=StrictParser(),
    urls_namespace="v1",
)
problems.register(api)
api.add_router("", who.router)
api.add_router("", decisions.router)
api.add_router("", policy.router)
api.add_router("", broker.router)
api.add_router("", manifests.router)
api.add_router("", connection_settings.router)
api.add_router("", allowances.router)
api.add_router("", unfinished.router)
api.add_router("", drift.router)
api.add_router("", connections.router)
api.add_router("", reviews.router)
api.add_router("", review_decisions.router)
api.add_router("/ingest", ingest.router)
api.add_router("/audit", audit.router)

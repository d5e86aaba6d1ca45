"""An environment that production accepts."""

PRODUCTION = {
    "PORTAL_ENV": "production",
    "PORTAL_URL": "https://portal.acme.example",
    "AUTH0_ISSUER": "https://acme.eu.auth0.com/",
    "AUTH0_CLIENT_SECRET": "a" * 32,
    "AUTH0_VAULT_CLIENT_SECRET": "b" * 32,
    "AUTH0_MGMT_CLIENT_SECRET": "c" * 32,
    "SECRET_KEY": "0123456789abcdef" * 4,
    "EVIDENCE_KEY": "0f1e2d3c4b5a6978" * 4,
    "DATABASE_URL": "postgres://portal:x@db.acme.example/portal",
    "CELERY_BROKER_URL": "redis://cache.acme.example/0",
    "CACHE_URL": "redis://cache.acme.example/1",
    "MAILER_URL": "smtp://mail.acme.example",
    "LEDGER_ORIGIN": "acme.example/ata",
}

"""Django settings, all derived from `portal.env`."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from django.utils.csp import CSP

from http_client import proxies_and_authorities
from portal.database_settings import cache, database
from portal.env import BASE_DIR, env
from portal.logging import logging_config
from portal.mail_settings import mailer
from portal.production_checks import refuse_unsafe

refuse_unsafe(env)
proxies_and_authorities.configure(env.additions)

ENV = env
PRODUCTION = env.PORTAL_ENV == "production"
VAR_DIR = env.VAR_DIR
PORTAL_URL = env.portal_url
SECRET_KEY = env.SECRET_KEY
EVIDENCE_KEY = bytes.fromhex(env.EVIDENCE_KEY) if env.EVIDENCE_KEY else b""
EVIDENCE_KEY_PREVIOUS = bytes.fromhex(env.EVIDENCE_KEY_PREVIOUS)
LEDGER_ORIGIN = env.LEDGER_ORIGIN
LEDGER_KEY_FILE = env.LEDGER_KEY_FILE
LEDGER_POLICY_FILE = env.LEDGER_POLICY_FILE
LEDGER_WITNESS_URLS = env.LEDGER_WITNESS_URLS
TSA_URL = env.TSA_URL
TSA_CA_FILE = env.TSA_CA_FILE
OTEL_EXPORTER_OTLP_ENDPOINT = env.OTEL_EXPORTER_OTLP_ENDPOINT
STEP_UP_EXPIRY_S = env.STEP_UP_EXPIRY_S
PUSHES_PER_MINUTE = env.PUSHES_PER_MINUTE
DEBUG = False
_portal = urlsplit(PORTAL_URL)
_https = _portal.scheme == "https"
ALLOWED_HOSTS = [_portal.hostname or "localhost"] + (
    [] if PRODUCTION else ["127.0.0.1", "localhost", "testserver"]
)
CSRF_TRUSTED_ORIGINS = [f"{_portal.scheme}://{_portal.netloc}"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "portal.ops.hashed_static_files.AskedFor",
    "django_htmx",
    "accounts",
    "ui",
    "portal.ops",
    "audit",
    "approvals",
    "connections",
    "enforcement",
]
MIDDLEWARE = [
    "portal.ops.caller_address.CallerAddressMiddleware",
    "ui.request_id.RequestIdMiddleware",
    "portal.ops.telemetry.TracedRequests",
    # What guards an answer is outermost, so that no refusal further in goes without it.
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "portal.ops.private_cache_headers.PrivateByDefault",
    "portal.pages.method_and_body_errors.RefusalsAreShown",
    "portal.ops.request_body_limits.BodyLimits",
    "portal.ops.nul_bytes.TextsWithoutNul",
    "api.method_not_allowed.MethodsInWords",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Compressed pages that repeat what was asked could give secrets away letter by letter
    # (BREACH): this adds random length to each, and Django masks the CSRF token anew each time.
    "django.middleware.gzip.GZipMiddleware",
    "portal.ops.storage_unavailable.SessionsThatOutliveTheDisk",
    "django.middleware.common.CommonMiddleware",
    "accounts.access_refusal_events.RefusalsAreRecorded",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.PagesNeedSignIn",
    "accounts.middleware.SessionAssuranceMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.pages.context.shell",
            ],
        },
    }
]

VAR_DIR.mkdir(parents=True, exist_ok=True)
DATABASES = {"default": database(env.DATABASE_URL, base_dir=BASE_DIR, var_dir=VAR_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": cache(env.CACHE_URL, var_dir=VAR_DIR)}

AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = ["accounts.oidc_backend.OperatorBackend"]
LOGIN_URL = "oidc_authentication_init"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
SESSION_ENGINE = "accounts.sessions.hashed_key_store"
# `__Host-` (RFC 6265bis section 4.1.3.2): browsers take it from this very host over https only, so
# that no neighbour under the same domain can plant one.
_host_only = "__Host-" if _https else ""
SESSION_COOKIE_NAME = f"{_host_only}ata_session"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"{_host_only}ata_csrf"
CSRF_COOKIE_HTTPONLY = True  # pages carry the token themselves
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "portal.pages.errors.csrf_failure"

# mozilla-django-oidc, subclassed in accounts; endpoints come from discovery at run time.
OIDC_RP_CLIENT_ID = env.AUTH0_CLIENT_ID
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_RP_SCOPES = "openid profile email"
OIDC_USE_PKCE = True
OIDC_STORE_ACCESS_TOKEN = False
OIDC_STORE_ID_TOKEN = False
OIDC_TIMEOUT = 5

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    # Sign-out and connect are form posts that end in a redirect to the issuer.
    "form-action": [CSP.SELF, "{0.scheme}://{0.netloc}".format(urlsplit(env.issuer))],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = False  # TLS ends at the proxy in front (docs/deploy)
SECURE_HSTS_SECONDS = 31536000 if _https else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
DATA_UPLOAD_MAX_MEMORY_SIZE = (
    2_621_440  # bytes; portal.ops.request_body_limits refuses more before reading
)

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns where it is missing
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "portal.ops.hashed_static_files.FingerprintedStorage"},
}
WHITENOISE_USE_FINDERS = False
WHITENOISE_ALLOW_ALL_ORIGINS = False

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH: list[str] = []

# No message is sent (ADR 4), but Celery's worker wants a broker; one in memory needs no folder.
CELERY_BROKER_URL = env.CELERY_BROKER_URL
if CELERY_BROKER_URL.startswith("filesystem:"):
    CELERY_BROKER_URL = "memory://localhost"
    os.environ.pop("CELERY_BROKER_URL", None)  # Celery would take it before this setting
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # no message is sent: a broker may be away for ever
CELERY_TASK_DEFAULT_QUEUE = "ata"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_TIMEZONE = "UTC"
# In memory: nothing is lost with it, and a file would be half written after a kill.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
CELERY_BEAT_SCHEDULE: dict[str, object] = {}  # the worker's loops find due rows themselves

MAILERS = {"default": mailer(env.MAILER_URL)}
DEFAULT_FROM_EMAIL = env.PORTAL_FROM

LOGGING_CONFIG = None
logging_config(env.PORTAL_ENV)

TEST_RUNNER = "django.test.runner.DiscoverRunner"
SILENCED_SYSTEM_CHECKS: list[str] = []

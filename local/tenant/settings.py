"""Django settings of the local tenant (its own project, apart from ``portal.settings``)."""

from __future__ import annotations

import secrets
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP
from pydantic import ValidationError

from local.tenant.env import env

try:
    ENV = env()
except ValidationError as error:
    wrong = "; ".join(f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
    raise ImproperlyConfigured(f"Fix the environment: {wrong}") from None
if ENV.problems():
    raise ImproperlyConfigured(" ".join(ENV.problems()))

VAR_DIR = ENV.var_dir
VAR_DIR.mkdir(parents=True, exist_ok=True)


def _secret_key(path: Path) -> str:
    if not path.exists():
        # Beside and renamed: killed half-way, an empty file would refuse every later start.
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        draft.rename(path)
    return path.read_text().strip()


SECRET_KEY = _secret_key(VAR_DIR / "tenant-secret-key")
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", urlsplit(ENV.issuer).hostname or "localhost"]
ROOT_URLCONF = "local.tenant.urls"
WSGI_APPLICATION = "local.tenant.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "tenant.Person"
USE_TZ = True
TIME_ZONE = "UTC"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.idp.oidc",
    "local.tenant",
    "local.tenant.ciba",
    "local.tenant.vault",
]

MIDDLEWARE = [
    "local.tenant.middleware.LoopbackOnly",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "local.tenant.middleware.OAuthErrors",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "local.tenant.pages.local_tenant_banner.band",
            ]
        },
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR_DIR / "tenant.sqlite3",
        "OPTIONS": {
            # Immediate: a token request reads a code and then spends it; two at once must queue.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
# In the database, so that a restart keeps what is in flight.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "tenant_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

SESSION_COOKIE_NAME = "tenant_session"
CSRF_COOKIE_NAME = "tenant_csrf"
SESSION_COOKIE_AGE = 7 * 24 * 3600
PASSWORD_HASHERS = ["local.tenant.applications.secret_hashers.RandomSecretHasher"]

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# No form-action: signing in ends in a redirect to whichever client asked, and Chromium applies
# form-action to that redirect as well.
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "style-src": [CSP.SELF],
    "script-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
X_FRAME_OPTIONS = "DENY"

ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
IDP_OIDC_ADAPTER = "local.tenant.oauth.allauth_adapter.TenantAdapter"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # An OAuth error is an answer, not an incident: pollers get one every few seconds.
    "loggers": {"django.request": {"level": "ERROR"}},
}

"""The typed environment: DESIGN 2.2, one field a name.

A `.env` file in the checkout is read; a real variable wins over it. Every secret may also be given
as `NAME_FILE`, a path whose content is the value; those of `ROTATED` are read again when their file
changes. In embedded mode missing secrets are generated once into `VAR_DIR/secrets/`, mode 0600.
"""

from __future__ import annotations

import os
import re
import secrets
from datetime import datetime
from functools import cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from http_client.proxies_and_authorities import Additions, check_ca_file, checked_proxy
from portal.rotating_secret_file import SecretFile

BASE_DIR = Path(__file__).resolve().parent.parent

_IPV4_IN_IPV6 = IPv6Network("::ffff:0:0/96")
_KEY = re.compile(r"[0-9a-fA-F]{64}")
SECRETS = (
    "SECRET_KEY",
    "EVIDENCE_KEY",
    "EVIDENCE_KEY_PREVIOUS",
    "AUTH0_CLIENT_SECRET",
    "AUTH0_VAULT_CLIENT_SECRET",
    "AUTH0_MGMT_CLIENT_SECRET",
    "AUTH0_LOG_STREAM_TOKEN",
    "MAILER_URL",
    "APPROVAL_WEBHOOK_SECRET",
)
ADDRESSES = ("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "HTTPS_PROXY")
"""May hold a password, so a file can name each, too; unlike a secret none is ever made up."""
ROTATED = (
    "AUTH0_CLIENT_SECRET",
    "AUTH0_VAULT_CLIENT_SECRET",
    "AUTH0_MGMT_CLIENT_SECRET",
    "AUTH0_LOG_STREAM_TOKEN",
    "APPROVAL_WEBHOOK_SECRET",
)
"""What somebody else may change at any time; given as a file, it needs no restart."""
GENERATED = ("SECRET_KEY", "EVIDENCE_KEY")
GENERATED_WITH_THE_LOCAL_TENANT = (
    "AUTH0_CLIENT_SECRET",
    "AUTH0_VAULT_CLIENT_SECRET",
    "AUTH0_MGMT_CLIENT_SECRET",
)


class EnvironmentRefused(SystemExit):
    """The environment is not usable; the message lists every reason at once."""


class Env(BaseModel):
    """The environment of the process. Names and defaults: DESIGN 2.2."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    # Django's settings look for it in each value, each time; what a model has not, it seeks long.
    _mask_wrapped: ClassVar[bool] = True

    VAR_DIR: Path = BASE_DIR / "var"
    PORTAL_ENV: Literal["embedded", "production"] = "embedded"
    PORTAL_PORT: int = Field(8000, ge=1, le=65535)
    PORTAL_URL: str = ""
    TENANT_PORT: int = Field(8100, ge=1, le=65535)
    DATABASE_URL: str = ""
    CELERY_BROKER_URL: str = "filesystem://"
    CACHE_URL: str = ""
    SECRET_KEY: str = ""
    EVIDENCE_KEY: str = ""
    EVIDENCE_KEY_PREVIOUS: str = ""
    AUTH0_ISSUER: str = ""
    AUTH0_CLIENT_ID: str = "ata-web"
    AUTH0_CLIENT_SECRET: str = ""
    AUTH0_API_AUDIENCE: str = "https://ata.local/api"
    AUTH0_APPROVAL_AUDIENCE: str = "https://ata.local/approvals"
    AUTH0_CLI_CLIENT_ID: str = "ata-cli"
    AUTH0_API_CLIENTS: str = ""
    AUTH0_BROKER_CLIENTS: str = ""
    AUTH0_VAULT_CLIENT_ID: str = "ata-vault"
    AUTH0_VAULT_CLIENT_SECRET: str = ""
    AUTH0_MGMT_CLIENT_ID: str = "ata-mgmt"
    AUTH0_MGMT_CLIENT_SECRET: str = ""
    AUTH0_ROLES_CLAIM: str = "https://ata.example/roles"
    AUTH0_LOG_STREAM_TOKEN: str = ""
    STEP_UP_EXPIRY_S: int = Field(300, ge=1, le=259200)
    PUSHES_PER_MINUTE: int = Field(5, ge=1)
    LEDGER_ORIGIN: str = ""
    LEDGER_KEY_FILE: Path | None = None
    LEDGER_POLICY_FILE: Path | None = None
    LEDGER_WITNESS_URLS: str = ""
    TSA_URL: str = ""
    TSA_CA_FILE: Path | None = None
    OTEL_EXPORTER_OTLP_ENDPOINT: str = ""
    CA_FILE: Path | None = None
    HTTPS_PROXY: str = ""
    NO_PROXY: str = ""
    DEFENSECLAW_INSTANCES_FILE: Path | None = None
    TRUSTED_PROXIES: str = ""
    DEMO: bool = False
    MAILER_URL: str = "console://"
    PORTAL_FROM: str = "Auth0-ATA <portal@localhost>"
    APPROVAL_WEBHOOK_URL: str = ""
    APPROVAL_WEBHOOK_SECRET: str = ""
    TENANT_CONTROL_TOKEN: str = ""
    BREAKGLASS_UNTIL: str = ""
    _files: dict[str, SecretFile] = PrivateAttr(default_factory=dict)

    @field_validator(
        "LEDGER_KEY_FILE",
        "LEDGER_POLICY_FILE",
        "TSA_CA_FILE",
        "CA_FILE",
        "DEFENSECLAW_INSTANCES_FILE",
        mode="before",
    )
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("DEMO", mode="before")
    @classmethod
    def _empty_is_no(cls, value: object) -> object:
        return False if value == "" else value

    @field_validator("DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "MAILER_URL")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            _ = urlsplit(value).port
        except ValueError:  # whose message would repeat a part of the password
            raise ValueError("is no URL; percent-encode a password's # / ? [ ]") from None
        return value

    @field_validator("EVIDENCE_KEY", "EVIDENCE_KEY_PREVIOUS")
    @classmethod
    def _is_a_key(cls, value: str) -> str:
        if value and not _KEY.fullmatch(value):
            raise ValueError("must be 64 hex digits")
        return value

    @field_validator("CA_FILE")
    @classmethod
    def _has_certificates(cls, value: Path | None) -> Path | None:
        if value is not None:
            check_ca_file(value)
        return value

    @field_validator("OTEL_EXPORTER_OTLP_ENDPOINT")
    @classmethod
    def _is_a_collector(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("must be an http or https address, such as http://127.0.0.1:4318")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("must be without a password; OTEL_EXPORTER_OTLP_HEADERS takes tokens")
        return value

    @field_validator("HTTPS_PROXY")
    @classmethod
    def _is_a_proxy(cls, value: str) -> str:
        return checked_proxy(value) if value else ""

    @field_validator("TRUSTED_PROXIES")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        networks = [_network(one) for one in _names(value)]
        fours = collapse_addresses(one for one in networks if isinstance(one, IPv4Network))
        sixes = collapse_addresses(one for one in networks if isinstance(one, IPv6Network))
        lengths = [one.prefixlen for one in fours] + [one.prefixlen for one in sixes]
        if not all(lengths):
            raise ValueError(f"{value} would let every caller choose its recorded address")
        return value

    @field_validator("BREAKGLASS_UNTIL")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        if value and _moment(value) is None:
            raise ValueError("must be a time with its zone, such as 2026-11-25T18:00:00Z")
        return value

    def credential(self, name: str) -> str | SecretFile:
        """A secret: the value that was given, or the file it lies in and may change in."""
        value: str = getattr(self, name)
        return value or self._files.get(name, "")

    def secret(self, name: str) -> str:
        """What a secret is now; empty where there is none."""
        found = self.credential(name)
        return found if isinstance(found, str) else found.value()

    @property
    def breakglass_until(self) -> datetime | None:
        """When the break-glass sign-in closes automatically; None while it is off."""
        return _moment(self.BREAKGLASS_UNTIL)

    @property
    def local_tenant(self) -> bool:
        """True when no issuer was named, so the local tenant is the issuer (embedded mode)."""
        return not self.AUTH0_ISSUER and self.PORTAL_ENV == "embedded"

    @property
    def issuer(self) -> str:
        """Issuer URL exactly as ID tokens must carry it."""
        return self.AUTH0_ISSUER or f"http://localhost:{self.TENANT_PORT}/"

    @property
    def portal_url(self) -> str:
        """Public base URL without a trailing slash."""
        return (self.PORTAL_URL or f"http://localhost:{self.PORTAL_PORT}").rstrip("/")

    @property
    def api_clients(self) -> frozenset[str]:
        """`azp` values that `/v1` accepts."""
        return _names(self.AUTH0_API_CLIENTS) or frozenset(
            {self.AUTH0_CLI_CLIENT_ID, self.AUTH0_CLIENT_ID}
        )

    @property
    def broker_clients(self) -> frozenset[str]:
        """`azp` values that the token broker accepts."""
        return _names(self.AUTH0_BROKER_CLIENTS) or frozenset({self.AUTH0_CLI_CLIENT_ID})

    @property
    def additions(self) -> Additions:
        """What outgoing calls add to the public authorities and the direct way."""
        return Additions(self.CA_FILE, self.HTTPS_PROXY, _names(self.NO_PROXY))

    @property
    def trusted_proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Proxies whose `X-Forwarded-For` is believed."""
        return _networks(self.TRUSTED_PROXIES)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


@cache
def _names(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.replace(",", " ").split())


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        found = ip_network(text)
    except ValueError:
        raise ValueError(f"{text} must be an IP address or a network") from None
    if isinstance(found, IPv6Network) and found.subnet_of(_IPV4_IN_IPV6):
        raise ValueError(f"{text}: write it as an IPv4 network")
    return found


@cache
def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(one) for one in sorted(_names(text)))


def load() -> Env:
    """Read `.env`, the process environment and `NAME_FILE` files.

    Raises:
        EnvironmentRefused: a value is malformed or a named file cannot be read; all at once.
    """
    given = {k: v for k, v in dotenv_values(BASE_DIR / ".env").items() if v is not None}
    given |= {k: v for k, v in os.environ.items() if k in Env.model_fields or k.endswith("_FILE")}
    problems: list[str] = []
    files: dict[str, SecretFile] = {}
    for name in (*SECRETS, *ADDRESSES):
        path = given.get(f"{name}_FILE")
        if path and not given.get(name):
            try:
                found = SecretFile(name, Path(path))
            except OSError as error:
                problems.append(f"{name}_FILE: {error.strerror or error}: {path}")
            except UnicodeDecodeError:
                problems.append(f"{name}_FILE: not UTF-8: {path}")
            else:
                # What may change is held by its file alone, so that an old value is held nowhere.
                given[name] = "" if name in ROTATED else found.value()
                if name in ADDRESSES and not given[name]:
                    problems.append(f"{name}_FILE: empty: {path}")
                if name in ROTATED:
                    files[name] = found
    try:
        env = Env.model_validate({k: v for k, v in given.items() if k in Env.model_fields})
    except ValidationError as error:
        problems += [f"{e['loc'][0]}: {e['msg']}" for e in error.errors()]
        raise EnvironmentRefused(_say(problems)) from None
    if problems:
        raise EnvironmentRefused(_say(problems))
    env._files.update(files)
    var_dir = env.VAR_DIR if env.VAR_DIR.is_absolute() else BASE_DIR / env.VAR_DIR
    return with_generated_secrets(env.model_copy(update={"VAR_DIR": var_dir}))


def _say(problems: list[str]) -> str:
    return "The environment is not usable:\n" + "\n".join(f"  - {p}" for p in problems)


def with_generated_secrets(env: Env) -> Env:
    """Fill secrets that embedded mode generates for itself; production generates none."""
    if env.PORTAL_ENV != "embedded":
        return env
    names = GENERATED + (GENERATED_WITH_THE_LOCAL_TENANT if env.local_tenant else ())
    missing = {n: kept_secret(env.VAR_DIR, n) for n in names if not env.secret(n)}
    if (previous := env.VAR_DIR / "secrets" / "EVIDENCE_KEY_PREVIOUS").exists():
        missing["EVIDENCE_KEY_PREVIOUS"] = previous.read_text().strip()
    return env.model_copy(update=missing)


def kept_secret(var_dir: Path, name: str) -> str:
    """The secret kept as `VAR_DIR/secrets/NAME` (hex, 32 bytes), made at first use with mode 0600.

    Raises:
        EnvironmentRefused: the folder cannot be written.
    """
    path = var_dir / "secrets" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            # Written beside and linked into place, so that a second process never reads half of it.
            draft = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as handle:
                handle.write(secrets.token_hex(32))
                handle.flush()
                os.fsync(handle.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise EnvironmentRefused(
            f"Cannot keep {name} in {path.parent}: {error.strerror}. "
            "Make the folder writable or set VAR_DIR to one that is."
        ) from None


env = load()

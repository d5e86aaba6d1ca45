"""Every secret of a running house that must be nowhere but where it belongs.

The tenant keeps digests of the bearer secrets it issued (access and refresh tokens, device codes,
`auth_req_id`s, codes, connect sessions, provider tokens). So a text of the right shape whose
SHA-256 is among those digests *is* a secret, whoever received it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tests.support.stack import Stack

_DIGESTS = (
    ("access or ID token", "SELECT hash FROM allauth_idp_oidc_token"),
    ("authorization code", "SELECT digest FROM tenant_authorizationcode"),
    ("device code", "SELECT digest FROM tenant_devicecode"),
    ("refresh token", "SELECT digest FROM tenant_refreshtoken"),
    ("auth_req_id", "SELECT auth_req_digest FROM tenant_ciba_consent"),
    ("connect session", "SELECT session_digest FROM tenant_vault_connectattempt"),
    ("connect ticket", "SELECT ticket_digest FROM tenant_vault_connectattempt"),
    ("connect code", "SELECT code_digest FROM tenant_vault_connectattempt"),
    ("provider refresh token", "SELECT refresh_digest FROM tenant_vault_providergrant"),
    ("provider access token", "SELECT digest FROM tenant_vault_providertoken"),
)
# The shapes of local/tenant/ids.py and of the providers: 43 letters, with or without a prefix.
_SECRET = 43
_PREFIXED = re.compile(rb"(?=((?:gh[ur]_|xoxp-|xoxe-1-|ya29\.|1//|v1\.)[A-Za-z0-9_-]{43,63}))")
_RUN = re.compile(rb"[A-Za-z0-9_-]{43,}")
_HEX = re.compile(rb"[0-9a-f-]+|[0-9A-F-]+")
_JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}")
_SEALED_PROVIDER_TOKENS = """
import django, json; django.setup()
from local.tenant.vault.models import ConnectedAccount
from local.tenant.vault.sealing import unseal
print(json.dumps([unseal(bytes(sealed), a.id) for a in ConnectedAccount.objects.all()
                  for sealed in (a.sealed_refresh_token, a.sealed_access_token)]))
"""


@dataclass(frozen=True)
class Needles:
    """What to look for: secrets by value and by digest, each with what it is."""

    values: dict[bytes, str]
    digests: dict[str, str]

    def in_text(self, text: bytes) -> Iterator[str]:
        """What each secret in the text is; its value is never repeated."""
        for value, what in self.values.items():
            if value in text:
                yield what
        for match in _JWT.finditer(text):
            yield f"a JWT ({self._known(match[0]) or 'not one of ours'})"
        for match in _PREFIXED.finditer(text):
            for length in {len(match[1]), match[1].rfind(b"-") + 1 + _SECRET}:
                if what := self._known(match[1][:length]):
                    yield what
        for match in _RUN.finditer(text):
            yield from self._in_run(match[0])

    def _in_run(self, run: bytes) -> Iterator[str]:
        if _HEX.fullmatch(run):
            return
        for start in range(len(run) - _SECRET + 1):
            if what := self._known(run[start : start + _SECRET]):
                yield what

    def _known(self, text: bytes) -> str:
        return self.digests.get(hashlib.sha256(text).hexdigest(), "")


SESSIONS = "sessions.txt"  # session files of command lines
BROWSERS = "browsers.txt"  # what browsers were given, kind and value on a line
OF_SESSIONS = frozenset({"CSRF secret", "state of a sign-in", "nonce of a sign-in"})
_CARRIED = {"state": "state of a sign-in", "nonce": "nonce of a sign-in", "code": "code"}
_COOKIES = {"ata_session": "session cookie", "ata_csrf": "CSRF secret"}


def in_address(url: str) -> Iterator[tuple[str, str]]:
    """Kind and value of each secret that an address carries."""
    for name, value in parse_qsl(urlsplit(url).query):
        if name in _CARRIED and len(value) >= 20:
            yield _CARRIED[name], value


def in_cookie(name: str, value: str) -> Iterator[tuple[str, str]]:
    """Kind and value of a cookie of the portal."""
    kind = _COOKIES.get(name.removeprefix("__Host-"))
    if kind and len(value) >= 20:
        yield kind, value


def collect(stack: Stack, homes: Path) -> Needles:
    """The secrets of a house: what its tenant issued, what was generated, what people hold."""
    digests = {
        str(row[0]): what
        for what, query in _DIGESTS
        for row in stack.rows(query, database="tenant")
        if row[0]
    }
    values = {
        path.read_bytes().strip(): f"secret {path.name}"
        for path in (stack.var_dir / "secrets").iterdir()
    }
    values[(stack.var_dir / "tenant-secret-key").read_bytes().strip()] = "the tenant's key"
    sealed = stack.run(
        "-c", _SEALED_PROVIDER_TOKENS, DJANGO_SETTINGS_MODULE="local.tenant.settings"
    )
    assert sealed.returncode == 0, sealed.stderr
    for token in json.loads(sealed.stdout):
        values[token.encode()] = "provider token in the vault"
    for token in re.findall(r'"(?:access|refresh)_token": ?"([^"]+)"', _read(homes / SESSIONS)):
        values[token.encode()] = "token of a command line's session"
    for line in _read(homes / BROWSERS).splitlines():
        kind, _, value = line.partition("\t")
        values[value.encode()] = kind
    return Needles({value: what for value, what in values.items() if value}, digests)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""

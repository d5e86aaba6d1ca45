"""The facts as one CycloneDX 1.7 document (ECMA-424), its fields attributed to their sources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from approvals.clock import stamp
from audit.clock import uuid7
from connections.auth_ibom import access_review_attestations, consents_and_tokens
from connections.auth_ibom.fact_collection import Facts
from connections.auth_ibom.inventory_records import Access, Account, Declared, Used
from connections.scopes import catalogue, containment

MEDIA_TYPE: Final = "application/vnd.cyclonedx+json; version=1.7"
SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.7.schema.json"
PROFILE: Final = "ata.ibom.v1"

# States of a credential in the words of CycloneDX (NIST SP 800-57 part 1, 7): what may no longer be
# used is deactivated, what is gone is destroyed.
STATES: Final = {
    "connected": "active",
    "expiring": "active",
    "asleep": "suspended",
    "frozen": "suspended",
    "needs_reconnect": "deactivated",
    "suspended": "suspended",
    "revocation_pending": "deactivated",
    "gone": "destroyed",
    "revoked": "destroyed",
}
SOURCES: Final = {
    "my_account": "Auth0 My Account API, to the owner",
    "management": "Auth0 Management API",
    "broker": "Token broker of this portal",
    "tenant_log": "Auth0 tenant log",
}


def build(facts: Facts, serial: UUID | None = None) -> dict[str, Any]:
    """The document, not signed yet; `serial` names it (a new one unless given)."""
    parts = _Parts(facts)
    document: dict[str, Any] = {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{serial or uuid7()}",
        "version": 1,
        "metadata": _metadata(facts),
        "components": parts.components,
        "services": parts.services,
        "dependencies": parts.dependencies(),
        "compositions": list(_compositions(facts)),
    }
    if parts.citations:
        document["citations"] = parts.citations
    states = {account.id: account.state for account in facts.accounts}
    if added := access_review_attestations.build(facts.reviews, states, parts.excess):
        document |= {"definitions": access_review_attestations.standard(), "declarations": added}
    return document


class _Parts:
    """Components, services and the edges between them, in one walk over the facts."""

    def __init__(self, facts: Facts) -> None:
        self.components: list[dict[str, Any]] = []
        self.citations: list[dict[str, Any]] = []
        self.excess: dict[str, bool] = {}  # by account: whether it has scopes beyond manifests
        self._edges: dict[str, set[str]] = {}
        self._declared: dict[str, set[str]] = {}
        names = {account.connection for account in facts.accounts}
        for manifest in facts.manifests:
            for connection, wanted in manifest.needs:
                names.add(connection)
                self._declared.setdefault(connection, set()).update(wanted)
            self._component(manifest)
        self.services = [
            *(_service(name) for name in sorted(names)),
            *(_source(name, words) for name, words in SOURCES.items()),
        ]
        for account in facts.accounts:
            self._credential(facts, account)
        for access in facts.access:
            self._granted(facts, access)
        self.services += [
            consents_and_tokens.service(name)
            for name in sorted({name for one in facts.access for name in one.audiences})
        ]

    def dependencies(self) -> list[dict[str, Any]]:
        """Who acts → with what → where."""
        return [
            {"ref": ref, "dependsOn": sorted(uses)} if uses else {"ref": ref}
            for ref, uses in sorted(self._edges.items())
        ]

    def _part(self, ref: str, name: str, *properties: dict[str, str]) -> str:
        """An application, once; its reference."""
        if ref not in self._edges:
            self._edges[ref] = set()
            self.components.append(
                {"type": "application", "bom-ref": ref, "name": name, "properties": [*properties]}
            )
        return ref

    def _component(self, manifest: Declared) -> None:
        needs = [
            _property("needs", f"{connection} {' '.join(wanted)}".rstrip())
            for connection, wanted in manifest.needs
        ]
        self._part(
            component_ref(manifest.kind, manifest.name),
            manifest.name,
            _property("kind", manifest.kind),
            _property("manifest", manifest.digest),
            _property("manifest.declared_at", stamp(manifest.declared_at)),
            *needs,
        )

    def _user(self, use: Used) -> str:
        """The agent or component that used an account, as the gateway named it."""
        kind, _, name = use.skill.partition(":")
        if not name:
            kind, name = "agent", use.agent or "unnamed"
        identity = _property("identity", "asserted by the gateway, not proven")
        return self._part(component_ref(kind, name), name, _property("kind", kind), identity)

    def _application(self, client_id: str) -> str:
        """An application that Auth0 gave tokens itself; what it runs for is not ours to know."""
        return self._part(
            component_ref("application", client_id),
            client_id,
            _property("kind", "application"),
            _property("identity", "client id at Auth0"),
        )

    def _credential(self, facts: Facts, account: Account) -> None:
        ref = f"credential:{account.id}"
        uses = account.users
        for use in uses:
            self._edges[self._user(use)].add(ref)
        for client in sorted(account.seen):
            self._edges[self._application(client)].add(ref)
        self._edges[ref] = {f"service:{account.connection}"}
        at = f"/components/{len(self.components)}"
        added = [
            _property("connection", account.connection),
            _property("owner.iss", account.iss),
            _property("owner.sub", account.sub),
            *(_property("scope", scope) for scope in account.scopes),
        ]
        declared = self._declared.get(account.connection, set())
        self.excess[account.id] = bool(
            containment.beyond(account.connection, account.scopes, declared)
        )
        ours = list(_from_us(account, uses, declared))
        self.components.append(
            {
                "type": "cryptographic-asset",
                "bom-ref": ref,
                "name": f"{catalogue.title(account.connection)} account {account.named}".rstrip(),
                "cryptoProperties": {
                    "assetType": "related-crypto-material",
                    "relatedCryptoMaterialProperties": _material(account),
                },
                "properties": [*added, *ours],
                **_evidence(facts, account.id),
            }
        )
        crypto = f"{at}/cryptoProperties"
        self._cite(
            account.source,
            stamp(account.seen_at or facts.taken),
            [crypto, *(f"{at}/properties/{n}" for n in range(len(added)))],
        )
        if account.last_used_at is not None:
            seen = [
                f"{at}/properties/{len(added) + n}"
                for n, one in enumerate(ours)
                if one["name"].startswith("ata:last_used")
            ]
            self._cite("broker", stamp(account.last_used_at), seen)
        first = len(added) + len(ours)
        for n, (client, day) in enumerate(sorted(account.seen.items())):
            self.components[-1]["properties"].append(_property("seen_by_auth0", f"{client} {day}"))
            self._cite("tenant_log", f"{day}T00:00:00Z", [f"{at}/properties/{first + n}"])

    def _granted(self, facts: Facts, access: Access) -> None:
        """An application that acts as somebody directly, and by what."""
        ref = consents_and_tokens.ref_of(access)
        self._edges[self._application(access.client_id)].add(ref)
        self._edges[ref] = {consents_and_tokens.api_ref(audience) for audience in access.audiences}
        self._cite("management", stamp(access.seen_at), [f"/components/{len(self.components)}"])
        self.components.append(consents_and_tokens.component(access, _evidence(facts, access.id)))

    def _cite(self, source: str, when: str, pointers: list[str]) -> None:
        self.citations.append(
            {
                "bom-ref": f"citation:{len(self.citations)}",
                "pointers": pointers,
                "timestamp": when,
                "attributedTo": f"source:{source if source in SOURCES else 'management'}",
            }
        )


def component_ref(kind: str, name: str) -> str:
    """`skill:pdf-reader`, as the trail and the broker name components."""
    return f"{kind}:{name}"


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": f"ata:{name}", "value": value}


def _material(account: Account) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "token",
        "id": account.auth0_id,
        "state": STATES[account.state],
        "securedBy": {"mechanism": "Auth0 Token Vault"},
    }
    if account.state_since is not None:
        found["updateDate"] = stamp(account.state_since)
    if account.connected_at is not None:
        found["creationDate"] = stamp(account.connected_at)
    if account.expires_at is not None:
        found["expirationDate"] = stamp(account.expires_at)
    return found


def _from_us(account: Account, uses: list[Used], declared: set[str]) -> Iterator[dict[str, str]]:
    yield _property("state", account.state)
    if account.state_since is not None:
        yield _property("state_since", stamp(account.state_since))
    if account.state_reason:
        yield _property("state_reason", account.state_reason)
    if account.email:
        yield _property("owner.email", account.email)
    for scope in containment.beyond(account.connection, account.scopes, declared):
        yield _property("scope.excess", scope)
    for scope in containment.beyond(account.connection, declared, account.scopes):
        yield _property("scope.missing", scope)
    watched = stamp(account.watched_since) if account.watched_since else "we began"
    yield _property("watched_since", watched)
    if account.last_used_at is None:
        yield _property("use", f"not seen since {watched}")
        return
    yield _property("last_used_at", stamp(account.last_used_at))
    for use in uses:
        yield _property(
            "last_used_by", f"{use.agent or 'unnamed'} {use.skill} {use.count}".replace("  ", " ")
        )


def _evidence(facts: Facts, name: str) -> dict[str, Any]:
    """Where the newest entry about it is, for a reader who checks the row."""
    proof = facts.proofs.get(name)
    if proof is None:
        return {}
    return {"externalReferences": access_review_attestations.references(proof.event, proof.index)}


def _service(connection: str) -> dict[str, Any]:
    return {
        "bom-ref": f"service:{connection}",
        "name": catalogue.title(connection),
        "authenticated": True,
        "x-trust-boundary": True,
        "properties": [_property("connection", connection)],
    }


def _source(name: str, words: str) -> dict[str, Any]:
    return {"bom-ref": f"source:{name}", "name": words, "properties": [_property("kind", "source")]}


def _metadata(facts: Facts) -> dict[str, Any]:
    head = facts.checkpoint
    said = [
        _property("profile", PROFILE),
        _property("view", "everybody" if facts.whole else "what its reader may see"),
        *([_property("rebuilt_from_entries", str(facts.size))] if facts.size is not None else []),
        _property("compared_with_auth0", stamp(facts.compared) if facts.compared else "never"),
        _property("people_not_read", str(facts.unread)),
        _property(
            "applications",
            "as Auth0 listed them last" if facts.size is None else "as the log tells",
        ),
    ]
    if head is not None:
        said += [
            _property("log.size", str(head.size)),
            _property("log.checkpoint", head.note),
        ]
    return {
        "timestamp": stamp(facts.taken),
        "lifecycles": [{"phase": "operations"}],
        "component": {
            "type": "platform",
            "bom-ref": "portal",
            "name": "Auth0-ATA",
            "externalReferences": [{"type": "website", "url": settings.PORTAL_URL}],
        },
        "properties": said,
        "distributionConstraints": {"tlp": "AMBER"},
    }


def _compositions(facts: Facts) -> Iterator[dict[str, Any]]:
    """How complete this is, said for what it is said of (never more than we know)."""
    credentials = [f"credential:{account.id}" for account in facts.accounts]
    credentials += [consents_and_tokens.ref_of(access) for access in facts.access or ()]
    if facts.size is not None:
        whole = "incomplete" if facts.unread else "complete"  # of what the log tells
    elif facts.compared is None or facts.unread:
        whole = "incomplete" if facts.unread else "unknown"
    else:
        whole = "complete" if facts.whole else "incomplete"
    yield {"aggregate": whole, "assemblies": credentials or ["portal"]}
    # Uses that were made past our broker leave no trace here.
    yield {"aggregate": "unknown", "dependencies": ["portal"]}

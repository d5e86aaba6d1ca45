"""The demo accounts and roles: fixed subjects, names and what each can do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """A role of the portal in one line, and its permissions on the portal's API."""

    name: str
    can: str
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """One demo account; ``role`` empty means a plain member."""

    sub: str
    email: str
    name: str
    role: str

    @property
    def given_name(self) -> str:
        """First name."""
        return self.name.split()[0]

    @property
    def family_name(self) -> str:
        """Last name."""
        return self.name.split()[-1]


API_PERMISSIONS = {
    "read:events": "Read audit events",
    "write:events": "Report audit events",
}

ROLES = (
    RoleSpec(
        "auditor",
        "Reads and exports everything, evidence included. Decides nothing.",
        ("read:events",),
    ),
    RoleSpec(
        "operator",
        "Holds, blocks and allows skills, servers and plugins. Answers approval requests.",
        ("write:events",),
    ),
    RoleSpec(
        "admin",
        "Policy, gateways, freezes, other people's connections, erasure.",
        ("read:events", "write:events"),
    ),
)
MEMBER_CAN = "Own connections, approvals and history."

ACCOUNTS = (
    Account("auth0|65f0a1d17e5c3b9a40c1a001", "auditor@acme.example", "Ada Auditor", "auditor"),
    Account("auth0|65f0a1d17e5c3b9a40c1b001", "operator@acme.example", "Olu Operator", "operator"),
    Account(
        "auth0|65f0a1d17e5c3b9a40c1b002", "operator2@acme.example", "Oona Operator", "operator"
    ),
    Account("auth0|65f0a1d17e5c3b9a40c1c001", "admin@acme.example", "Amir Admin", "admin"),
    Account("auth0|65f0a1d17e5c3b9a40c1c002", "admin2@acme.example", "Anya Admin", "admin"),
    Account("auth0|65f0a1d17e5c3b9a40c1d001", "member1@acme.example", "Mia Member", ""),
    Account("auth0|65f0a1d17e5c3b9a40c1d002", "member2@acme.example", "Milo Member", ""),
)

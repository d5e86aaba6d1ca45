"""The Management API v2, the slice this product needs, with our machine client's token."""

from __future__ import annotations

from auth0_client.management.api import MOST_FOUND, USERS_A_PAGE, Management
from auth0_client.management.logs import LogPage
from auth0_client.management.people import (
    AuthenticationMethod,
    Grant,
    ManagedAccount,
    RefreshToken,
    Role,
    Session,
    User,
)
from auth0_client.management.transport import Budget

__all__ = [
    "MOST_FOUND",
    "USERS_A_PAGE",
    "AuthenticationMethod",
    "Budget",
    "Grant",
    "LogPage",
    "ManagedAccount",
    "Management",
    "RefreshToken",
    "Role",
    "Session",
    "User",
]

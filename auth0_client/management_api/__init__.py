"""The Management API v2, the slice this product needs, with our machine client's token."""

from __future__ import annotations

from auth0_client.management_api.log_page_parsing import LogPage
from auth0_client.management_api.management_endpoints import MOST_FOUND, USERS_A_PAGE, Management
from auth0_client.management_api.transport import Budget
from auth0_client.management_api.typed_user_and_grant_records import (
    AuthenticationMethod,
    Grant,
    ManagedAccount,
    RefreshToken,
    Role,
    Session,
    User,
)

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

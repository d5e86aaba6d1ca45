"""``/api/v2/``: every address with the scope that each method needs."""

from __future__ import annotations

from django.urls import path

from local.tenant.api_v2 import (
    log_views,
    read_only_configuration_views,
    session_token_grant_views,
    users,
)
from local.tenant.api_v2.errors_and_rate_limits import resource

urlpatterns = [
    path("users", resource(get=(users.index, "read:users"))),
    path("users-by-email", resource(get=(users.by_email, "read:users"))),
    path("users/<str:user_id>", resource(get=(users.show, "read:users"))),
    path("users/<str:user_id>/roles", resource(get=(users.roles, "read:users read:roles"))),
    path(
        "users/<str:user_id>/authentication-methods",
        resource(get=(users.authentication_methods, "read:authentication_methods")),
    ),
    path(
        "users/<str:user_id>/sessions",
        resource(
            get=(users.session_list, "read:sessions"),
            delete=(users.end_sessions, "delete:sessions"),
        ),
    ),
    path(
        "users/<str:user_id>/refresh-tokens",
        resource(
            get=(users.refresh_token_list, "read:refresh_tokens"),
            delete=(users.end_refresh_tokens, "delete:refresh_tokens"),
        ),
    ),
    path(
        "users/<str:user_id>/revoke-access",
        resource(post=(users.revoke_access, "delete:sessions delete:refresh_tokens")),
    ),
    path(
        "users/<str:user_id>/logs",
        resource(get=(log_views.of_user, "read:logs|read:logs_users")),
    ),
    path("roles", resource(get=(read_only_configuration_views.roles, "read:roles"))),
    path(
        "roles/<str:role_id>/users",
        resource(get=(read_only_configuration_views.role_users, "read:users|read:role_members")),
    ),
    path(
        "sessions/<str:session_id>",
        resource(
            get=(session_token_grant_views.session, "read:sessions"),
            delete=(session_token_grant_views.end_session, "delete:sessions"),
        ),
    ),
    path(
        "sessions/<str:session_id>/revoke",
        resource(
            post=(session_token_grant_views.revoke_session, "delete:sessions delete:refresh_tokens")
        ),
    ),
    path(
        "refresh-tokens/<str:token_id>",
        resource(
            get=(session_token_grant_views.refresh_token, "read:refresh_tokens"),
            delete=(session_token_grant_views.revoke_refresh_token, "delete:refresh_tokens"),
        ),
    ),
    path(
        "grants",
        resource(
            get=(session_token_grant_views.grants, "read:grants"),
            delete=(session_token_grant_views.delete_grants_of_user, "delete:grants"),
        ),
    ),
    path(
        "grants/<str:grant_id>",
        resource(delete=(session_token_grant_views.delete_grant, "delete:grants")),
    ),
    path("logs", resource(get=(log_views.index, "read:logs|read:logs_users"))),
    path("logs/<str:log_id>", resource(get=(log_views.show, "read:logs|read:logs_users"))),
    path(
        "connections", resource(get=(read_only_configuration_views.connections, "read:connections"))
    ),
    path(
        "connections/<str:connection_id>",
        resource(get=(read_only_configuration_views.connection, "read:connections")),
    ),
    path("clients", resource(get=(read_only_configuration_views.clients, "read:clients"))),
    path(
        "clients/<str:client_id>",
        resource(get=(read_only_configuration_views.client, "read:clients")),
    ),
    path(
        "resource-servers",
        resource(get=(read_only_configuration_views.resource_servers, "read:resource_servers")),
    ),
    path(
        "resource-servers/<path:identifier>",
        resource(get=(read_only_configuration_views.resource_server, "read:resource_servers")),
    ),
    path(
        "client-grants",
        resource(get=(read_only_configuration_views.client_grants, "read:client_grants")),
    ),
]

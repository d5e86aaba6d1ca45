"""``authorization_details`` (RFC 9396), which Auth0 spells as a list or as a JSON string."""

from __future__ import annotations

from collections.abc import Mapping

from auth0_client.errors import TokenRefused
from http_client.json_fields import parse_json


def read_authorization_details(value: object) -> tuple[Mapping[str, object], ...]:
    """The details as a tuple of objects, each with a text ``type``; empty where there are none.

    Raises:
        TokenRefused: ``authorization_details`` if it is anything else.
    """
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError as problem:
            raise TokenRefused("authorization_details", f"the text {problem}") from None
    if value is None:
        return ()
    if not isinstance(value, list):
        raise TokenRefused("authorization_details", "must be a list")
    for item in value:
        if not isinstance(item, dict) or not isinstance(item.get("type"), str):
            raise TokenRefused("authorization_details", "must be a list of objects with a type")
    return tuple(value)

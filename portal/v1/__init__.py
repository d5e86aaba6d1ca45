"""The root of `/v1` and its OpenAPI document."""

"""The /v1 API: bearer tokens, problem+json, one module a resource."""

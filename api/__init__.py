"""What all of `/v1` shares: problem+json, paging, strict bodies, the OpenAPI document's parts."""

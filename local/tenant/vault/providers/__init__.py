"""The outside services the tenant plays: their consent pages, tokens, APIs and settings."""

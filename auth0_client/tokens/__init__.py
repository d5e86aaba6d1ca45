"""Tokens of the tenant: their form, signature and claims, and the answer that brings them."""

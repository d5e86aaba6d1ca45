"""Decisions, approvals and the policy over `/v1`."""

"""The audit trail over `/v1`."""

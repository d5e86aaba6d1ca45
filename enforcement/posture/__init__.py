"""How a gateway is set, against the baseline that an admin approved (ADR 45)."""

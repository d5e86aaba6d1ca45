"""The token broker: what it adds to an exchange, and how many it serves."""

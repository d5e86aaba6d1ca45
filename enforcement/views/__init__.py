"""Pages about what gateways report and what is decided about it."""

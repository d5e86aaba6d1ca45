"""Remote steps of committed decisions: run, read back, checked against their commit."""

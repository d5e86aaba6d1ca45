"""Pages of the audit trail and the public log."""

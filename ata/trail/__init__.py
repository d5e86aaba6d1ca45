"""The audit trail at the portal: filters, saved views, exports, samples."""

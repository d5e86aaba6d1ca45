"""The tenant log, and its stream to a webhook."""

"""Access reviews: who may act as whom, looked at account by account, with a signed result."""

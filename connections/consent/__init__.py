"""Connecting an account: what is offered, the flow at Auth0, and the account that arrives."""

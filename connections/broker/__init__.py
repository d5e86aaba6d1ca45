"""The token broker: who may ask, which account it takes, one exchange at Auth0, one event."""

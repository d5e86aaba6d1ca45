"""Token Vault: connected accounts, the exchange that hands out provider tokens, and the providers.

Plays Auth0's My Account connected-accounts API, its federated-connection token exchange, and the
GitHub, Slack and Google that stand behind them.
"""

"""Applications that may act as somebody at Auth0: listed next to accounts, ended like them."""

"""Applications that may act as somebody at Auth0: listed beside accounts, ended like them."""

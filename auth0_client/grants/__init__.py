"""How tokens are got: authorization code, device, CIBA, refresh, client credentials."""
